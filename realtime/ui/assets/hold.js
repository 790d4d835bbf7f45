// Remembers, for the whole tab, whether real-time is held: panels then stand still and the badge counts what waits.
// A switch is also kept in a cookie, for the next tab of this browser: the server reads it before the first paint.

let hold = { held: false, turn: -1, at: 0 };
const watchers = new Set();

/** Take over what the page says. An older turn of the switch is ignored: a panel may be mounted with old data. */
export function setHold(next) {
  if (!next || next.turn <= hold.turn) return;
  const hasChanged = next.held !== hold.held;
  hold = next;
  if (next.turn > 0) keep(next.held); // turn 0 is what the cookie said
  if (hasChanged) for (const watcher of watchers) watcher(hold);
}

function keep(isHeld) {
  document.cookie = `tideboard_realtime=${isHeld ? "off" : "on"}; path=/; max-age=31536000; samesite=lax`;
}

/** Return {held, turn, at}; `at` is the sequence number of the newest event when the hold began. */
export function currentHold() {
  return hold;
}

/** Be told when the hold begins or ends. Returns the function that ends it. */
export function watchHold(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
