// What stands around each page: the list of pages, search, state, the person's menu.

import { remove } from "./api.js";
import { button, h, icon, iconButton, state, unique } from "./dom.js";
import { search } from "./search.js";
import { t } from "./text.js";

export const GROUPS = [
  ["today", [["", "today"]]],
  ["mail", [["queue", "queue"], ["find", "find"], ["sessions", "sessions"]]],
  ["people", [["users", "users"], ["mappings", "mappings"], ["domain_mappings", "domain_mappings"]]],
  ["connectors", [["connections", "connections"], ["schedule", "schedule"], ["collectors", "collectors"], ["download_rules", "download_rules"], ["lan", "lan"]]],
  ["services", [["smtp", "smtp"], ["pop3", "pop3"], ["web", "web"]]],
  ["settings", [["general", "general"], ["dns", "dns"], ["tls", "tls"], ["security", "security"]]],
  ["system", [["blocks", "blocks"], ["changes", "changes"], ["about", "about"]]],
];

const side = document.getElementById("side");
const top = document.getElementById("top");
let drawer;

/** Draws the frame for whoever is logged in; `others` are sections of settings that no group names. */
export function frame(session, others) {
  const links = (pages) => pages.map(([address, key, title]) => h("li", {}, h("a", { href: `#/${address}`, "data-page": address }, title ?? t(`nav.${key}`))));
  const groups = session.administrator ? GROUPS : [];
  side.replaceChildren(h("ul", {}, groups.map(([name, pages]) => (pages.length === 1
    ? links(pages)
    : h("li", {}, h("span", { class: "heading" }, t(`nav.${name}`)), h("ul", {}, links(pages))))),
  others.length > 0 && h("li", {}, h("span", { class: "heading" }, t("nav.other_settings")), h("ul", {}, links(others.map(([name, title]) => [name, name, title]))))));
  side.hidden = groups.length === 0;
  drawer?.remove();
  top.querySelectorAll(".right,.search,.drawer").forEach((node) => node.remove());
  if (groups.length > 0) {
    drawer = iconButton("menu", t("nav.menu"), () => open(!side.classList.contains("open")), { class: "only-icon drawer", "aria-expanded": "false", "aria-controls": "side" });
    top.prepend(drawer);
    top.append(search());
  }
  top.append(h("div", { class: "right" },
    session.administrator && h("span", { id: "state", role: "status" }),
    h("a", { href: "#/me" }, session.full_name || session.name),
    button(t("nav.out"), leave, "plain")));
  document.getElementById("host").textContent = session.host_name ? ` · ${session.host_name}` : "";
}

async function leave() {
  await remove("session").catch(() => {});
  location.hash = "";
  location.reload();
}

function open(isOpen) {
  side.classList.toggle("open", isOpen);
  drawer?.setAttribute("aria-expanded", String(isOpen));
}

/** Nobody is logged in. */
export function bare() {
  side.hidden = true;
  side.replaceChildren();
  top.querySelectorAll(".right,.search,.drawer").forEach((node) => node.remove());
}

/** Marks the page that is shown. */
export function mark(address) {
  open(false);
  side.querySelectorAll("a").forEach((link) => {
    if (link.dataset.page === address) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
}

export function overall(kind, words) {
  document.getElementById("state")?.replaceChildren(state(kind, words));
}

/** The box does not answer since then; null: it does. */
export function away(since) {
  const banner = document.getElementById("banner");
  banner.hidden = since === null;
  document.getElementById("page").classList.toggle("stale", since !== null);
  if (since === null) return;
  const clock = new Date(since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  banner.textContent = t("common.away", { clock });
}

export { icon, unique };
