// The messages of a user's Inbox: sender, subject, date, size; the raw source, and deleting. For fault finding.

import { get, post, text } from "../lib/api.js";
import { button, h, moment, size } from "../lib/dom.js";
import { dialog, failed, sure } from "../lib/dialog.js";
import { table } from "../lib/table.js";
import { count, t } from "../lib/text.js";

export async function show({ steps, again }) {
  const [user] = steps;
  const { name, messages, count: all } = await get(`mailboxes/${user}`);
  const source = (row) => async () => {
    try {
      const raw = await text(`mailboxes/${user}/${row.uid}/source`);
      const link = h("a", { href: URL.createObjectURL(new Blob([raw], { type: "message/rfc822" })), download: `${row.mail}.eml` }, t("queue.download"));
      await dialog(row.subject || "–", h("div", {}, h("p", {}, link), h("pre", { tabindex: "0" }, raw)), [[t("common.close"), true, "main"]]);
    } catch (error) {
      failed(error);
    }
  };
  const destroy = (rows) => async () => {
    if (!(await sure(count("users.sure", rows.length)))) return;
    await post(`mailboxes/${user}/delete`, { uids: rows.map((row) => row.uid) }).then(again, failed);
  };
  const list = table({
    label: t("users.messages", { name }), empty: t("users.empty_mailbox"), key: (row) => row.uid,
    columns: [
      { name: t("users.subject"), cell: (row) => button(row.subject || "–", source(row), "plain"), value: (row) => row.subject },
      { name: t("users.from"), cell: (row) => row.from || "–" },
      { name: t("users.date"), cell: (row) => moment(row.received), value: (row) => row.received },
      { name: t("users.size"), number: true, cell: (row) => size(row.size), value: (row) => row.size },
    ],
    bulk: (rows) => [button(t("common.delete"), destroy(rows), "danger")],
  });
  list.show(messages);
  return h("div", {}, h("p", {}, h("a", { href: "#/users" }, t("nav.users"))), h("h1", {}, t("users.messages", { name })),
    all > messages.length && h("p", { class: "quiet" }, t("common.shown", { n: messages.length, all })), list.node);
}
