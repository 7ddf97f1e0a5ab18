// A list as a table: filter as you type, sort by a column, state with icon and word, one click to edit, bulk actions.

import { button, h, unique } from "./dom.js";
import { t } from "./text.js";

const AT_A_TIME = 200;

/** options:
 *  columns  [{ name, cell(row), value(row), number }] – cell gives nodes, value what is sorted and filtered by
 *  open     (row) address of the row's page, for the first column
 *  actions  (row) nodes for the last column
 *  bulk     (rows) nodes for the rows that are selected; needs `key(row)`
 *  empty    text, and `first` a node under it
 *  label    what the table is, for screen readers
 *  caption  nodes beside the filter
 *  Returns { node, show(rows) }; the filter and the selection outlive a `show`. */
export function table(options) {
  const { columns, open, actions, bulk, key, empty, first, label, caption } = options;
  let rows = [];
  let sorted = null;
  let shown = AT_A_TIME;
  const selected = new Set();
  const filter = h("input", { type: "search", id: unique("filter"), placeholder: t("common.filter"), "aria-label": `${t("common.filter")}: ${label}`, oninput: draw });
  const tools = h("div", { class: "tools" }, filter, caption);
  const chosen = h("div", { class: "tools", hidden: true });
  const place = h("div", {});
  const node = h("div", { class: "list" }, tools, chosen, place);

  const value = (column, row) => (column.value ? column.value(row) : column.cell(row));
  const text = (row) => columns.map((column) => { const found = value(column, row); return typeof found === "object" ? "" : String(found); }).join(" ").toLowerCase();

  function visible() {
    const words = filter.value.trim().toLowerCase();
    const found = words ? rows.filter((row) => text(row).includes(words)) : [...rows];
    if (sorted) {
      const { column, down } = sorted;
      const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
      found.sort((a, b) => (down ? -1 : 1) * compare(value(column, a) ?? "", value(column, b) ?? ""));
    }
    return found;
  }

  function heading(column) {
    const now = sorted?.column === column;
    const sort = () => {
      sorted = now && sorted.down ? null : { column, down: now };
      draw();
    };
    return h("th", { scope: "col", class: column.number ? "number" : "", "aria-sort": now ? (sorted.down ? "descending" : "ascending") : null },
      h("button", { type: "button", class: "sort", onclick: sort }, column.name, now ? (sorted.down ? " ▾" : " ▴") : ""));
  }

  function tick(row) {
    const name = key(row);
    const box = h("input", { type: "checkbox", "aria-label": t("common.select", { name: String(value(columns[0], row)) }), checked: selected.has(name), onchange: () => {
      if (box.checked) selected.add(name);
      else selected.delete(name);
      drawChosen();
    } });
    return h("td", { class: "tick" }, box);
  }

  function drawChosen() {
    const now = rows.filter((row) => selected.has(key(row)));
    chosen.hidden = now.length === 0;
    if (now.length > 0) chosen.replaceChildren(h("span", {}, t("common.shown", { n: now.length, all: rows.length })), ...[bulk(now)].flat());
  }

  function line(row) {
    const cells = columns.map((column, place) => {
      const content = column.cell(row);
      const link = place === 0 && open ? h("a", { href: open(row) }, content) : content;
      return h("td", { "data-name": column.name, class: column.number ? "number" : "" }, link);
    });
    return h("tr", {}, bulk && tick(row), cells, actions && h("td", { class: "actions" }, actions(row)));
  }

  function draw() {
    tools.hidden = rows.length === 0 && !caption;
    filter.hidden = rows.length < 6 && !filter.value;
    if (rows.length === 0) {
      place.replaceChildren(h("p", { class: "quiet" }, empty), first ?? "");
      chosen.hidden = true;
      return;
    }
    const found = visible();
    const all = h("input", { type: "checkbox", "aria-label": t("common.all"), onchange: () => {
      found.forEach((row) => (all.checked ? selected.add(key(row)) : selected.delete(key(row))));
      draw();
    } });
    const body = found.slice(0, shown);
    place.replaceChildren(
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, h("table", {},
        h("thead", {}, h("tr", {}, bulk && h("th", { class: "tick" }, all), columns.map(heading), actions && h("th", {}, h("span", { class: "unseen" }, t("common.actions"))))),
        h("tbody", {}, body.map(line)))),
      found.length === 0 ? h("p", { class: "quiet" }, t("common.nothing_found", { text: filter.value })) : "",
      found.length > body.length ? h("p", {}, t("common.shown", { n: body.length, all: found.length }), " ", button(t("common.more"), () => { shown += AT_A_TIME; draw(); }, "plain")) : "",
    );
    if (bulk) drawChosen();
  }

  return {
    node,
    show(next) {
      rows = next;
      if (bulk) {
        const there = new Set(rows.map(key));
        [...selected].filter((name) => !there.has(name)).forEach((name) => selected.delete(name));
      }
      // Whoever is at the keyboard inside the table keeps his place.
      const active = place.contains(document.activeElement) ? [...place.querySelectorAll("a,button,input")].indexOf(document.activeElement) : -1;
      draw();
      if (active >= 0) place.querySelectorAll("a,button,input")[active]?.focus();
    },
  };
}
