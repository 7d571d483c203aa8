// Simulated test outputs over time, above their error, with zoom.
"use strict";

(() => {
  const { data, byId, fill, short } = page;
  const place = byId("simulation-plot");
  if (!place) return;
  const entries = data("simulations");
  const [test, model] = ["test", "model"].map((name) => byId(`simulation-${name}`));
  const UNITS = [[1, "s"], [1e3, "ms"], [1e6, "µs"], [1e9, "ns"]];

  const entry = () => entries.find((found) => found.title === test.value && found.model === model.value);
  const unitOf = (seconds) => UNITS.find(([factor]) => seconds * factor >= 1) ?? UNITS.at(-1);

  const draw = () => {
    const found = entry();
    const [factor, unit] = unitOf(found.k.at(-1) * found.dt);
    const t = found.k.map((k) => k * found.dt * factor);
    const line = (name, y, colour, more = {}) => ({ x: t, y, name, mode: "lines", line: { color: colour, width: 1.2, ...more.line }, ...more.axis });
    const init = found.n_init * found.dt * factor;
    const shape = plots.layout({
      xaxis: plots.axis({ title: `time [${unit}]`, anchor: "y2" }),
      yaxis: plots.axis({ title: `y [${plots.plain(found.unit)}]`, domain: [0.36, 1] }),
      yaxis2: plots.axis({ title: `error [${plots.plain(found.unit)}]`, domain: [0, 0.3] }),
      shapes: found.n_init ? [{ type: "rect", x0: 0, x1: init, y0: 0, y1: 1, yref: "paper", fillcolor: plots.styled("--shade"), line: { width: 0 }, layer: "below" }] : [],
      hovermode: "x unified",
      legend: { orientation: "h", y: 1.02, x: 1, xanchor: "right", yanchor: "bottom" },
    });
    const windows = found.trained_here ? `: H = ${found.hidden_size}, N = ${found.seq_len}, m = ${found.burn_in}` : "";
    byId("simulation-told").textContent = `RMSE ${short(found.rmse)} ${found.unit}${windows}.`;
    const traces = [
      line("measured", found.y, plots.styled("--ink")),
      line("simulated", found.y_hat, plots.colour(1), { line: { dash: "dash" } }),
      line("error", found.y.map((y, at) => y - found.y_hat[at]), plots.colour(0), { axis: { yaxis: "y2" } }),
    ];
    return plots.draw(place, traces, shape);
  };

  const zoom = (from, to) => {
    const found = entry();
    const scale = found.dt * unitOf(found.k.at(-1) * found.dt)[0];
    Plotly.relayout(place, { "xaxis.range": [from * scale, to * scale], "yaxis.autorange": true, "yaxis2.autorange": true });
  };

  const choose = () => {
    fill(model, entries.filter((found) => found.title === test.value).map((found) => found.model));
    return draw();
  };

  fill(test, entries.map((found) => found.title));
  test.addEventListener("change", choose);
  model.addEventListener("change", draw);
  byId("simulation-worst").addEventListener("click", () => zoom(...entry().worst));
  byId("simulation-whole").addEventListener("click", () => zoom(0, entry().k.at(-1)));
  byId("simulation-run").addEventListener("click", () => {
    const found = entry();
    provenance.open(`${found.model}: ${found.title}`, [`RMSE ${short(found.rmse)} ${found.unit}.`], [found.run], found);
  });
  plots.keep(choose);
})();
