// Addresses that are kept out for a while, and what clients did wrong lately.

import { follow, post, remove, step } from "../lib/api.js";
import { button, h, moment } from "../lib/dom.js";
import { failed, note } from "../lib/dialog.js";
import { away } from "../lib/frame.js";
import { table } from "../lib/table.js";
import { t } from "../lib/text.js";

export function show({ signal }) {
  const blocks = table({
    label: t("blocks.title"), empty: t("blocks.empty"),
    columns: [
      { name: t("blocks.network"), cell: (row) => row.network },
      { name: t("blocks.since"), cell: (row) => moment(row.since), value: (row) => row.since },
      { name: t("blocks.until"), cell: (row) => moment(row.until), value: (row) => row.until },
      { name: t("blocks.reason"), cell: (row) => row.reason },
    ],
    actions: (row) => button(t("blocks.let_in"), () => remove(`blocks/${step(row.network)}`).then(again, failed)),
  });
  const events = table({
    label: t("blocks.events"), empty: t("blocks.no_event"),
    columns: [
      { name: t("today.when"), cell: (row) => moment(row.time), value: (row) => row.time },
      { name: t("blocks.network"), cell: (row) => row.address },
      { name: t("blocks.event"), cell: (row) => row.name },
      { name: t("blocks.data"), cell: (row) => row.data },
    ],
  });
  const network = h("input", { type: "text", id: "network", required: true, placeholder: "192.0.2.7" });
  const minutes = h("input", { type: "number", id: "minutes", min: 1, value: 60, required: true });
  const add = h("form", { class: "tools", onsubmit: async (event) => {
    event.preventDefault();
    try {
      note(`${(await post("blocks", { network: network.value, minutes: Number(minutes.value) })).blocked}`);
      network.value = "";
      again();
    } catch (error) {
      failed(error);
    }
  } }, h("label", { for: "network" }, t("blocks.network")), network, h("label", { for: "minutes" }, t("blocks.minutes")), minutes, h("button", { type: "submit" }, t("blocks.add")));
  const again = follow(["blocks", "events"], ([kept, done]) => {
    blocks.show(kept.blocks);
    events.show(done.log);
  }, away, signal);
  return h("div", {}, h("h1", {}, t("blocks.title")), blocks.node, add, h("h2", {}, t("blocks.events")), events.node);
}
