// The panel that tells where a number comes from: the runs behind it, their setting, data, code and machine.
"use strict";

const provenance = (() => {
  const { data, element, byId, short, reachable } = page;
  const panel = byId("provenance");
  byId("provenance-close").addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => event.target === panel && panel.close());

  const WIDE = 24;
  const text = (value) => (value === null || value === undefined ? "–" : String(value));

  /** Names and values of an object as a list; objects in it are flattened. */
  const listed = (object) => {
    const rows = (part, prefix) =>
      Object.entries(part ?? {}).flatMap(([name, value]) =>
        value !== null && typeof value === "object"
          ? rows(value, `${prefix}${name} `)
          : [element("div", [element("dt", prefix + name), element("dd", text(value))], { class: text(value).length > WIDE ? "wide" : "" })],
      );
    return element("dl", rows(object, ""), { class: "listed" });
  };

  const part = (title, content) => element("section", [element("h3", title), ...[content].flat()]);

  const HEADINGS = ["run", "seed", "status", "val RMSE", "test RMSE", "training", "engine", "made"];
  const tableOf = (runs, place) => {
    const rmse = (run, name) => text(run.rmse[name] && (place ? [run.rmse[name][place.channel]] : run.rmse[name]).map(short).join(", "));
    const rows = runs.map((run) => {
      const link = element("a", run.id, { href: encodeURI(`../${run.file}`), title: "the records file that holds this run" });
      const status = [run.status, run.reason ?? run.ended].filter(Boolean).join(": ");
      const words = [run.seed, status, rmse(run, "val"), rmse(run, place?.test_set), `${short(run.train_s)} s`, run.engine, run.made];
      return element("tr", [element("td", link), ...words.map((word) => element("td", text(word)))]);
    });
    const head = element("tr", HEADINGS.map((heading) => element("th", heading, { scope: "col" })));
    const table = element("table", [element("thead", head), element("tbody", rows)]);
    return reachable(element("div", table, { class: "scroll" }), "Runs");
  };

  const distinct = (values) => [...new Set(values)];

  /** Opens the panel on runs, by their numbers; ``place`` has the test set and channel of the number. */
  const open = (title, lines, numbers, place) => {
    const known = data("runs");
    const runs = numbers.map((number) => known.runs[number]);
    const settings = distinct(runs.map((run) => run.setting));
    const sources = distinct(runs.map((run) => run.source));
    const several = (count, word, number) => (count > 1 ? `${word} ${number + 1} of ${count}` : word);
    byId("provenance-title").textContent = title;
    byId("provenance-body").replaceChildren(
      ...lines.map((line) => element("p", line)),
      part(`Runs (${runs.length})`, tableOf(runs, place)),
      ...settings.map((at, number) => part(several(settings.length, "Setting", number), listed(known.settings[at]))),
      ...sources.map((at, number) => part(several(sources.length, "Data, code and machine", number), listed(known.sources[at]))),
    );
    panel.showModal();
    panel.scrollTop = 0;
  };

  return { open };
})();
