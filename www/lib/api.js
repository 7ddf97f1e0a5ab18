// Asks the box. One session; what changes something carries its token.

const PATIENCE = 20000;
const LONG_PATIENCE = 100000;

let token = "";
let lost = () => {};

/** What a failure says: status, and for settings the fields that are wrong. */
export class Refused extends Error {
  constructor(message, status, fields = []) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

export function setToken(text) {
  token = text ?? "";
}

/** Called when the box says that a login is needed. */
export function onLost(call) {
  lost = call;
}

// The origin, since an address with a login in it (https://name:password@box/) must not be asked.
async function send(method, path, body, background, patience) {
  const headers = {};
  if (method !== "GET") headers["X-CSRF-Token"] = token;
  if (method !== "GET") headers["Content-Type"] = "application/json";
  if (background) headers["X-Background"] = "1";
  let response;
  try {
    response = await fetch(`${location.origin}/api/v1/${path}`, {
      method,
      headers,
      cache: "no-store",
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(patience),
    });
  } catch (error) {
    throw new Refused(error.name === "TimeoutError" ? "the box takes too long to answer" : "the box does not answer", 0);
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401 && path !== "session") lost();
  throw new Refused(answer.error ?? `the box answered ${response.status}`, response.status, answer.fields ?? []);
}

export const get = async (path, background = false) => (await send("GET", path, undefined, background, PATIENCE)).json();
export const post = async (path, body = {}) => (await send("POST", path, body, false, LONG_PATIENCE)).json();
export const put = async (path, body) => (await send("PUT", path, body, false, PATIENCE)).json();
export const remove = async (path) => (await send("DELETE", path, {}, false, PATIENCE)).json();
export const text = async (path) => (await send("GET", path, undefined, false, PATIENCE)).text();

export const step = encodeURIComponent;

let schema;

/** The schema of all settings; asked for once. */
export async function settingsSchema() {
  schema ??= get("config/schema");
  try {
    return await schema;
  } catch (error) {
    schema = undefined;
    throw error;
  }
}

const PAUSE = 3000;
const LONGEST_PAUSE = 60000;

/** Asks for `paths` again and again and calls `show(answers)`, or `away(since)` while there are none. Stops when `signal`
 *  is aborted; a hidden page does not ask. Returns a function that asks at once. */
export function follow(paths, show, away, signal) {
  let pause = PAUSE;
  let answered = Date.now();
  let timer = 0;
  let busy = false;

  async function round() {
    clearTimeout(timer);
    if (document.hidden || signal.aborted || busy) return;
    busy = true;
    try {
      const answers = await Promise.all(paths.map((path) => get(path, true)));
      if (signal.aborted) return;
      pause = PAUSE;
      answered = Date.now();
      show(answers);
      away(null);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 0 || error.status >= 500) {
        pause = Math.min(pause * 2, LONGEST_PAUSE);
        away(answered);
      } else if (!(error instanceof Refused)) throw error;
    } finally {
      busy = false;
    }
    timer = setTimeout(round, pause);
  }

  const shown = () => document.hidden || round();
  document.addEventListener("visibilitychange", shown);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", shown);
  });
  round();
  return round;
}
