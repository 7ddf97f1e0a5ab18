// Who is connected: mail programs, other servers.

import { follow } from "../lib/api.js";
import { h, span } from "../lib/dom.js";
import { away } from "../lib/frame.js";
import { table } from "../lib/table.js";
import { count, t } from "../lib/text.js";

export function show({ signal }) {
  let now = Date.now();
  const number = h("p", { class: "quiet" });
  const list = table({
    label: t("sessions.title"), empty: t("sessions.empty"),
    columns: [
      { name: t("sessions.type"), cell: (row) => `${row.service.toUpperCase()} (${row.id})` },
      { name: t("sessions.user"), cell: (row) => [row.user ?? row.peer, row.user && h("small", {}, row.peer)], value: (row) => `${row.user ?? ""} ${row.peer}` },
      { name: t("sessions.active"), number: true, cell: (row) => span((now - row.since) / 1000), value: (row) => now - row.since },
    ],
  });
  follow(["status"], ([status]) => {
    now = status.now;
    number.textContent = count("sessions.count", status.sessions.count);
    list.show(status.sessions.list);
  }, away, signal);
  return h("div", {}, h("h1", {}, t("sessions.title")), number, list.node);
}
