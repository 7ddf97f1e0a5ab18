// Builds what the page shows, from elements and text nodes only: nothing a mail contains can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: h("td", { class: "number" }, "3"). Children that are null or false are left out. */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

const ICONS = {
  good: "M4 10.5 8 14.5 16 5.5",
  warn: "M10 3 18 17H2ZM10 8v4M10 14v1",
  bad: "M5 5 15 15M15 5 5 15",
  quiet: "M4 10H16",
};

/** A state: icon and word, so that colour is never the only sign. */
export function state(kind, word) {
  const icon = fill(document.createElementNS(SVG, "svg"), { viewBox: "0 0 20 20", "aria-hidden": "true" }, [
    fill(document.createElementNS(SVG, "path"), { d: ICONS[kind] }, []),
  ]);
  return h("span", { class: `state ${kind}` }, icon, word);
}

/** A section with a table; columns are [heading, cell of a row, is a number]. */
export function section(heading, rows, columns, empty) {
  const body = rows.length === 0
    ? h("p", { class: "quiet" }, empty)
    : h("div", { class: "scroll" }, h("table", {},
        h("thead", {}, h("tr", {}, columns.map(([name, , number]) => h("th", { scope: "col", class: number ? "number" : "" }, name)))),
        h("tbody", {}, rows.map((row) => h("tr", {}, columns.map(([name, cell, number]) => h("td", { "data-name": name, class: number ? "number" : "" }, cell(row))))))));
  return h("section", {}, h("h2", {}, heading), body);
}

const UNITS = [["second", 60], ["minute", 60], ["hour", 24], ["day", Infinity]];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** A time as people say it, the exact one on hover. `now` is the box's clock. */
export function time(at, now) {
  if (!at) return h("span", { class: "quiet" }, "never");
  const exact = new Date(at);
  let distance = Math.round((at - now) / 1000);
  let word = "now";
  for (const [unit, size] of UNITS) {
    if (Math.abs(distance) < size) {
      word = RELATIVE.format(distance, unit);
      break;
    }
    distance = Math.round(distance / size);
  }
  return h("time", { datetime: exact.toISOString(), title: exact.toLocaleString() }, word);
}

export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 1024 && step < units.length - 1) {
    bytes /= 1024;
    step += 1;
  }
  return `${step === 0 ? bytes : bytes.toFixed(1)} ${units[step]}`;
}
