// Every page of settings: one form, or a list whose entries are forms.

import { get, settingsSchema } from "../lib/api.js";
import { button, h, iconButton, state } from "../lib/dom.js";
import { failed, note, sure } from "../lib/dialog.js";
import { fresh } from "../lib/fields.js";
import { change, form, tell } from "../lib/form.js";
import { COLUMNS, LAYOUT, ORDERED } from "../lib/layout.js";
import { table } from "../lib/table.js";
import { t, word } from "../lib/text.js";

export async function show(context) {
  const { address, steps } = context;
  const [schema, config] = await Promise.all([settingsSchema(), get("config")]);
  const section = schema.properties[address];
  if (!section) throw new Error(`there is no page ${address}`);
  const value = config[address];
  if (!section.items) return single(address, section, value);
  return steps.length === 0 ? list(context, address, section, value) : entry(address, section, value, steps[0]);
}

const title = (address, section) => {
  const known = t(`nav.${address}`);
  return known.startsWith("nav.") ? section.title : known;
};

function single(address, section, value) {
  const { node } = form({ schema: section, value, path: address, layout: LAYOUT[address], save: (_, changes) => change(changes) });
  return h("div", {}, h("h1", {}, title(address, section)), h("p", { class: "lead" }, section.description), node);
}

/** What an entry is called. */
function called(item) {
  return item.name || item.address || item.internal || t("lists.new");
}

function cell(schema, value) {
  if (typeof value === "boolean") return value ? state("good", t("common.yes")) : state("quiet", t("common.no"));
  if (value === null || value === undefined || value === "" || value.length === 0) return h("span", { class: "quiet" }, "–");
  if (Array.isArray(value)) return value.every((one) => typeof one === "string") ? value.join(", ") : String(value.length);
  return schema?.oneOf ? word(String(value)) : String(value);
}

function column(section, path) {
  const steps = path.split(".");
  const schema = steps.reduce((found, step) => found?.properties?.[step], section.items);
  const of = (row) => steps.reduce((found, step) => found?.[step], row.item);
  const plain = (row) => { const value = of(row); return typeof value === "boolean" ? (value ? t("common.yes") : t("common.no")) : Array.isArray(value) ? value.join(", ") : value ?? ""; };
  return { name: path === "enabled" ? t("common.on") : schema?.title ?? path, cell: (row) => cell(schema, of(row)), value: plain, number: typeof section.items.properties[path]?.minimum === "number" };
}

async function extra(address) {
  if (address !== "users") return [];
  const { mailboxes } = await get("mailboxes").catch(() => ({ mailboxes: [] }));
  const { size } = await import("../lib/dom.js");
  const of = (row) => mailboxes.find((one) => one.user === row.item.id);
  return [
    { name: t("users.mail"), number: true, cell: (row) => h("a", { href: `#/mailbox/${row.item.id}`, "aria-label": `${of(row)?.messages ?? 0}: ${t("users.manage")}, ${row.item.name}` }, String(of(row)?.messages ?? 0)), value: (row) => of(row)?.messages ?? 0 },
    { name: t("users.size"), number: true, cell: (row) => size(of(row)?.bytes ?? 0), value: (row) => of(row)?.bytes ?? 0 },
  ];
}

async function list({ again }, address, section, value) {
  const names = COLUMNS[address] ?? Object.keys(section.items.properties).filter((name) => !section.items.properties[name]["x-hidden"]).slice(0, 4);
  const act = (changes, words) => async () => {
    try {
      tell(await change(changes));
      if (words) note(words);
      again();
    } catch (error) {
      failed(error);
    }
  };
  const destroy = (row) => async () => {
    const name = called(row.item);
    if (await sure(t("lists.sure", { name }))) await act([{ path: `${address}[${row.place}]`, was: row.item, remove: true }], t("lists.deleted", { name }))();
  };
  const move = (row, to) => act([{ path: `${address}[${row.place}]`, was: row.item, move: to }]);
  const known = t(`lists.add.${address}`);
  const add = button(known.startsWith("lists.") ? t("common.add") : known, () => { location.hash = `#/${address}/new`; }, "main");
  const empty = t(`lists.${address}`);
  const rows = table({
    label: title(address, section), empty: empty.startsWith("lists.") ? section.description : empty, caption: add,
    open: (row) => `#/${address}/${row.place}`,
    columns: [...names.map((name) => column(section, name)), ...(await extra(address))],
    actions: (row) => [
      ORDERED.has(address) && iconButton("up", `${t("common.up")}: ${called(row.item)}`, move(row, row.place - 1), { disabled: row.place === 0 }),
      ORDERED.has(address) && iconButton("down", `${t("common.down")}: ${called(row.item)}`, move(row, row.place + 1), { disabled: row.place === value.length - 1 }),
      iconButton("remove", `${t("common.delete")}: ${called(row.item)}`, destroy(row)),
    ],
  });
  rows.show(value.map((item, place) => ({ item, place })));
  return h("div", {}, h("h1", {}, title(address, section)), h("p", { class: "lead" }, section.description), rows.node);
}

function entry(address, section, value, which) {
  const isNew = which === "new";
  const item = isNew ? fresh(section.items) : value[Number(which)];
  if (!item) throw new Error("this entry is gone");
  const saved = () => { location.hash = `#/${address}`; };
  const { node } = form({
    schema: section.items, value: item, isNew, layout: LAYOUT[address],
    path: isNew ? "" : `${address}[${which}]`,
    save: (next, changes) => change(isNew ? [{ path: address, add: next }] : changes),
    saved,
  });
  return h("div", {}, h("p", {}, h("a", { href: `#/${address}` }, title(address, section))), h("h1", {}, isNew ? t("lists.new") : called(item)), node);
}
