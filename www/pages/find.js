// What happened to a mail: search the journal, then one mail's way.

import { get, step } from "../lib/api.js";
import { h, moment } from "../lib/dom.js";
import { failed } from "../lib/dialog.js";
import { table } from "../lib/table.js";
import { t } from "../lib/text.js";

export async function show({ steps }) {
  const [mail] = steps;
  const input = h("input", { type: "search", id: "search" });
  const list = table({
    label: t("find.title"), empty: t("find.empty"),
    columns: [
      { name: t("today.when"), cell: (row) => moment(row.at), value: (row) => row.at },
      { name: t("find.event"), cell: (row) => row.event.charAt(0).toUpperCase() + row.event.slice(1) },
      { name: t("queue.from"), cell: (row) => row.from || "–" },
      { name: t("queue.to"), cell: (row) => row.to || "–" },
      { name: t("find.detail"), cell: (row) => row.detail },
      { name: t("queue.id"), cell: (row) => (row.mail ? h("a", { href: `#/find/${row.mail}` }, row.mail) : "–"), value: (row) => row.mail ?? "" },
    ],
  });
  async function look() {
    try {
      const { rows } = await get(mail ? `journal?mail=${step(mail)}` : `journal?search=${step(input.value)}`);
      list.show(mail ? rows.reverse() : rows);
    } catch (error) {
      failed(error);
    }
  }
  await look();
  if (mail) return h("div", {}, h("p", {}, h("a", { href: "#/find" }, t("find.title"))), h("h1", {}, `${t("queue.id")} ${mail}`), list.node);
  const form = h("form", { class: "tools", onsubmit: (event) => { event.preventDefault(); look(); } },
    h("label", { for: "search" }, t("find.label")), input, h("button", { type: "submit", class: "main" }, t("find.go")));
  return h("div", {}, h("h1", {}, t("find.title")), h("p", { class: "lead" }, t("find.help")), form, list.node);
}
