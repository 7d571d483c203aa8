// What the parts of the page share: data, elements, words. Text from records becomes text nodes, never HTML.
"use strict";

const page = (() => {
  const parsed = {};

  /** A block of data by name, parsed when first asked for. */
  const data = (name) => (parsed[name] ??= JSON.parse(document.getElementById(`data-${name}`).textContent));

  /** An element with text or elements in it. */
  const element = (tag, content = [], attributes = {}) => {
    const made = document.createElement(tag);
    made.append(...[content].flat());
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  const byId = (id) => document.getElementById(id);

  /** Replaces the options of a select; keeps what was chosen where it still is an option. */
  const fill = (select, names, every) => {
    const before = select.value;
    const options = [...new Set(names)].map((name) => new Option(name, name));
    select.replaceChildren(...(every && options.length > 1 ? [new Option(every, "")] : []), ...options);
    if ([...select.options].some((option) => option.value === before)) select.value = before;
  };

  const short = (value) => (value === null ? "–" : Number(value.toPrecision(4)).toString());

  /** Lets the keyboard reach, and scroll, a box that is wider inside than out. */
  const reachable = (box, name) => {
    for (const [attribute, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", name]]) box.setAttribute(attribute, value);
    return box;
  };

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", follow);
  follow();

  return { data, element, byId, fill, short, reachable, dark };
})();
