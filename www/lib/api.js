// Asks the box, again and again: every few seconds while it answers, less and less often while it does not.

const PAUSE = 3000;
const LONGEST_PAUSE = 60000;
const PATIENCE = 15000;

// The origin, since an address with a login in it (https://name:password@box/) must not be asked.
export async function ask(path) {
  const response = await fetch(`${location.origin}/api/v1/${path}`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `the box answered ${response.status}`);
  return answer;
}

/** Calls `show(answers)` with each round of answers, `away(since)` while there are none. A hidden page does not ask. */
export function follow(paths, show, away) {
  let pause = PAUSE;
  let answered = Date.now();
  let timer = 0;

  async function round() {
    clearTimeout(timer);
    if (document.hidden) return;
    try {
      const answers = await Promise.all(paths.map(ask));
      pause = PAUSE;
      answered = Date.now();
      show(answers);
    } catch {
      pause = Math.min(pause * 2, LONGEST_PAUSE);
      away(answered);
    }
    timer = setTimeout(round, pause);
  }

  document.addEventListener("visibilitychange", () => document.hidden || round());
  round();
}
