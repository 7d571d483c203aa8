// The tables: sorted and filtered by DataTables, from the rows that the page holds; numbers open their runs.
"use strict";

(() => {
  const { data, byId } = page;
  const { jQuery } = itables;
  const ROWS = 50;

  for (const form of document.querySelectorAll("form[data-table]")) {
    const element = byId(form.dataset.table);
    const table = jQuery(element).DataTable({
      autoWidth: false,
      order: [],
      paging: element.tBodies[0].rows.length > ROWS,
      pageLength: ROWS,
      lengthChange: false,
      layout: { topStart: null, topEnd: "search", bottomStart: "info", bottomEnd: "paging" },
      language: { search: "Search", searchPlaceholder: "", info: "_TOTAL_ rows", infoEmpty: "no row", infoFiltered: "of _MAX_", zeroRecords: "No row has all of this." },
    });
    // The box that DataTables put about the table scrolls sideways: by keyboard too.
    page.reachable(element.parentElement, element.closest("section").querySelector("h2").textContent);
    // The rows' own attributes are compared, as they are: what DataTables searches in is made from HTML.
    for (const select of form.querySelectorAll("select")) {
      const name = select.id.split("-")[1];
      const apply = () => {
        const wanted = select.value;
        table.search.fixed(name, (_text, _data, index) => !wanted || table.row(index).node().dataset[name] === wanted);
        table.draw();
      };
      select.addEventListener("change", apply);
      apply();
    }
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  byId("board")?.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-row]");
    if (!button) return;
    const row = data("board")[button.dataset.row];
    const m0 = button.dataset.runs === "runs_m0";
    provenance.open(m0 ? `${row.title}, at m = 0` : row.title, m0 ? row.told_m0 : row.told, row[button.dataset.runs], row);
  });
})();
