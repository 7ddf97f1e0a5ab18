// A person's own page: password, addresses, what to type into the mail program.

import { get, put } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { note } from "../lib/dialog.js";
import { t } from "../lib/text.js";

export async function show({ session }) {
  const me = await get("me");
  return h("div", {}, h("h1", {}, t("me.hello", { name: session.full_name || session.name })),
    h("h2", {}, t("me.addresses")),
    h("ul", {}, me.addresses.map((address) => h("li", {}, address))),
    h("h2", {}, t("me.program")), program(me), password());
}

/** The table of what a mail program asks for. */
export function program(me) {
  const rows = me.services.map((service) => [
    [service.incoming ? t("me.incoming") : t("me.outgoing"), ""],
    [t("me.server"), me.host],
    [t("me.port"), String(service.port)],
    [t("me.security"), service.encryption],
    [t("me.name"), me.name],
    [t("me.pass"), t("me.own")],
  ]);
  return h("div", { class: "cards" }, rows.map(([[heading], ...facts]) => h("section", {}, h("h3", {}, heading),
    h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])))));
}

function password() {
  const input = (id, complete) => h("input", { type: "password", id, autocomplete: complete, required: true });
  const [old, fresh, again] = [input("old", "current-password"), input("fresh", "new-password"), input("again", "new-password")];
  const wrong = h("p", { class: "wrong", role: "alert", hidden: true });
  const say = (words) => {
    wrong.textContent = words;
    wrong.hidden = !words;
  };
  return h("form", { class: "settings", onsubmit: async (event) => {
    event.preventDefault();
    if (fresh.value !== again.value) return say(t("me.differ"));
    try {
      await put("me/password", { old: old.value, new: fresh.value });
      say("");
      event.target.reset();
      note(t("me.changed"));
    } catch (error) {
      say(`${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`);
    }
  } },
  h("h2", {}, t("me.password")), wrong,
  [[old, "me.old"], [fresh, "me.new"], [again, "me.again"]].map(([field, key]) => h("div", { class: "field" }, h("label", { for: field.id }, t(key)), field)),
  h("p", {}, h("button", { type: "submit", class: "main" }, t("me.change"))));
}
