// The outgoing queue: what waits, why, and what can be done about it. One mail with its tries and its source.

import { follow, get, post, remove, text } from "../lib/api.js";
import { button, h, moment, size, state, time } from "../lib/dom.js";
import { dialog, failed, note, sure } from "../lib/dialog.js";
import { away } from "../lib/frame.js";
import { table } from "../lib/table.js";
import { count, t } from "../lib/text.js";

const isHeld = (mail) => mail.state.startsWith("held");

function waiting(mail, now) {
  const said = mail.to.filter((to) => to.reply);
  const alike = said.length === mail.to.length && said.every((to) => to.reply === said[0].reply);
  const replies = alike ? h("small", {}, said[0].reply) : said.map((to) => h("small", {}, `${to.address}: ${to.reply}`));
  const when = mail.held_until ? h("small", {}, `${t("queue.held_until")} `, moment(mail.held_until)) : !isHeld(mail) && h("small", {}, `${t("queue.next")} `, time(mail.due, now));
  return [isHeld(mail) ? state("warn", t("queue.held")) : state("quiet", t("queue.waits")), when, replies];
}

/** Each action on each of the mails; says how many it was. */
function all(mails, act, again) {
  return async () => {
    let done = 0;
    try {
      for (const mail of mails) {
        await act(mail);
        done += 1;
      }
    } catch (error) {
      failed(error);
    }
    if (done > 0) note(count("queue.done", done));
    again();
  };
}

function tools(mails, again) {
  const path = (mail, action) => post(`queue/${mail.id}/${action}`);
  const destroy = async () => {
    if (await sure(count("queue.sure", mails.length))) await all(mails, (mail) => remove(`queue/${mail.id}`), again)();
  };
  return [
    button(t("queue.retry"), all(mails, (mail) => path(mail, "retry"), again)),
    mails.some((mail) => !isHeld(mail)) && button(t("queue.hold"), all(mails, (mail) => path(mail, "hold"), again)),
    mails.some(isHeld) && button(t("queue.release"), all(mails, (mail) => path(mail, "release"), again)),
    button(t("queue.delete"), destroy, "danger"),
  ].filter(Boolean);
}

export function show(context) {
  return context.steps.length > 0 ? one(context, context.steps[0]) : list(context);
}

function list({ signal }) {
  let now = Date.now();
  const everything = button(t("queue.retry_all"), async () => {
    try {
      note(count("queue.done", (await post("queue/retry")).changed));
    } catch (error) {
      failed(error);
    }
    again();
  });
  const mails = table({
    label: t("queue.title"), empty: t("queue.empty"), caption: everything, key: (mail) => mail.id,
    open: (mail) => `#/queue/${mail.id}`,
    columns: [
      { name: t("queue.subject"), cell: (mail) => mail.subject || "–" },
      { name: t("queue.to"), cell: (mail) => mail.to.map((to) => to.address).join(", ") },
      { name: t("queue.from"), cell: (mail) => mail.from || t("queue.box") },
      { name: t("queue.state"), cell: (mail) => waiting(mail, now), value: (mail) => `${isHeld(mail) ? t("queue.held") : t("queue.waits")} ${mail.to.map((to) => to.reply).join(" ")}` },
      { name: t("queue.arrived"), cell: (mail) => time(mail.sent, now), value: (mail) => mail.sent },
      { name: t("queue.size"), number: true, cell: (mail) => size(mail.size), value: (mail) => mail.size },
    ],
    bulk: (chosen) => tools(chosen, () => again()),
  });
  const again = follow(["queue?limit=1000", "status"], ([queue, status]) => {
    now = status.now;
    everything.hidden = queue.mails.length === 0;
    mails.show(queue.mails);
  }, away, signal);
  return h("div", {}, h("h1", {}, t("queue.title")), mails.node);
}

async function one({ again }, id) {
  const { mail, attempts } = await get(`queue/${id}`);
  const now = Date.now();
  const source = async () => {
    try {
      const raw = await text(`queue/${id}/source`);
      const link = h("a", { href: URL.createObjectURL(new Blob([raw], { type: "message/rfc822" })), download: `${id}.eml` }, t("queue.download"));
      await dialog(mail.subject || id, h("div", {}, h("p", {}, link), h("pre", { tabindex: "0" }, raw)), [[t("common.close"), true, "main"]]);
    } catch (error) {
      failed(error);
    }
  };
  const after = async () => {
    try {
      await get(`queue/${id}`);
      again();
    } catch {
      location.hash = "#/queue";
    }
  };
  const tried = table({
    label: t("queue.attempts"), empty: t("queue.no_attempt"),
    columns: [
      { name: t("today.when"), cell: (row) => moment(row.starttime), value: (row) => row.starttime },
      { name: t("queue.server"), cell: (row) => row.server || "–" },
      { name: t("queue.result"), cell: (row) => row.result },
    ],
  });
  tried.show(attempts);
  const facts = [
    [t("queue.from"), mail.from || t("queue.box")],
    [t("queue.state"), waiting(mail, now)],
    [t("queue.arrived"), moment(mail.sent)],
    [t("queue.size"), size(mail.size)],
    [t("queue.tries"), String(mail.tries)],
    [t("queue.priority"), String(mail.priority)],
    [t("queue.id"), mail.id],
  ];
  return h("div", {},
    h("p", {}, h("a", { href: "#/queue" }, t("queue.title"))),
    h("h1", {}, mail.subject || "–"),
    h("div", { class: "tools" }, tools([mail], after), button(t("queue.source"), source)),
    h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("h2", {}, t("queue.to")),
    h("ul", {}, mail.to.map((to) => h("li", {}, `${to.address} – ${to.state}`, to.reply && h("small", {}, to.reply), to.way && h("small", {}, to.way)))),
    h("h2", {}, t("queue.attempts")), tried.node);
}
