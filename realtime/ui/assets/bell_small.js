// The bell in the header, for when the sidebar with the bell is shut, as it is on a phone: the same number, the same way in.

import { make, say } from "./dom.js";
import { icon } from "./icons.js";
import { dress, overlay } from "./overlay.js";

const LEVEL = 999990; // as high as Streamlit's header and after it

const css = `
button { all: unset; box-sizing: border-box; position: fixed; top: 12px; right: 54px; height: 28px; display: flex; align-items: center; gap: 5px; padding: 0 8px; cursor: pointer;
  font: 700 12px/1 var(--st-font, sans-serif); font-variant-numeric: tabular-nums; color: var(--st-text-color); border-radius: 999px; }
button[hidden] { display: none; }
button:hover { background: color-mix(in srgb, var(--st-text-color) 10%, transparent); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.icon { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linecap: round; stroke-linejoin: round; }
.count { padding: 0 6px; line-height: 18px; border-radius: 999px; color: var(--st-background-color); background: var(--st-blue-text-color); }
.count.bad { background: var(--st-red-text-color); } .count:empty { display: none; }
`;

export class SmallBell {
  /** Shown while `large` can't be seen; `open()` is called with a click. */
  constructor(large, open) {
    const root = overlay("bell", css, LEVEL);
    root.querySelector("button")?.remove(); // of a bell before this one
    this.button = make("button");
    this.button.type = "button";
    this.button.dataset.tideboard = "bell-small";
    this.button.hidden = true;
    this.button.onclick = open;
    this.count = make("span", "count");
    this.button.append(icon("bell"), this.count);
    root.append(this.button);
    this.large = large;
    this.observer = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) dress(large);
      this.button.hidden = entry.isIntersecting;
    });
    this.observer.observe(large);
  }

  /** Say the same as the large one. */
  fill({ text, label, isBad }) {
    say(this.count, text);
    this.count.classList.toggle("bad", isBad);
    this.button.setAttribute("aria-label", label);
  }

  dispose() {
    this.observer.disconnect();
    this.button.remove();
  }
}
