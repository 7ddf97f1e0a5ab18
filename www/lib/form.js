// A form for a page of settings, made from the schema: headings, rare settings folded under "More", a bar that appears when
// something has changed, and what is wrong beside its field.

import { post, put } from "./api.js";
import { members, same } from "./fields.js";
import { button, h } from "./dom.js";
import { count, t } from "./text.js";
import { failed, note } from "./dialog.js";

let unsaved = () => false;

/** Whether the form on the page has changes that are not saved. */
export function hasChanges() {
  return unsaved();
}

export function forgetChanges() {
  unsaved = () => false;
}

/** options:
 *  schema, value  of the object that is edited; `path` is its place in the settings, empty for a new one
 *  layout         [[heading, [names]]]; what is not named comes under "More"
 *  before, after  nodes around it
 *  save(value, changes)  puts it in place; resolves with the box's answer
 *  saved(answer)  what happens then */
export function form(options) {
  const { schema, path, layout = [], save, saved, isNew = false } = options;
  let { value } = options;
  const parts = new Map();
  const text = h("span", {});
  const keep = h("button", { type: "submit", class: "main" }, t("common.save"));
  const bar = h("div", { class: "bar", hidden: true }, text, keep, button(t("common.discard"), discard, "plain"));
  const fields = h("div", {});
  const wrong = h("p", { class: "wrong whole", role: "alert", hidden: true });
  const node = h("form", { class: "settings", novalidate: true, onsubmit: submit }, options.before, fields, wrong, bar);

  const names = Object.keys(schema.properties).filter((name) => !schema.properties[name]["x-hidden"]);
  const placed = layout.flatMap(([, some]) => some);
  const rest = names.filter((name) => !placed.includes(name));
  const groups = [...layout.map(([heading, some]) => [heading, some.filter((name) => names.includes(name))]), [layout.length > 0 ? t("common.more") : "", rest]];

  function draw() {
    parts.clear();
    // All at once, since one field's being shown depends on another's value.
    for (const [name, part] of members(schema, value, path, changed, groups.flatMap(([, some]) => some))) parts.set(name, part);
    fields.replaceChildren(...groups.filter(([, some]) => some.length > 0).map(([heading, some], place) => {
      const nodes = some.map((name) => parts.get(name).node);
      if (heading && place === groups.length - 1) return h("details", {}, h("summary", {}, heading), nodes);
      return h("section", {}, heading && h("h2", {}, heading), nodes);
    }));
    changed();
  }

  /** The names of what differs. */
  function differences() {
    return [...parts].filter(([name, part]) => !same(part.value(), value[name] ?? null)).map(([name]) => name);
  }

  function changed() {
    const n = differences().length;
    text.textContent = isNew ? "" : count("common.changes", n);
    bar.hidden = !isNew && n === 0;
  }

  function discard() {
    forgetChanges();
    if (isNew) history.back();
    else draw();
    unsaved = () => differences().length > 0;
  }

  function show(error) {
    node.querySelectorAll(".wrong").forEach((line) => { line.hidden = true; });
    node.querySelectorAll("[aria-invalid]").forEach((input) => input.removeAttribute("aria-invalid"));
    const others = [];
    for (const { path: at, message } of error.fields) {
      const field = find(at);
      if (!field) {
        others.push(`${at}: ${message}`);
        continue;
      }
      const line = field.querySelector(".wrong");
      line.textContent = `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
      line.hidden = false;
      field.querySelector("input,select,textarea")?.setAttribute("aria-invalid", "true");
      field.closest("details")?.setAttribute("open", "");
    }
    if (error.fields.length === 0) others.push(error.message);
    wrong.textContent = others.join("\n");
    wrong.hidden = others.length === 0;
    (node.querySelector("[aria-invalid]") ?? wrong).scrollIntoView({ block: "center" });
    node.querySelector("[aria-invalid]")?.focus();
  }

  /** The field of a place in the settings, or of the nearest place around it. A new entry has no place yet: the box names
   *  one behind the last. */
  function find(at) {
    let place = isNew ? at.replace(/^[a-z_]+(\.[a-z_]+)*?\[\d+\]\.?/, "") : at;
    while (place) {
      const field = node.querySelector(`[data-path="${CSS.escape(place)}"]`);
      if (field?.querySelector(".wrong")) return field;
      place = place.replace(/(\.[^.[]*|\[\d+\])$|^[^.[]*$/, "");
    }
    return null;
  }

  async function submit(event) {
    event.preventDefault();
    const next = { ...value, ...Object.fromEntries([...parts].map(([name, part]) => [name, part.value()])) };
    const changes = differences().map((name) => ({ path: path ? `${path}.${name}` : name, was: value[name], to: next[name] }));
    keep.disabled = true;
    try {
      const answer = await save(next, changes);
      value = next;
      forgetChanges();
      tell(answer);
      saved?.(answer, next);
    } catch (error) {
      if (error.fields) show(error);
      else failed(error);
    } finally {
      keep.disabled = false;
      changed();
    }
  }

  draw();
  unsaved = () => differences().length > 0;
  return { node };
}

/** Says that something is saved, and what of it waits for a restart. */
export function tell(answer) {
  const parts = (answer.restart ?? []).join(", ");
  note(parts ? t("common.restart", { parts }) : t("common.saved"));
}

export const change = (changes) => post("config/changes", { changes });
export const replace = (sections) => put("config", sections);
