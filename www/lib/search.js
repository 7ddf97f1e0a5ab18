// One box that finds pages, settings, and their help.

import { settingsSchema } from "./api.js";
import { h, icon, unique } from "./dom.js";
import { GROUPS } from "./frame.js";
import { t } from "./text.js";

const MOST = 12;

/** Everything that can be found: [words, title, where, address]. */
async function everything() {
  const found = GROUPS.flatMap(([group, pages]) => pages.map(([address, key]) => [t(`nav.${key}`).toLowerCase(), t(`nav.${key}`), t(`nav.${group}`), `#/${address}`]));
  const schema = await settingsSchema().catch(() => ({ properties: {} }));
  const walk = (inner, section, where) => {
    for (const [name, one] of Object.entries((inner.items ?? inner).properties ?? {})) {
      if (one["x-hidden"]) continue;
      const title = one.title ?? name;
      found.push([`${title} ${name} ${one.description ?? ""}`.toLowerCase(), title, where, `#/${section}`]);
      walk(one, section, `${where} › ${title}`);
    }
  };
  for (const [name, section] of Object.entries(schema.properties)) walk(section, name, section.title);
  return found;
}

/** The box, with its list of what was found. */
export function search() {
  const list = h("ul", { class: "found", id: unique("found"), role: "listbox", "aria-label": t("nav.search"), hidden: true });
  const input = h("input", { type: "search", placeholder: `${t("nav.search")}  /`, "aria-label": t("nav.search"), role: "combobox", "aria-expanded": "false", "aria-controls": list.id, autocomplete: "off", oninput: look });
  let all;
  let place = -1;
  let hits = [];

  async function look() {
    all ??= await everything();
    const words = input.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const score = ([, title]) => (title.toLowerCase().startsWith(words[0]) ? 0 : title.toLowerCase().includes(words[0]) ? 1 : 2);
    hits = words.length === 0 ? [] : all.filter(([text]) => words.every((word) => text.includes(word))).sort((a, b) => score(a) - score(b)).slice(0, MOST);
    place = -1;
    draw();
  }

  function draw() {
    list.hidden = hits.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    list.replaceChildren(...hits.map(([, title, where, address], at) => h("li", { role: "option", id: `${list.id}-${at}`, "aria-selected": String(at === place), onmousedown: (event) => { event.preventDefault(); go(address); } },
      h("strong", {}, title), " ", h("span", { class: "quiet" }, where))));
    if (place >= 0) input.setAttribute("aria-activedescendant", `${list.id}-${place}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function go(address) {
    input.value = "";
    hits = [];
    draw();
    input.blur();
    location.hash = address;
  }

  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (steps[event.key] && hits.length > 0) {
      event.preventDefault();
      place = (place + steps[event.key] + hits.length) % hits.length;
      draw();
    } else if (event.key === "Enter" && hits.length > 0) {
      event.preventDefault();
      go(hits[Math.max(place, 0)][3]);
    } else if (event.key === "Escape") {
      hits = [];
      draw();
    }
  });
  input.addEventListener("blur", () => { list.hidden = true; });
  return h("div", { class: "search" }, icon("search"), input, list);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input,textarea,select");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  document.querySelector(".search input")?.focus();
});
