// The status page: what listens, queue, collectors, senders, last problems.

import { follow } from "./lib/api.js";
import { h, section, size, state, time } from "./lib/dom.js";

const page = document.getElementById("page");
const banner = document.getElementById("banner");

function overall(status) {
  if (status.store.failed) return ["bad", "The disk has failed: nothing is taken until the program is started anew"];
  if (status.store.full) return ["bad", "No room: mail is refused"];
  const troubled = [...status.collectors, ...status.senders].filter((row) => !row.ok);
  if (troubled.length > 0) return ["warn", `${troubled[0].name} needs a look`];
  if (status.listening.length === 0) return ["warn", "Nothing listens"];
  return ["good", "All well"];
}

function connector(row) {
  return state(row.ok ? "good" : "warn", row.ok ? "In order" : "Needs a look");
}

function figures(status) {
  const pairs = [
    ["Waiting to go out", status.queue.length],
    ["Mails taken since start", status.accepted],
    ["Sessions", status.sessions.count],
    ["Free on disk", size(status.store.disk_free)],
  ];
  return h("dl", { class: "figures" }, pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))));
}

function waiting(mail, now) {
  const said = mail.to.filter((to) => to.reply);
  const alike = said.length === mail.to.length && said.every((to) => to.reply === said[0].reply);
  const replies = alike ? h("small", {}, said[0].reply) : said.map((to) => h("small", {}, `${to.address}: ${to.reply}`));
  return [mail.state === "held" ? state("warn", "Held") : state("quiet", "Waiting"), mail.state === "held" ? null : h("small", {}, "next try ", time(mail.due, now)), replies];
}

function show([status, queue]) {
  const now = status.now;
  document.title = `Pillarbox · ${status.host_name}`;
  document.getElementById("host").textContent = status.host_name;
  document.getElementById("state").replaceChildren(state(...overall(status)));
  banner.hidden = true;
  page.classList.remove("stale");
  page.replaceChildren(
    figures(status),
    section("Connections", status.connections, [
      ["Name", (row) => row.name],
      ["State", (row) => h("small", {}, row.state)],
      ["Last run", (row) => (row.running ? "running" : time(row.last_run, now))],
      ["Next run", (row) => (row.next_run ? time(row.next_run, now) : "on demand")],
    ], "Connections send and collect the office's mail. There is none yet."),
    h("div", {}, status.schedule.paused && h("p", { class: "quiet" }, `The schedule is ${status.schedule.state}.`)),
    section("Mail Collectors", status.collectors, [
      ["Name", (row) => row.name],
      ["State", (row) => [connector(row), h("small", {}, row.state)]],
      ["Last run", (row) => (row.running ? "running" : time(row.last_run, now))],
      ["Collected", (row) => String(row.collected_total), true],
    ], "Mail Collectors fetch the office's mail from its provider. There is none yet."),
    section("Mail Senders", status.senders, [
      ["Name", (row) => row.name],
      ["State", (row) => [connector(row), h("small", {}, row.state)]],
      ["Last mail sent", (row) => time(row.last_relayed, now)],
      ["Sent", (row) => String(row.relayed_total), true],
    ], "A Mail Sender takes the office's mail to its provider. None has sent yet."),
    section(`Queue (${queue.length})`, queue.mails, [
      ["State", (mail) => waiting(mail, now)],
      ["To", (mail) => mail.to.map((to) => to.address).join(", ")],
      ["From", (mail) => mail.from || "the box itself"],
      ["Subject", (mail) => mail.subject || "–"],
      ["Sent", (mail) => time(mail.sent, now)],
      ["Size", (mail) => size(mail.size), true],
    ], "No mail waits to go out."),
    section("Last problems", status.problems.slice(0, 20), [
      ["When", (row) => time(row.at, now)],
      ["Where", (row) => row.place],
      ["What", (row) => row.text],
      ["Times", (row) => String(row.times), true],
    ], "Nothing went wrong since the start."),
    section("What listens", status.listening, [
      ["Service", (row) => row.service],
      ["Address", (row) => row.address],
      ["Encryption", (row) => row.encryption],
    ], "Nothing listens: no service is switched on."),
    h("p", { class: "quiet" }, `Pillarbox ${status.version}, started `, time(status.started_at, now), "."),
  );
}

function away(since) {
  const clock = new Date(since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  banner.textContent = `The box does not answer since ${clock} – trying again.`;
  banner.hidden = false;
  page.classList.add("stale");
  document.getElementById("state").replaceChildren(state("bad", "No answer"));
}

follow(["status", "queue?limit=50"], show, away);
