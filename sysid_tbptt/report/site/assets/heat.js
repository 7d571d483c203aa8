// Heat map: RMSE over N and m together, from the lines of the burn-in curves that differ in N alone.
"use strict";

(() => {
  const { data, byId, fill, short } = page;
  const place = byId("heat-plot");
  if (!place) return;
  const [test, model] = ["test", "model"].map((name) => byId(`heat-${name}`));
  const [MOST, TICKS] = [Math.sqrt(10), [1, 1.5, 2, 3]]; // an MSE of ten times the least, as in print

  const name = (line) => [line.model, `H ${line.hidden_size}`, line.setting, `B ${line.batch_size}`, line.budget].filter(Boolean).join(", ");

  /** The lines of a test by what they share, by N, where there are two N or more. */
  const families = ({ lines }) => {
    const names = [...new Set(lines.map(name))];
    const found = names.map((key) => [key, lines.filter((line) => name(line) === key).sort((a, b) => a.seq_len - b.seq_len)]);
    return new Map(found.filter(([, of]) => of.length > 1));
  };

  /** The finest grids of m first. */
  const finest = (found) => Math.max(...[...found.families.values()].flat().map((line) => line.m.length));
  const tests = data("curves")
    .map((found) => ({ ...found, families: families(found) }))
    .filter((found) => found.families.size)
    .sort((a, b) => finest(b) - finest(a));
  const current = () => tests[test.selectedIndex];
  const lines = () => current().families.get(model.value);

  /** Where the cells of m end, as parts of N: halfway between two of them. */
  const edges = ({ m, seq_len }) => {
    const middles = m.slice(1).map((value, at) => (value + m[at]) / 2);
    return [0, ...middles, Math.min(seq_len, 2 * m.at(-1) - middles.at(-1))].map((edge) => edge / seq_len);
  };

  const strip = (line, row, least, unit) => ({
    type: "heatmap",
    x: edges(line),
    y: [row - 0.46, row + 0.46],
    z: [line.rmse.map((rmse) => (rmse === null ? null : Math.log10(rmse / least)))],
    customdata: [line.m.map((_, number) => ({ row, number }))],
    text: [line.m.map((m, number) => `N = ${line.seq_len}, m = ${m}<br>${short(line.rmse[number])} ${plots.plain(unit)}, ${short(line.rmse[number] / least)} times the least`)],
    hovertemplate: "%{text}<extra></extra>",
    coloraxis: "coloraxis",
  });

  const chosen = (of) => ({
    x: of.map((line) => line.m[line.chosen] / line.seq_len),
    y: of.map((_, row) => row),
    mode: "markers",
    marker: { symbol: "diamond", size: 11, color: "#ffffff", line: { color: "#000000", width: 1.5 } },
    customdata: of.map((line, row) => ({ row, number: line.chosen })),
    text: of.map((line) => `m = ${line.m[line.chosen]}: least validation error of N = ${line.seq_len}`),
    hovertemplate: "%{text}<extra></extra>",
  });

  const draw = () => {
    const of = lines();
    const { unit } = current();
    const least = Math.min(...of.flatMap((line) => line.rmse.filter((rmse) => rmse !== null)));
    const shape = plots.layout({
      xaxis: plots.axis({ title: "burn-in m / N [-]", range: [0, 1], showgrid: false }),
      yaxis: plots.axis({ title: "N [samples]", showgrid: false, zeroline: false, tickvals: of.map((_, row) => row), ticktext: of.map((line) => String(line.seq_len)) }),
      coloraxis: {
        colorscale: "Cividis",
        reversescale: true,
        cmin: 0,
        cmax: Math.log10(MOST),
        colorbar: { title: { text: "RMSE / least [-]", side: "right" }, tickvals: TICKS.map(Math.log10), ticktext: TICKS.map(String), outlinewidth: 0 },
      },
      showlegend: false,
    });
    plots.draw(place, [...of.map((line, row) => strip(line, row, least, unit)), chosen(of)], shape);
  };

  const choose = () => {
    fill(model, [...current().families.keys()]);
    draw();
  };

  fill(test, tests.map((found) => found.title));
  test.addEventListener("change", choose);
  model.addEventListener("change", draw);
  plots.keep(choose);
  place.on("plotly_click", ({ points: [{ customdata }] }) => {
    const line = lines()[customdata.row];
    const { number } = customdata;
    const told = [`Median RMSE ${short(line.rmse[number])} ${current().unit}.`];
    provenance.open(`${line.model}, N = ${line.seq_len}, m = ${line.m[number]}: ${current().title}`, told, line.runs[number], current());
  });
})();
