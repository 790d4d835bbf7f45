// How the hour's strip looks. Colours come from Streamlit's theme.

import { minutesCss } from "./minutes.js";

export const css = `
.tb { font: 400 12px/1.4 var(--st-font, sans-serif); color: var(--st-text-color);
  --line: color-mix(in srgb, var(--st-text-color) 18%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.head { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 12px; padding-bottom: 6px; min-height: 17px; }
.title { font-weight: 600; unicode-bidi: isolate; } .said { color: var(--soft); font-variant-numeric: tabular-nums; }
${minutesCss}
.bars { cursor: crosshair; touch-action: pan-y; } .bars:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 3px; border-radius: 3px; }
.minute:hover, .minute.in { background: color-mix(in srgb, var(--st-primary-color) 16%, transparent); }
.bars.chosen .minute:not(.in) { opacity: 0.45; }
.axis { display: flex; justify-content: space-between; padding-top: 3px; color: var(--soft); font-variant-numeric: tabular-nums; }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
