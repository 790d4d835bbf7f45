// Where toasts, the banner and "Undo" are drawn: elements at the end of the body, over the page, in the page's theme. They
// outlive the components that feed them: live regions are there before the first message, and stay when the page changes.

const NAMES = [
  "font", "text-color", "background-color", "secondary-background-color", "border-color", "primary-color", "link-color",
  "base-radius", "button-radius", "blue-text-color", "green-text-color", "orange-text-color", "red-text-color", "red-color",
  "blue-color", "green-color", "orange-color", "red-background-color", "blue-background-color", "orange-background-color",
];
const THEME_SETTLES_MS = 300;
const hosts = new Map(); // name -> host
let dressedFrom = null;

/** Return the shadow root of an overlay, made at the first call. `level` is its place among what lies over the page. */
export function overlay(name, css, level) {
  let host = hosts.get(name);
  if (!host) {
    host = document.createElement("div");
    host.dataset.tideboardOverlay = name;
    host.dataset.reactAriaTopLayer = "true"; // an open dialog makes everything else silent and dead, but not this
    host.style.cssText = `position: fixed; z-index: ${level}; inset: auto;`;
    host.attachShadow({ mode: "open" });
    const style = document.createElement("style");
    style.textContent = css;
    host.shadowRoot.append(style);
    document.body.append(host);
    hosts.set(name, host);
    if (dressedFrom) dress(dressedFrom);
  }
  return host.shadowRoot;
}

/**
 * Give the overlays the theme that an element of the page has. It stands in the sidebar, where the field's colour
 * (secondary) is the one that rises from the page: white on grey, or lighter than the dark.
 */
export function dress(element) {
  dressedFrom = element;
  const theme = getComputedStyle(element);
  for (const host of hosts.values()) {
    for (const name of NAMES) {
      const value = theme.getPropertyValue(`--st-${name}`);
      if (host.style.getPropertyValue(`--st-${name}`) !== value) host.style.setProperty(`--st-${name}`, value);
    }
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  setTimeout(() => dressedFrom?.isConnected && dress(dressedFrom), THEME_SETTLES_MS),
);
