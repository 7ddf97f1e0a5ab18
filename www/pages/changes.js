// Who changed which setting.

import { get } from "../lib/api.js";
import { h, moment } from "../lib/dom.js";
import { table } from "../lib/table.js";
import { t } from "../lib/text.js";

export async function show() {
  const list = table({
    label: t("changes.title"), empty: t("changes.empty"),
    columns: [
      { name: t("changes.when"), cell: (row) => moment(row.at), value: (row) => row.at },
      { name: t("changes.who"), cell: (row) => row.who },
      { name: t("changes.setting"), cell: (row) => row.setting },
      { name: t("changes.old"), cell: (row) => row.old },
      { name: t("changes.new"), cell: (row) => row.new },
    ],
  });
  list.show((await get("audit")).changes);
  return h("div", {}, h("h1", {}, t("changes.title")), list.node);
}
