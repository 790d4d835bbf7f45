// When to ask again for what a process couldn't give yet: soon and often at first, later seldom, never all at once.

const FIRST_MS = 250;
const SOON_MS = 1000;
const SOON_TIMES = 8;
const SELDOM_MS = 30000;
const ELSEWHERE_TRIES = 4;

let wentElsewhereAt = -Infinity;

/** Return how long to wait after so many tries. */
export function waitMsAfter(tries) {
  const waitMs =
    tries < SOON_TIMES
      ? Math.min(SOON_MS, FIRST_MS * 2 ** tries)
      : Math.min(SELDOM_MS, SOON_MS * 2 ** (tries - SOON_TIMES));
  return waitMs * (0.5 + Math.random() / 2);
}

/** Tell whether to look for it elsewhere after so many tries; true once in half a minute for the whole tab. */
export function mayGoElsewhere(tries) {
  const now = Date.now();
  if (tries < ELSEWHERE_TRIES || now - wentElsewhereAt < SELDOM_MS) return false;
  wentElsewhereAt = now;
  return true;
}
