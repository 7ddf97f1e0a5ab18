// Logging in; and what is said to a stranger while the box is not set up.

import { post, setToken } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { t } from "../lib/text.js";

export async function show(place, session, start, message) {
  if (session.state === "new") {
    const wizard = await import("./first.js");
    return wizard.show(place, start);
  }
  if (session.state === "closed") return place.replaceChildren(h("div", { class: "narrow" }, h("h1", {}, "Pillarbox"), h("p", {}, t("login.closed"))));
  const wrong = h("p", { class: "wrong", role: "alert", hidden: !message }, message ?? "");
  const name = h("input", { type: "text", id: "name", autocomplete: "username", autocapitalize: "none", required: true });
  const password = h("input", { type: "password", id: "password", autocomplete: "current-password", required: true });
  const go = h("button", { type: "submit", class: "main" }, t("login.go"));
  const form = h("form", { class: "narrow", onsubmit: submit },
    h("h1", {}, t("login.title")), wrong,
    h("div", { class: "field" }, h("label", { for: "name" }, t("login.name")), name),
    h("div", { class: "field" }, h("label", { for: "password" }, t("login.password")), password),
    h("p", {}, go));

  async function submit(event) {
    event.preventDefault();
    go.disabled = true;
    try {
      const answer = await post("session", { name: name.value, password: password.value });
      setToken(answer.token);
      await start();
    } catch (error) {
      wrong.textContent = error.status === 401 ? `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.` : `${error.message}. ${error.status === 0 ? t("login.blocked") : ""}`;
      wrong.hidden = false;
      password.value = "";
      password.focus();
    } finally {
      go.disabled = false;
    }
  }

  document.title = `${t("login.title")} · Pillarbox`;
  place.replaceChildren(form);
  name.focus();
}
