// Texts of the page: all of them stand in texts/en.js.

import EN from "../texts/en.js";

/** The text of a key, with {name}s filled in. */
export function t(key, values = {}) {
  const text = key.split(".").reduce((found, step) => found?.[step], EN);
  if (typeof text !== "string") return key;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** `one` or `many` of a key, by a number that is {n}. */
export function count(key, n) {
  return t(`${key}.${n === 1 ? "one" : "many"}`, { n });
}

/** What a setting's word is called: `starttls-if-available`. */
export function word(text) {
  return EN.words[text] ?? text.charAt(0).toUpperCase() + text.slice(1).replaceAll("-", " ");
}
