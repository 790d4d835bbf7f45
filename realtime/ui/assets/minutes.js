// Draws counts per minute as bars: the taller and the stronger in colour, the more happened. Knows no channel.

import { make } from "./dom.js";
import { count, hourMinute } from "./format.js";

const MINUTE_MS = 60000;

/** Draw a bar for each minute into an element; `errors` are marked with a shape, `reach` is where lists begin. */
export function drawMinutes(root, { start, counts, errors, reach }) {
  if (root.children.length !== counts.length) {
    root.replaceChildren(...counts.map(() => Object.assign(make("div", "minute"), { tabIndex: -1 })));
    for (const bar of root.children) {
      bar.removeAttribute("tabindex");
      bar.append(make("i"), make("b"));
    }
  }
  const most = Math.max(1, ...counts);
  counts.forEach((each, index) => {
    const bar = root.children[index];
    const share = each === 0 ? 0 : Math.max(0.08, Math.sqrt(each / most));
    bar.style.setProperty("--share", share.toFixed(3));
    bar.dataset.count = each;
    bar.classList.toggle("bad", Boolean(errors?.[index]));
    const at = start + index * MINUTE_MS;
    bar.classList.toggle("old", reach !== undefined && at < reach);
    bar.title = `${hourMinute(at)}: ${count(each)}${errors?.[index] ? `, ${count(errors[index])} errors` : ""}`;
  });
}

/** The rules for what `drawMinutes` draws; put them into the component's own style. */
export const minutesCss = `
.bars { display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 2px; height: 44px; align-items: end; border-bottom: 1px solid var(--line); }
.minute { position: relative; height: 100%; display: flex; align-items: end; border-radius: 3px 3px 0 0; }
.minute i { display: block; width: 100%; height: calc(var(--share) * 100%); border-radius: 2px 2px 0 0;
  background: color-mix(in srgb, var(--st-primary-color) calc(45% + var(--share) * 55%), var(--st-background-color)); }
.minute.old i { background: repeating-linear-gradient(45deg, color-mix(in srgb, var(--st-text-color) 38%, var(--st-background-color)) 0 2px, transparent 2px 4px); }
.minute.bad b { position: absolute; top: 0; left: 50%; translate: -50% 0; border: 4px solid transparent; border-bottom: 6px solid var(--st-red-color); border-top: 0; }
`;
