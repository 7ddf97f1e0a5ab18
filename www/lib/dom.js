// Builds what the page shows, from elements and text nodes only: nothing a mail contains can become markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: h("td", { class: "number" }, "3"). Attributes that are functions are listeners (onclick), those that are
 *  false or null are left out, as are such children. */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

const ICONS = {
  good: "M4 10.5 8 14.5 16 5.5",
  warn: "M10 3 18 17H2ZM10 8v4M10 14v1",
  bad: "M5 5 15 15M15 5 5 15",
  quiet: "M4 10H16",
  menu: "M3 5H17M3 10H17M3 15H17",
  up: "M10 16V4M5 9l5-5 5 5",
  down: "M10 4V16M5 11l5 5 5-5",
  remove: "M5 5 15 15M15 5 5 15",
  add: "M10 4V16M4 10H16",
  search: "M12.5 12.5 17 17M8.5 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11Z",
};

export function icon(name) {
  return fill(document.createElementNS(SVG, "svg"), { viewBox: "0 0 20 20", "aria-hidden": "true", class: "icon" }, [
    fill(document.createElementNS(SVG, "path"), { d: ICONS[name] }, []),
  ]);
}

/** An SVG element. */
export function s(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** A state: icon and word, so that colour is never the only sign. */
export function state(kind, word) {
  return h("span", { class: `state ${kind}` }, icon(kind), word);
}

/** A button. `kind`: "main", "plain", "danger" or nothing. */
export function button(text, onclick, kind = "", attributes = {}) {
  return h("button", { type: "button", class: kind, onclick, ...attributes }, text);
}

/** A button that shows only an icon; `name` is what it does. */
export function iconButton(which, name, onclick, attributes = {}) {
  return h("button", { type: "button", class: "only-icon", "aria-label": name, title: name, onclick, ...attributes }, icon(which));
}

let numbers = 0;

/** An id nobody else has. */
export function unique(word = "n") {
  numbers += 1;
  return `${word}-${numbers}`;
}

const UNITS = [["second", 60], ["minute", 60], ["hour", 24], ["day", Infinity]];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** A time as people say it, the exact one on hover. `now` is the box's clock. */
export function time(at, now, never = "never") {
  if (!at) return h("span", { class: "quiet" }, never);
  const exact = new Date(at);
  let distance = Math.round((at - now) / 1000);
  let word = "now";
  for (const [unit, size] of UNITS) {
    if (Math.abs(distance) < size) {
      word = RELATIVE.format(distance, unit);
      break;
    }
    distance = Math.round(distance / size);
  }
  return h("time", { datetime: exact.toISOString(), title: exact.toLocaleString() }, word);
}

/** Day and time of day. */
export function moment(at) {
  const exact = new Date(at);
  return h("time", { datetime: exact.toISOString(), title: exact.toLocaleString() },
    exact.toLocaleString([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }));
}

export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let step = 0;
  while (bytes >= 1024 && step < units.length - 1) {
    bytes /= 1024;
    step += 1;
  }
  return `${step === 0 ? bytes : bytes.toFixed(1)} ${units[step]}`;
}

/** A span of seconds as h:mm:ss. */
export function span(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}
