// Marks every panel while what it shows is no longer current: dimmed, still readable, and with the time since when.
// The badge knows and says it here; panels that don't stand on the link (the badge itself, the outbox, Health) aren't marked.

import { make, say } from "./dom.js";

const DIMMED = { opacity: "0.72", filter: "grayscale(0.7)" };
const NOTE = `position: absolute; right: 8px; z-index: 5; padding: 0 7px; pointer-events: none;
  font: 600 11px/1.6 var(--st-font, sans-serif); color: var(--st-orange-text-color); background: var(--st-background-color);
  border: 1px solid currentColor; border-radius: 9px;`;
const TOPS = { feed: "-28px", numbers: "-6px" }; // beside the feed's heading, not over its buttons; not cut off atop the page
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const notes = new Map(); // a panel's root -> its note, made when first needed
let since = null;

/** Take since when (unix ms) nothing is current any more; null: it is. */
export function setStale(at) {
  if (at === since) return;
  since = at;
  for (const root of notes.keys()) mark(root);
}

/** Mark this panel whenever it is stale. Returns the function that ends it. */
export function watchStale(root) {
  if (!notes.has(root)) notes.set(root, null);
  mark(root);
  return () => {
    notes.get(root)?.remove();
    notes.delete(root);
  };
}

function mark(root) {
  let note = notes.get(root);
  if (since === null) {
    if (!note) return;
    note.remove();
    notes.set(root, null);
    delete root.dataset.stale;
    for (const name of Object.keys(DIMMED)) root.style[name] = "";
    return;
  }
  const text = `Stale since ${new Date(since).toLocaleTimeString("en-GB", clock)}`;
  if (!note) {
    note = make("div");
    note.style.cssText = NOTE;
    notes.set(root, note);
  }
  note.style.top = TOPS[root.dataset.tideboard] ?? "-9px";
  if (note.nextSibling !== root) root.before(note);
  say(note, `■ ${text}`);
  root.dataset.stale = text;
  Object.assign(root.style, DIMMED);
}
