// Version, host, data.

import { get } from "../lib/api.js";
import { h, moment, size } from "../lib/dom.js";
import { t } from "../lib/text.js";

export async function show() {
  const status = await get("status");
  const facts = [
    [t("about.version"), status.version],
    [t("about.host"), status.host_name],
    [t("about.started"), moment(status.started_at)],
    [t("about.data"), status.data],
    [t("today.free"), size(status.store.disk_free)],
  ];
  return h("div", {}, h("h1", {}, t("about.title")), h("p", {}, t("about.words")),
    h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("p", {}, h("a", { href: "/api/v1/openapi.json" }, t("about.api"))));
}
