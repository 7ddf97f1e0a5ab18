// What is in order and what is not, first; then connections, mail, problems, services. Live.

import { follow, post, step } from "../lib/api.js";
import { button, h, size, state, time } from "../lib/dom.js";
import { failed, note } from "../lib/dialog.js";
import { away, overall } from "../lib/frame.js";
import { table } from "../lib/table.js";
import { count, t } from "../lib/text.js";

/** What needs a look, the worst first: [kind, words, node]. */
function findings(status, held) {
  const found = [];
  const { store } = status;
  if (store.failed) found.push(["bad", t("today.disk_failed")]);
  if (store.full) found.push(["bad", t("today.disk_full")]);
  if (Math.abs(status.now - Date.now()) > 300000) found.push(["warn", t("today.clock", { clock: new Date(status.now).toLocaleString() })]);
  for (const row of [...status.collectors, ...status.senders]) if (!row.ok && row.state !== "never run") found.push(["warn", t("today.needs", row)]);
  if (status.schedule.paused) found.push(["warn", t("today.paused"), button(t("today.resume"), () => post("schedule/resume").catch(failed))]);
  if (status.connections.length === 0 && status.collectors.length === 0) found.push(["warn", t("today.no_connector"), h("a", { href: "#/connections" }, t("nav.connections"))]);
  if (status.listening.length === 0) found.push(["warn", t("today.nothing_listens")]);
  if (held > 0) found.push(["quiet", count("today.held", held), h("a", { href: "#/queue" }, t("nav.queue"))]);
  return found;
}

function figures(status) {
  const pairs = [
    [t("today.waiting"), status.queue.length, "#/queue"],
    [t("today.taken"), status.accepted],
    [t("today.sessions"), status.sessions.count, "#/sessions"],
    [t("today.free"), size(status.store.disk_free)],
  ];
  return h("dl", { class: "figures" }, pairs.map(([name, value, to]) => h("div", {}, h("dt", {}, name), h("dd", {}, to ? h("a", { href: to }, String(value)) : String(value)))));
}

const ok = (row) => state(row.ok ? "good" : "warn", row.ok ? t("today.in_order") : t("today.attention"));

export function show({ signal }) {
  let now = Date.now();
  const start = (name) => async () => {
    try {
      const { started } = await post(name ? `connections/${step(name)}/start` : "connections/start");
      note(t("today.started_now", { names: started.join(", ") }));
      again();
    } catch (error) {
      failed(error);
    }
  };
  const order = h("div", { id: "order" });
  const numbers = h("div", {});
  const foot = h("p", { class: "quiet" });
  const connections = table({
    label: t("today.connections"), empty: t("today.no_connection"),
    columns: [
      { name: t("common.name"), cell: (row) => row.name },
      { name: t("today.state"), cell: (row) => h("span", { class: "quiet" }, row.state), value: (row) => row.state },
      { name: t("today.last_run"), cell: (row) => (row.running ? t("today.running") : time(row.last_run, now)), value: (row) => row.last_run ?? 0 },
      { name: t("today.next_run"), cell: (row) => (row.next_run ? time(row.next_run, now) : t("today.on_demand")), value: (row) => row.next_run ?? 0 },
    ],
    actions: (row) => button(t("today.connect"), start(row.name), "", { disabled: row.running }),
  });
  const collectors = table({
    label: t("today.collectors"), empty: t("today.no_collector"),
    columns: [
      { name: t("common.name"), cell: (row) => row.name },
      { name: t("today.state"), cell: (row) => [ok(row), h("small", {}, row.state)], value: (row) => row.state },
      { name: t("today.last_run"), cell: (row) => (row.running ? t("today.running") : time(row.last_run, now)), value: (row) => row.last_run ?? 0 },
      { name: t("today.collected"), number: true, cell: (row) => String(row.collected_total), value: (row) => row.collected_total },
    ],
  });
  const senders = table({
    label: t("today.senders"), empty: t("today.no_sender"),
    columns: [
      { name: t("common.name"), cell: (row) => row.name },
      { name: t("today.state"), cell: (row) => [ok(row), h("small", {}, row.state)], value: (row) => row.state },
      { name: t("today.last_sent"), cell: (row) => time(row.last_relayed, now), value: (row) => row.last_relayed ?? 0 },
      { name: t("today.sent"), number: true, cell: (row) => String(row.relayed_total), value: (row) => row.relayed_total },
    ],
  });
  const problems = table({
    label: t("today.problems"), empty: t("today.no_problem"),
    columns: [
      { name: t("today.when"), cell: (row) => time(row.at, now), value: (row) => row.at },
      { name: t("today.where"), cell: (row) => row.place },
      { name: t("today.what"), cell: (row) => row.text },
      { name: t("today.times"), number: true, cell: (row) => String(row.times), value: (row) => row.times },
    ],
  });
  const listening = table({
    label: t("today.listening"), empty: t("today.nothing_listens"),
    columns: [
      { name: t("today.service"), cell: (row) => row.service },
      { name: t("today.address"), cell: (row) => row.address },
      { name: t("today.encryption"), cell: (row) => row.encryption },
    ],
  });
  const part = (heading, list) => h("section", {}, h("h2", {}, heading), list.node);
  const node = h("div", {}, h("h1", {}, t("today.title")), order, numbers, part(t("today.connections"), connections), part(t("today.collectors"), collectors),
    part(t("today.senders"), senders), part(t("today.problems"), problems), part(t("today.listening"), listening), foot);

  function draw([status, queue]) {
    now = status.now;
    const found = findings(status, queue.mails.filter((mail) => mail.state.startsWith("held")).length);
    const worst = found[0]?.[0] ?? "good";
    overall(worst === "quiet" ? "good" : worst, worst === "good" || worst === "quiet" ? t("today.well") : t("today.attention"));
    order.replaceChildren(h("ul", { class: "findings" }, found.length === 0 ? h("li", {}, state("good", t("today.well"))) : found.map(([kind, words, more]) => h("li", {}, state(kind, words), " ", more))));
    numbers.replaceChildren(figures(status));
    connections.show(status.connections);
    collectors.show(status.collectors);
    senders.show(status.senders);
    problems.show(status.problems.slice(0, 20));
    listening.show(status.listening);
    foot.replaceChildren(t("today.started", status), " ", time(status.started_at, now), ".");
  }

  const again = follow(["status", "queue?limit=200"], draw, away, signal);
  return node;
}
