// Where the page begins: who is logged in, which page an address means, and changing from one to the next.

import { get, onLost, setToken, settingsSchema } from "./lib/api.js";
import { h } from "./lib/dom.js";
import { GROUPS, bare, frame, mark } from "./lib/frame.js";
import { t } from "./lib/text.js";

const page = document.getElementById("page");
let session = { state: "unknown" };
let running = new AbortController();
let shown = location.hash;

/** Modules of pages that are more than a form. Each exports show(place, steps, context). */
const PAGES = {
  "": () => import("./pages/today.js"),
  queue: () => import("./pages/queue.js"),
  find: () => import("./pages/find.js"),
  sessions: () => import("./pages/sessions.js"),
  mailbox: () => import("./pages/mailbox.js"),
  blocks: () => import("./pages/blocks.js"),
  changes: () => import("./pages/changes.js"),
  about: () => import("./pages/about.js"),
  me: () => import("./pages/me.js"),
};

async function start() {
  session = await get("session");
  setToken(session.token);
  if (session.state !== "logged in") return knock();
  const schema = session.administrator ? await settingsSchema() : { properties: {} };
  const known = new Set(GROUPS.flatMap(([, pages]) => pages.map(([address]) => address)));
  const others = Object.entries(schema.properties).filter(([name]) => !known.has(name)).map(([name, section]) => [name, section.title]);
  frame(session, others);
  await route();
}

/** Nobody is logged in: the login, or the first set-up. */
async function knock(message) {
  running.abort();
  running = new AbortController();
  bare();
  const module = await import("./pages/login.js");
  module.show(page, session, start, message);
}

async function route() {
  const [address, ...steps] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  running.abort();
  running = new AbortController();
  const { signal } = running;
  mark(address);
  document.title = "Pillarbox";
  page.replaceChildren(h("p", { class: "quiet" }, t("common.loading")));
  try {
    const mayAll = session.administrator;
    const load = mayAll ? PAGES[address] ?? (() => import("./pages/settings.js")) : PAGES.me;
    const module = await load();
    if (signal.aborted) return;
    const content = await module.show({ address: mayAll ? address : "me", steps, signal, session, again: route });
    if (signal.aborted) return;
    page.replaceChildren(content);
    const heading = page.querySelector("h1");
    if (heading) document.title = `${heading.textContent} · Pillarbox`;
  } catch (error) {
    if (signal.aborted) return;
    console.error(error);
    page.replaceChildren(h("p", { role: "alert", class: "wrong" }, `${error.message}.`));
  }
  page.scrollTo?.(0, 0);
  window.scrollTo(0, 0);
}

onLost(async () => {
  if (session.state !== "logged in") return;
  session = { state: "logged out" };
  await knock(t("login.over"));
});

window.addEventListener("hashchange", async () => {
  const { hasChanges, forgetChanges } = await import("./lib/form.js");
  if (location.hash === shown) return;
  if (hasChanges()) {
    const { sure } = await import("./lib/dialog.js");
    const to = location.hash;
    history.replaceState(null, "", shown || "#/");
    if (!(await sure(t("common.not_saved"), t("common.discard")))) return;
    forgetChanges();
    history.pushState(null, "", to);
  }
  shown = location.hash;
  page.focus({ preventScroll: true });
  if (session.state === "logged in") await route();
});

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  page.focus();
});

start().catch((error) => page.replaceChildren(h("p", { role: "alert", class: "wrong" }, `${error.message}.`)));
