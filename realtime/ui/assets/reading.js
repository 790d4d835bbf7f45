// Remembers, for the whole tab, whether somebody is choosing filters: feeds then stand still. Draws nothing.

let filtering = false;
const watchers = new Set();

/** Say whether a field of the filters has the focus. */
export function setFiltering(next) {
  if (filtering === next) return;
  filtering = next;
  for (const watcher of watchers) watcher();
}

/** Tell whether a field of the filters has the focus. */
export function isFiltering() {
  return filtering;
}

/** Be told when that changes. Returns the function that ends it. */
export function watchFiltering(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}
