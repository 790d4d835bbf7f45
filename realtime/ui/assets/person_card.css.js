// How one person's card looks. Colours come from Streamlit's theme.

import { minutesCss } from "./minutes.js";

export const css = `
.tb { font: 400 13px/1.4 var(--st-font, sans-serif); color: var(--st-text-color);
  --line: color-mix(in srgb, var(--st-text-color) 14%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.head { display: grid; grid-template-columns: minmax(0, 1fr) auto auto; gap: 8px; align-items: center; }
.name { grid-row: 1; grid-column: 1; font-size: 16px; font-weight: 650; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: isolate; }
.state { font-size: 12px; white-space: nowrap; }
.state.good { color: var(--st-green-text-color); } .state.warn { color: var(--st-orange-text-color); } .state.quiet { color: var(--soft); }
.close { all: unset; cursor: pointer; padding: 2px 7px; border-radius: var(--st-button-radius, 8px); color: var(--soft); }
.close:hover { background: var(--st-secondary-background-color); } .close:focus-visible { outline: 2px solid var(--st-primary-color); }
.facts { color: var(--soft); font-size: 12px; padding: 2px 0 10px; overflow-wrap: anywhere; }
${minutesCss}
.bars { height: 30px; gap: 1px; }
.hour { color: var(--soft); font-size: 11px; padding: 3px 0 8px; }
.counts { display: flex; flex-wrap: wrap; gap: 4px 12px; padding-bottom: 8px; }
.tally { font-size: 12px; color: var(--soft); white-space: nowrap; max-width: 100%; overflow: hidden; text-overflow: ellipsis; } .tally b { color: var(--st-text-color); margin-right: 4px; font-variant-numeric: tabular-nums; }
.lines { list-style: none; margin: 0; padding: 0; overflow-y: auto; overscroll-behavior: contain; border-top: 1px solid var(--line); }
.lines:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
li { display: grid; grid-template-columns: 76px minmax(0, 1fr); gap: 0 8px; padding: 4px 2px; border-bottom: 1px solid color-mix(in srgb, var(--st-text-color) 8%, transparent); font-size: 12px; }
time { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.what { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } .word { margin-right: 6px; } .detail { color: var(--soft); unicode-bidi: isolate; }
.unknown .bars, .unknown .hour, .unknown .counts, .unknown .lines { display: none; }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
