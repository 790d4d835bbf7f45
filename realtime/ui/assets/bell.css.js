// How the bell looks. Colours come from Streamlit's theme.

import { iconCss } from "./icons.js";

export const css = `
${iconCss}
.tb { font: 400 13px/1.45 var(--st-font, sans-serif); color: var(--st-text-color); --soft: color-mix(in srgb, var(--st-text-color) 74%, transparent);
  --line: color-mix(in srgb, var(--st-text-color) 14%, transparent); display: flex; flex-direction: column; gap: 8px; }
button { all: unset; box-sizing: border-box; cursor: pointer; }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; border-radius: 4px; }
[hidden] { display: none !important; }
.bell { display: flex; align-items: center; gap: 8px; font-weight: 600; min-height: 26px; }
.bell .word { flex: 1; } .bell:hover .word { text-decoration: underline; }
.bell .icon { width: 20px; height: 20px; }
.count { order: 1; min-width: 22px; padding: 0 7px; box-sizing: border-box; text-align: center; border-radius: 999px; font-size: 12px; line-height: 20px; font-weight: 700; font-variant-numeric: tabular-nums;
  color: var(--st-background-color); background: var(--st-blue-text-color); }
.bell .word { order: 2; }
.count.bad { background: var(--st-red-text-color); }
.switches { display: flex; gap: 16px; }
.switch { display: flex; align-items: center; gap: 7px; min-height: 24px; }
.track { position: relative; width: 28px; height: 16px; border-radius: 999px; background: color-mix(in srgb, var(--st-text-color) 50%, var(--st-background-color)); transition: background 0.15s; flex: none; }
.track::after { content: ""; position: absolute; top: 2px; left: 2px; width: 12px; height: 12px; border-radius: 50%; background: var(--st-background-color); transition: transform 0.15s; }
[aria-checked="true"] .track { background: var(--st-primary-color); } [aria-checked="true"] .track::after { transform: translateX(12px); }
.still { list-style: none; margin: 0; padding: 6px 0 0; border-top: 1px solid var(--line); font-size: 12px; display: flex; flex-direction: column; gap: 4px; }
.still li { display: flex; align-items: baseline; gap: 8px; }
.words { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.until { color: var(--soft); white-space: nowrap; font-variant-numeric: tabular-nums; }
.still button, .link { font-weight: 600; font-size: 12px; color: var(--st-link-color); line-height: 24px; }
.still button:hover, .link:hover { text-decoration: underline; }
.link { align-self: flex-start; }
@media (prefers-reduced-motion: reduce) { .track, .track::after { transition: none; } }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
