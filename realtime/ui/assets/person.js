// Remembers, for the whole tab, who is at it and whether they are: after minutes without input the tab is idle. A choice of
// name is kept in a cookie, which the server reads before the first paint of the next tab of this browser.

const INPUTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];
const LOOK_EVERY_MS = 5000;

let person = { id: "", chosen: "", turn: -1, tab: "", idleSeconds: Infinity };
let isIdle = false;
let touchedAt = Date.now();
let looking = 0;
const watchers = new Set();

/** Take over what the page says. An older turn of the same tab is ignored: a panel may be mounted with old data. */
export function setPerson(next) {
  if (!next || (next.tab === person.tab && next.turn <= person.turn)) return;
  if (person.id === "" && document.cookie.includes("tideboard_way=")) rememberWay(""); // they have arrived
  const isOther = person.id !== "" && (next.id !== person.id || next.tab !== person.tab);
  if (next.turn > 0) keep(next.chosen); // turn 0 is what the cookie said
  person = next;
  if (isOther) tell({ isOther });
  if (looking) return;
  for (const input of INPUTS) addEventListener(input, touched, { capture: true, passive: true });
  looking = setInterval(look, Math.min(LOOK_EVERY_MS, person.idleSeconds * 250));
}

/** Keep for ten minutes where a person who has to sign in first wanted to go; "" forgets it. */
export function rememberWay(way) {
  setCookie("tideboard_way", way, 600);
}

function keep(name) {
  setCookie("tideboard_person", name, 31536000);
}

function setCookie(name, value, seconds) {
  document.cookie = `${name}=${encodeURIComponent(value)}; path=/; max-age=${value ? seconds : 0}; samesite=lax`;
}

/** Return {id, chosen, turn, tab, idleSeconds, isIdle}. */
export function currentPerson() {
  return { ...person, isIdle };
}

/** Be told when somebody else is at the tab (`isOther`), or when whoever is falls idle or is back. */
export function watchPerson(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function tell(change) {
  for (const watcher of watchers) watcher(change);
}

function touched() {
  touchedAt = Date.now();
  if (isIdle) become(false);
}

function look() {
  if (!isIdle && Date.now() - touchedAt >= person.idleSeconds * 1000) become(true);
}

function become(next) {
  isIdle = next;
  tell({ isOther: false });
}
