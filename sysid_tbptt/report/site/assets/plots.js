// How plots look: the page's colours and type, light and dark.
"use strict";

const plots = (() => {
  const COLOURS = {
    light: ["#0072B2", "#D55E00", "#009E73", "#AA4499", "#B8860B", "#3D8EB9", "#882255", "#555555"],
    dark: ["#56B4E9", "#F0803C", "#2FC79A", "#DDA0CC", "#E8C04A", "#9CCBEA", "#E07BA0", "#AAAAAA"],
  };
  const CONFIG = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] };

  const colour = (number) => COLOURS[page.dark.matches ? "dark" : "light"][number % 8];
  const styled = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const narrow = () => innerWidth < 600;

  const axis = (more) => ({
    gridcolor: styled("--line"),
    linecolor: styled("--line"),
    zerolinecolor: styled("--line"),
    showline: true,
    automargin: true,
    ...more,
    title: { text: more.title, standoff: 8 },
  });

  const layout = (more) => ({
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: styled("--sans"), size: 13, color: styled("--ink") },
    margin: { l: 56, r: 12, t: 30, b: 48 },
    hoverlabel: { bgcolor: styled("--paper"), bordercolor: styled("--line"), font: { color: styled("--ink") } },
    legend: narrow() ? { orientation: "h", y: -0.22, yanchor: "top" } : { orientation: "v" },
    ...more,
  });

  /** Text of records in plotly's labels, which take some HTML: as it is. */
  const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  const draw = (place, traces, shape) => Plotly.react(place, traces, shape, CONFIG);

  /** Draws now, and again when the colour scheme changes. */
  const keep = (drawing) => {
    page.dark.addEventListener("change", drawing);
    return drawing();
  };

  return { colour, styled, axis, layout, plain, draw, keep };
})();
