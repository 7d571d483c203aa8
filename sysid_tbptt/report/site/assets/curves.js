// Burn-in curves: RMSE over m, median and band over seeds, by test, model and N.
"use strict";

(() => {
  const { data, element, byId, fill, short } = page;
  const place = byId("curve-plot");
  if (!place) return;
  const tests = data("curves");
  const [test, model, length, scale] = ["test", "model", "length", "scale"].map((name) => byId(`curve-${name}`));
  const SHOWN = 8;

  const current = () => tests[test.selectedIndex];
  const name = (line) =>
    [line.model, `H ${line.hidden_size}`, `N ${line.seq_len}`, `B ${line.batch_size}`, ...line.setting.split(", "), line.budget];

  /** The names of lines, without the words that all have in common. */
  const labels = (lines) => {
    const names = lines.map(name);
    const common = (word) => names.every((words) => words.includes(word));
    return names.map((words) => words.filter((word, at) => at === 0 || (word && !common(word))).join(", "));
  };

  const wanted = () =>
    current().lines.filter(
      (line) => (!model.value || line.model === model.value) && (!length.value || String(line.seq_len) === length.value),
    );

  const band = (line, colour, at, visible) => ({
    x: [...line.m, ...[...line.m].reverse()],
    y: [...line.high, ...[...line.low].reverse()],
    fill: "toself",
    fillcolor: colour + "26",
    line: { width: 0 },
    mode: "lines",
    hoverinfo: "skip",
    showlegend: false,
    legendgroup: String(at),
    visible,
  });

  const median = (line, label, colour, at, visible, unit) => ({
    x: line.m,
    y: line.rmse,
    name: plots.plain(label),
    legendgroup: String(at),
    mode: "lines+markers",
    line: { color: colour, width: 2, dash: ["solid", "dash", "dot", "dashdot"][Math.floor(at / 8) % 4] },
    marker: {
      color: colour,
      size: line.m.map((_, number) => (number === line.chosen ? 12 : 6)),
      symbol: line.m.map((_, number) => (number === line.chosen ? "diamond" : "circle")),
    },
    customdata: line.m.map((_, number) => ({ line: at, number })),
    text: line.m.map((_, number) => `${short(line.low[number])} to ${short(line.high[number])}, runs: ${line.runs[number].length}`),
    hovertemplate: `m = %{x}<br>%{y:.4g} ${plots.plain(unit)}<br>%{text}<extra>%{fullData.name}</extra>`,
    visible,
  });

  const level = (line, found, label, colour, at, visible) => ({
    x: [line.m[0], line.m.at(-1)],
    y: [found.rmse, found.rmse],
    name: plots.plain(`${label}: ${found.regime}`),
    legendgroup: String(at),
    mode: "lines",
    line: { color: colour, width: 1, dash: found.regime === "stateful" ? "dash" : "dot" },
    hovertemplate: "%{y:.4g}<extra>%{fullData.name}</extra>",
    visible,
  });

  const best = (lines) => {
    const first = new Set();
    return lines.filter((line) => {
      const key = `${line.model} ${line.seq_len}`;
      return !first.has(key) && first.add(key);
    });
  };

  const draw = () => {
    const lines = wanted();
    const names = labels(lines);
    const shown = new Set(best(lines).slice(0, SHOWN));
    const { unit } = current();
    const traces = lines.flatMap((line, at) => {
      const colour = plots.colour(current().lines.indexOf(line));
      const visible = shown.has(line) || "legendonly";
      return [
        ...(line.runs.some((runs) => runs.length > 1) && !line.high.includes(null) ? [band(line, colour, at, visible)] : []),
        ...line.levels.map((found) => level(line, found, names[at], colour, at, visible)),
        median(line, names[at], colour, at, visible, unit),
      ];
    });
    const shape = plots.layout({
      xaxis: plots.axis({ title: "burn-in m [samples]", rangemode: "tozero" }),
      yaxis: plots.axis({ title: `RMSE [${plots.plain(unit)}]`, type: scale.value }),
      showlegend: true,
    });
    plots.draw(place, traces, shape);
    points(lines, names, unit);
  };

  const open = (lines, names, at, number) => {
    const line = lines[at];
    const { unit } = current();
    const rmse = `Median RMSE ${short(line.rmse[number])} ${unit}, from ${short(line.low[number])} to ${short(line.high[number])} ${unit}.`;
    provenance.open(`${line.model}, N = ${line.seq_len}, m = ${line.m[number]}: ${current().title}`, [rmse], line.runs[number], current());
  };

  /** The same points for readers without a mouse or a picture. */
  const points = (lines, names, unit) => {
    const head = element("tr", ["line", "m", `RMSE [${unit}]`, "least", "largest"].map((word) => element("th", word, { scope: "col" })));
    const rows = lines.flatMap((line, at) =>
      line.m.map((m, number) => {
        const button = element("button", short(line.rmse[number]), { type: "button", "aria-haspopup": "dialog" });
        button.addEventListener("click", () => open(lines, names, at, number));
        const row = [names[at], String(m), button, short(line.low[number]), short(line.high[number])];
        return element("tr", row.map((word) => element("td", word)));
      }),
    );
    byId("curve-points").replaceChildren(element("thead", head), element("tbody", rows));
  };

  const choose = () => {
    fill(model, current().lines.map((line) => line.model), "all models");
    fill(length, current().lines.map((line) => String(line.seq_len)).sort((a, b) => a - b), "all N");
    draw();
  };

  fill(test, tests.map((found) => found.title));
  test.addEventListener("change", choose);
  for (const select of [model, length, scale]) select.addEventListener("change", draw);
  plots.keep(choose);
  place.on("plotly_click", ({ points: [{ customdata }] }) => {
    const lines = wanted();
    if (customdata) open(lines, labels(lines), customdata.line, customdata.number);
  });
})();
