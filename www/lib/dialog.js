// Asks once, says what happened, shows a text.

import { button, h, unique } from "./dom.js";
import { t } from "./text.js";

/** A dialogue; resolves with the value of the button that was pressed, null when it was left. `buttons`: [text, value, kind]. */
export function dialog(title, content, buttons) {
  const id = unique("title");
  return new Promise((resolve) => {
    const close = (value) => () => {
      box.close();
      box.remove();
      resolve(value);
    };
    const box = h("dialog", { "aria-labelledby": id },
      h("h2", { id }, title),
      content,
      h("div", { class: "buttons" }, buttons.map(([text, value, kind]) => button(text, close(value), kind))));
    box.addEventListener("cancel", close(null));
    document.body.append(box);
    box.showModal();
  });
}

/** Whether something that cannot be undone shall be done. */
export async function sure(question, what = t("common.delete")) {
  return (await dialog(question, null, [[t("common.cancel"), false, "plain"], [what, true, "danger"]])) === true;
}

/** Says something for some seconds; `kind` "bad" stays until it is closed. */
export function note(text, kind = "good", action = null) {
  const place = document.getElementById("notes");
  const line = h("p", { class: `note ${kind}` }, text, " ", action, button(t("common.close"), () => line.remove(), "plain"));
  place.replaceChildren(line);
  if (kind !== "bad") setTimeout(() => line.remove(), 8000);
}

export function failed(error) {
  console.error(error);
  note(error.message, "bad");
}
