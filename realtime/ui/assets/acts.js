// What a person does with their notifications, on its way to the server, and what comes back when it isn't done.
// Also says where somebody does something: of the tabs that can be seen, the one active last shows the toasts.

import { tell, watchLead, watchMessages } from "./link.js";

const ACTIVE_EVERY_MS = 500;
const ID_BYTES = 12;
let leads = false;
let saidAt = -Infinity;
let later = 0;

/**
 * Ask for something, such as {do: "set", keys: ["a"], mark: "read", revision: 3}. It is given an `id` if it has none, by
 * which it is named when it is refused or undone. Returns false when there is no channel: nothing was asked then.
 */
export function act(value) {
  value.id ??= newId();
  return tell({ act: value });
}

/** Be told {id, reason} of everything that was asked and won't be done. Returns the function that ends it. */
export function watchRefusals(watcher) {
  return watchMessages(({ refused }) => refused && watcher(refused));
}

/** Make a name for an act, such as "4f0c…": also where the page isn't served securely, so no randomUUID. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(ID_BYTES)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Say it at once, or as soon as it may be said again: who is told later that it doesn't lead was active all the same. */
function sayActive() {
  clearTimeout(later);
  if (document.hidden) return;
  const waitMs = saidAt + ACTIVE_EVERY_MS - performance.now();
  if (waitMs > 0) return void (later = setTimeout(sayActive, waitMs));
  if (!leads && tell({ active: true })) saidAt = performance.now();
}

watchLead((isLeading) => (leads = isLeading));
for (const name of ["focus", "pointerdown", "keydown"]) addEventListener(name, sayActive, { capture: true, passive: true });
