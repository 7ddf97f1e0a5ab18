// The first set-up: five steps. Each tests before it saves, and says in plain words what is wrong. The first step makes the
// administrator and is open only while there is none; the others are his.

import { get, post, setToken, step as safe } from "../lib/api.js";
import { button, h, state } from "../lib/dom.js";
import { fresh } from "../lib/fields.js";
import { settingsSchema } from "../lib/api.js";
import { program } from "./me.js";
import { t } from "../lib/text.js";

const STEPS = 5;

/** Set up from the beginning, in `place`; `done` when it is over. */
export function show(place, done) {
  const known = { name: "", domain: "", address: "", password: "", found: null, people: [] };
  const steps = [administrator, office, incoming, outgoing, people, finish];
  const go = async (number) => {
    place.replaceChildren(h("div", { class: "wizard" }, await steps[number](known, () => go(number + 1))));
    place.querySelector("input")?.focus();
    window.scrollTo(0, 0);
  };
  document.title = `${t("first.title")} · Pillarbox`;
  go(0);
}

/** A field with its label and help. */
function field(key, attributes = {}, value = "") {
  const id = `first-${key}`;
  const input = h("input", { type: "text", id, value, autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-help`, ...attributes });
  return { input, node: h("div", { class: "field" }, h("label", { for: id }, t(`first.${key}`)), input, h("p", { class: "help", id: `${id}-help` }, t(`first.${key}_help`))) };
}

/** The frame of a step. `work` saves; it throws what is wrong. */
function page(number, key, nodes, work, next, skip) {
  const wrong = h("p", { class: "wrong", role: "alert", hidden: true });
  const said = h("details", { hidden: true }, h("summary", {}, t("first.said")), h("pre", { tabindex: "0" }));
  const go = h("button", { type: "submit", class: "main" }, t(`first.${key}_go`));
  const wait = h("span", { class: "quiet", role: "status" });
  return h("form", { class: "settings", novalidate: true, onsubmit: async (event) => {
    event.preventDefault();
    go.disabled = true;
    wrong.hidden = true;
    wait.textContent = t("first.wait");
    try {
      await work();
      await next();
    } catch (error) {
      wrong.textContent = /[.!?]$/.test(error.message) ? error.message : `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
      wrong.hidden = false;
      said.hidden = !error.said;
      said.querySelector("pre").textContent = (error.said ?? []).join("\n");
    } finally {
      go.disabled = false;
      wait.textContent = "";
    }
  } },
  h("p", { class: "quiet" }, t("first.step", { n: number, of: STEPS })),
  h("h1", {}, t(`first.${key}`)), h("p", { class: "lead" }, t(`first.${key}_lead`)), nodes, wrong, said,
  h("div", { class: "tools" }, go, skip && button(t("first.later"), next, "plain"), wait));
}

function must(condition, key) {
  if (!condition) throw new Error(t(`first.${key}`));
}

/** A test that has failed is an error with what was said. */
async function test(path, body) {
  const tried = await post(path, body);
  if (!tried.ok) throw Object.assign(new Error(tried.trouble), { said: tried.said });
  return tried;
}

const put = (changes) => post("config/changes", { changes });

async function administrator(known, next) {
  const name = field("name", { autocomplete: "username", autocapitalize: "none" });
  const password = field("password", { type: "password", autocomplete: "new-password" });
  return page(1, "admin", [name.node, password.node], async () => {
    const answer = await post("setup", { name: name.input.value.trim(), password: password.input.value });
    setToken(answer.token);
    known.name = answer.name;
  }, next);
}

async function office(known, next) {
  const { general } = await get("config");
  const domain = field("domain", { autocapitalize: "none", inputmode: "url" }, general.default_domain);
  const host = field("host", { autocapitalize: "none" }, general.host_name);
  return page(2, "office", [domain.node, host.node], async () => {
    const value = domain.input.value.trim().replace(/^@/, "").toLowerCase();
    must(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(value), "domain_wrong");
    await put([
      { path: "general.default_domain", to: value },
      { path: "general.host_name", to: host.input.value.trim() },
    ]);
    known.domain = value;
  }, next);
}

/** Fields for servers, folded away while the suggestion holds. */
function servers(kind, found) {
  const host = field(`${kind}_host`, { autocapitalize: "none" }, found?.[`${kind}_host`] ?? "");
  const port = field(`${kind}_port`, { type: "number", min: 1, max: 65535 }, found?.[`${kind}_port`] ?? "");
  const id = `first-${kind}-encryption`;
  const options = kind === "pop3" ? ["ssl", "stls", "none"] : ["ssl", "starttls", "none"];
  const encryption = h("select", { id }, options.map((option) => h("option", { value: option, selected: option === found?.[`${kind}_encryption`] }, t(`words.${option}`))));
  const node = h("details", { open: !found?.provider }, h("summary", {}, t("first.servers", { host: host.input.value || "…" })), host.node, port.node,
    h("div", { class: "field" }, h("label", { for: id }, t("first.encryption")), encryption));
  const fill = (suggested) => {
    host.input.value = suggested[`${kind}_host`];
    port.input.value = suggested[`${kind}_port`];
    encryption.value = suggested[`${kind}_encryption`];
    node.open = !suggested.provider;
    node.querySelector("summary").textContent = t("first.servers", { host: host.input.value });
  };
  return { node, fill, value: () => ({ host: host.input.value.trim(), port: Number(port.input.value), encryption: encryption.value }) };
}

async function incoming(known, next) {
  const address = field("address", { type: "email", autocapitalize: "none" });
  const password = field("mail_password", { type: "password", autocomplete: "new-password" });
  const server = servers("pop3", null);
  server.node.hidden = true;
  const hint = h("p", { role: "status", hidden: true });
  const look = async () => {
    const text = address.input.value.trim();
    if (!text.includes("@") || text === known.looked) return;
    known.looked = text;
    known.found = await get(`provider?address=${safe(text)}`);
    server.fill(known.found);
    server.node.hidden = false;
    hint.hidden = false;
    hint.replaceChildren(known.found.provider ? state("good", t("first.found", { provider: known.found.provider })) : state("warn", t("first.not_found")), " ", known.found.hint);
  };
  address.input.addEventListener("change", () => look().catch(() => {}));
  return page(3, "incoming", [address.node, hint, password.node, server.node], async () => {
    must(address.input.value.includes("@"), "address_wrong");
    await look();
    const user = address.input.value.trim();
    const login = { ...server.value(), user, password: password.input.value };
    await test("test/pop3", login);
    known.address = user;
    known.password = login.password;
    const collectors = (await settingsSchema()).properties.collectors.items;
    const collector = { ...fresh(collectors), name: user, host: login.host, port: login.port, encryption: login.encryption, login: { user, password: login.password }, routing: { "send-to": known.name }, leave_days: 7 };
    await addTo("connections", { name: known.found?.provider || t("first.provider") });
    await addTo("collectors", collector);
  }, next, true);
}

/** Adds an entry unless there is one of its name. */
async function addTo(section, entry) {
  const config = await get("config");
  if (config[section].some((one) => one.name.toLowerCase() === entry.name.toLowerCase())) return;
  await put([{ path: section, add: entry }]);
}

async function outgoing(known, next) {
  const user = field("address_out", { type: "email", autocapitalize: "none" }, known.address);
  const password = field("mail_password_out", { type: "password", autocomplete: "new-password" }, known.password);
  const to = field("test_to", { type: "email", autocapitalize: "none" }, known.address);
  const server = servers("smtp", known.found);
  user.input.addEventListener("change", async () => {
    const found = await get(`provider?address=${safe(user.input.value.trim())}`).catch(() => null);
    if (found) server.fill(found);
  });
  return page(4, "outgoing", [user.node, password.node, server.node, to.node], async () => {
    must(user.input.value.includes("@") && to.input.value.includes("@"), "address_wrong");
    const { host, port, encryption } = server.value();
    const login = { user: user.input.value.trim(), password: password.input.value };
    await test("test/smtp", { host, port, encryption, ...login, from: login.user, to: to.input.value.trim() });
    const schema = (await settingsSchema()).properties.connections.items.properties.sender;
    const sender = { ...fresh({ properties: schema.properties }), hosts: [{ host, port }], encryption, login };
    const { connections } = await get("config");
    if (connections.length === 0) await put([{ path: "connections", add: { name: known.found?.provider || t("first.provider"), sender } }]);
    else await put([{ path: "connections[0].sender", to: sender }]);
  }, next, true);
}

async function people(known, next) {
  const list = h("ul", {});
  const name = field("person", { autocapitalize: "none" });
  const password = field("person_password", { type: "text", autocomplete: "off" });
  const draw = () => list.replaceChildren(...known.people.map((one) => h("li", {}, state("good", `${one}@${known.domain}`))));
  draw();
  const add = async () => {
    const login = name.input.value.trim().split("@")[0];
    must(login.length > 0, "person_wrong");
    must([...password.input.value].length >= 8, "person_short");
    await put([{ path: "users", add: { name: login, password: password.input.value } }]);
    known.people.push(login);
    draw();
    name.input.value = "";
    password.input.value = "";
    name.input.focus();
  };
  const wrong = h("p", { class: "wrong", role: "alert", hidden: true });
  const more = button(t("first.person_add"), async () => {
    wrong.hidden = true;
    await add().catch((error) => {
      wrong.textContent = `${error.message}.`;
      wrong.hidden = false;
    });
  });
  return page(5, "people", [list, name.node, password.node, h("p", {}, more), wrong], async () => {
    if (name.input.value.trim()) await add();
  }, next);
}

async function finish(known) {
  const me = await get("me");
  return h("div", {}, h("h1", {}, t("first.done")), h("p", { class: "lead" }, t("first.done_lead")),
    h("h2", {}, t("me.program")), program({ ...me, name: t("first.each_name") }),
    h("ul", {}, [known.name, ...known.people].map((one) => h("li", {}, `${one}@${known.domain}`))),
    h("p", { class: "quiet" }, t("first.certificate")),
    h("div", { class: "tools" }, button(t("first.go_on"), () => { location.hash = "#/"; location.reload(); }, "main"), button(t("first.print"), () => window.print())));
}
