// One control for each kind of setting, made from its JSON Schema. A control is { node, value() }; `changed` is called
// whenever its value may have changed.

import { button, h, iconButton, size, unique } from "./dom.js";
import { t, word } from "./text.js";

const STARS = "********";
const allows = (schema, kind) => [schema.type].flat().includes(kind);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** A new value of this schema. */
export function fresh(schema) {
  if (schema.properties && !schema.oneOf) {
    const made = {};
    for (const [name, inner] of Object.entries(schema.properties)) if (!inner["x-hidden"]) made[name] = inner.default === undefined ? fresh(inner) : structuredClone(inner.default);
    return made;
  }
  if (schema.default !== undefined) return structuredClone(schema.default);
  if (schema.oneOf) return schema.oneOf[0].const ?? fresh({ ...schema.oneOf[0] });
  if (allows(schema, "array")) return [];
  if (allows(schema, "boolean")) return false;
  if (allows(schema, "integer")) return schema.minimum ?? 0;
  return allows(schema, "null") ? null : "";
}

/** The control for a value. `path` is where the box says something is wrong with it. */
export function control(schema, value, path, changed) {
  const make = kind(schema);
  return make(schema, value, path, changed);
}

function kind(schema) {
  if (schema.oneOf?.[0]?.const !== undefined) return choice;
  if (schema.oneOf) return variants;
  if (schema.properties) return allows(schema, "null") ? optional : group;
  if (allows(schema, "array")) {
    if (schema.items?.oneOf) return several;
    return schema.items?.properties ? rows : lines;
  }
  if (allows(schema, "boolean")) return tick;
  if (allows(schema, "integer")) return number;
  return schema["x-secret"] ? secret : line;
}

/** Label above, control, help and error below. */
function labelled(schema, path, input, id, ...beside) {
  const help = unique("help");
  const wrong = h("p", { class: "wrong", id: unique("wrong"), hidden: true });
  input.id = id;
  input.setAttribute("aria-describedby", `${help} ${wrong.id}`);
  return h("div", { class: "field", "data-path": path },
    h("label", { for: id }, schema.title),
    h("div", { class: "line" }, input, beside),
    wrong,
    h("p", { class: "help", id: help }, schema.description));
}

function line(schema, value, path, changed) {
  const id = unique("field");
  const input = h("input", { type: "text", value: value ?? "", autocomplete: "off", spellcheck: "false", oninput: changed });
  return { node: labelled(schema, path, input, id), value: () => (input.value === "" && allows(schema, "null") ? null : input.value) };
}

function secret(schema, value, path, changed) {
  const id = unique("field");
  const isSet = Boolean(value);
  const input = h("input", { type: "password", autocomplete: "new-password", placeholder: isSet ? t("common.secret_set") : t("common.secret_none"), oninput: changed });
  return { node: labelled(schema, path, input, id), value: () => (input.value === "" ? value : input.value), stars: STARS };
}

function number(schema, value, path, changed) {
  const id = unique("field");
  const unit = schema["x-unit"];
  const meaning = h("span", { class: "quiet" });
  const back = button(t("common.reset"), () => { input.value = schema.default; all(); }, "plain");
  const usual = h("span", { class: "quiet" }, t("common.default_is", { value: schema.default ?? "" }), " · ", back);
  const input = h("input", { type: "number", value, min: schema.minimum, max: schema.maximum, step: 1, required: true, oninput: all });
  function all() {
    usual.hidden = schema.default === undefined || Number(input.value) === schema.default;
    meaning.textContent = unit === "bytes" && input.value > 0 ? `= ${size(Number(input.value))}` : "";
    changed();
  }
  const node = labelled(schema, path, input, id, unit && h("span", { class: "unit" }, unit), meaning, usual);
  usual.hidden = schema.default === undefined || value === schema.default;
  meaning.textContent = unit === "bytes" && value > 0 ? `= ${size(value)}` : "";
  return { node, value: () => (input.value === "" ? null : Number(input.value)) };
}

function tick(schema, value, path, changed) {
  const id = unique("field");
  const help = unique("help");
  const input = h("input", { type: "checkbox", id, checked: value, "aria-describedby": help, onchange: changed });
  const node = h("div", { class: "field check", "data-path": path },
    h("label", { for: id }, input, schema.title),
    h("p", { class: "wrong", hidden: true }),
    h("p", { class: "help", id: help }, schema.description));
  return { node, value: () => input.checked };
}

function choice(schema, value, path, changed) {
  const id = unique("field");
  const meaning = h("p", { class: "help meaning" });
  const input = h("select", { onchange: () => { explain(); changed(); } },
    schema.oneOf.map((one) => h("option", { value: one.const, selected: one.const === value }, word(one.const))));
  function explain() {
    meaning.textContent = schema.oneOf.find((one) => one.const === input.value)?.description ?? "";
  }
  const node = labelled(schema, path, input, id);
  node.querySelector(".line").after(meaning);
  explain();
  return { node, value: () => input.value };
}

function lines(schema, value, path, changed) {
  const id = unique("field");
  const input = h("textarea", { rows: Math.min(Math.max((value?.length ?? 0) + 1, 2), 10), spellcheck: "false", oninput: changed }, (value ?? []).join("\n"));
  const node = labelled({ ...schema, description: `${schema.description ?? ""} ${t("common.one_a_line")}` }, path, input, id);
  return { node, value: () => input.value.split("\n").map((one) => one.trim()).filter(Boolean) };
}

function several(schema, value, path, changed) {
  const boxes = schema.items.oneOf.map((one) => {
    const input = h("input", { type: "checkbox", checked: value.includes(one.const), onchange: changed });
    return { name: one.const, input, node: h("label", {}, input, word(one.const)) };
  });
  const node = h("fieldset", { class: "field", "data-path": path }, h("legend", {}, schema.title), h("div", { class: "choices" }, boxes.map((box) => box.node)),
    h("p", { class: "wrong", hidden: true }), h("p", { class: "help" }, schema.description));
  return { node, value: () => boxes.filter((box) => box.input.checked).map((box) => box.name) };
}

/** The members of an object, those that are hidden or not for the present choice aside. */
export function members(schema, value, path, changed, names = Object.keys(schema.properties)) {
  const parts = new Map();
  const update = () => {
    for (const [name, part] of parts) {
      const condition = schema.properties[name]["x-show-if"];
      if (!condition) continue;
      const [other, wanted] = condition.split("=");
      part.node.hidden = String(parts.get(other)?.value() ?? value[other]) !== wanted;
    }
  };
  const all = () => { update(); changed(); };
  for (const name of names) {
    const inner = schema.properties[name];
    if (inner && !inner["x-hidden"]) parts.set(name, control(inner, value[name] ?? fresh(inner), path ? `${path}.${name}` : name, all));
  }
  update();
  return parts;
}

function group(schema, value, path, changed) {
  const parts = members(schema, value ?? {}, path, changed);
  const node = h("fieldset", { class: "group", "data-path": path }, h("legend", {}, schema.title ?? ""), schema.description && h("p", { class: "help" }, schema.description),
    h("p", { class: "wrong", hidden: true }), [...parts.values()].map((part) => part.node));
  return { node, value: () => ({ ...value, ...Object.fromEntries([...parts].map(([name, part]) => [name, part.value()])) }) };
}

function optional(schema, value, path, changed) {
  const id = unique("field");
  let inner = null;
  const place = h("div", {});
  const input = h("input", { type: "checkbox", id, checked: value !== null, onchange: () => { draw(); changed(); } });
  function draw() {
    inner = input.checked ? group({ ...schema, description: "", title: schema.title }, value ?? fresh({ properties: schema.properties }), path, changed) : null;
    place.replaceChildren(inner?.node ?? "");
  }
  draw();
  const node = h("div", { class: "field check" }, h("label", { for: id }, input, `${schema.title}: ${t("common.use")}`), h("p", { class: "help" }, schema.description), place);
  return { node, value: () => inner?.value() ?? null };
}

/** One of several forms, each an object with one member. */
function variants(schema, value, path, changed) {
  const id = unique("field");
  const name = (one) => Object.keys(one.properties)[0];
  let now = Object.keys(value ?? {})[0] ?? name(schema.oneOf[0]);
  let inner = null;
  const place = h("div", {});
  const meaning = h("p", { class: "help meaning" });
  const input = h("select", { onchange: () => { now = input.value; draw(null); changed(); } },
    schema.oneOf.map((one) => h("option", { value: name(one), selected: name(one) === now }, word(name(one)))));
  function draw(content) {
    const one = schema.oneOf.find((one) => name(one) === now);
    const of = one.properties[now];
    meaning.textContent = one.description ?? "";
    inner = control({ title: word(now), ...of, description: of.description ?? "" }, content ?? fresh(of), `${path}.${now}`, changed);
    place.replaceChildren(inner.node);
  }
  const node = labelled(schema, path, input, id);
  node.append(meaning, place);
  draw(value?.[now] ?? null);
  return { node, value: () => ({ [now]: inner.value() }) };
}

/** A list of small tables: each entry with its fields, to add, remove, and move. */
function rows(schema, value, path, changed) {
  let entries = [];
  const list = h("div", { class: "entries" });
  const make = (content) => ({ content });
  function draw() {
    entries.forEach((entry, place) => {
      entry.part = group({ ...schema.items, title: t("common.row", { n: place + 1 }), description: "" }, entry.part?.value() ?? entry.content, `${path}[${place}]`, changed);
      const tools = h("div", { class: "entry-tools" },
        place > 0 && iconButton("up", t("common.up"), () => move(place, place - 1)),
        place < entries.length - 1 && iconButton("down", t("common.down"), () => move(place, place + 1)),
        iconButton("remove", t("common.delete"), () => { entries.splice(place, 1); draw(); changed(); }));
      entry.part.node.append(tools);
    });
    list.replaceChildren(...entries.map((entry) => entry.part.node));
  }
  function move(from, to) {
    entries.splice(to, 0, ...entries.splice(from, 1));
    draw();
    changed();
  }
  entries = (value ?? []).map(make);
  draw();
  const add = button(t("common.add"), () => { entries.push(make(fresh(schema.items))); draw(); changed(); });
  const node = h("fieldset", { class: "field list-field", "data-path": path }, h("legend", {}, schema.title), h("p", { class: "help" }, schema.description),
    h("p", { class: "wrong", hidden: true }), list, add);
  return { node, value: () => entries.map((entry) => entry.part.value()) };
}

export { same };
