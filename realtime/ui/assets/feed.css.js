// How a feed looks. Colours come from Streamlit's theme.

import { fadeCss } from "./fade.js";

export const css = `
.tb { position: relative; font: 400 13px/1.45 var(--st-font, sans-serif); color: var(--st-text-color); display: flex; flex-direction: column;
  --line: color-mix(in srgb, var(--st-text-color) 10%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.bar { display: flex; gap: 8px; align-items: center; min-height: 28px; padding-bottom: 6px; }
.bar .state { color: var(--soft); font-size: 12px; flex: 1; font-variant-numeric: tabular-nums; }
.bar button, .pill { all: unset; box-sizing: border-box; cursor: pointer; font-size: 12px; line-height: 24px; padding: 0 10px; border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius, 6px); background: var(--st-background-color); white-space: nowrap; }
.bar button:hover { border-color: var(--st-primary-color); }
.bar button:focus-visible, .pill:focus-visible, input:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
input { all: unset; box-sizing: border-box; font-size: 12px; line-height: 24px; padding: 0 10px; width: 130px; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 6px); }
input::placeholder { color: var(--soft); }
.pill { position: absolute; top: 38px; left: 50%; transform: translateX(-50%); z-index: 2; border-radius: 999px; font-weight: 600;
  color: var(--st-background-color); background: var(--st-text-color); border-color: transparent; box-shadow: 0 2px 8px rgb(0 0 0 / 0.2); }
.pill[hidden] { display: none; }
.rows { contain: content; overflow-y: auto; overscroll-behavior: contain; border-top: 1px solid var(--line); }
.rows:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
article { display: grid; grid-template-columns: 74px 96px minmax(0, 1fr) fit-content(32%); gap: 0 10px; align-items: baseline; padding: 5px 6px; border-bottom: 1px solid var(--line); cursor: pointer; }
article:hover { background: var(--st-secondary-background-color); }
article:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
article.filtered { display: none; }
time { color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.kind { font-size: 12px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.good .kind { color: var(--st-green-text-color); } .info .kind { color: var(--st-blue-text-color); }
.warn .kind { color: var(--st-orange-text-color); } .bad .kind { color: var(--st-red-text-color); font-weight: 600; } .quiet .kind { color: var(--soft); }
.what { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.what b { font-weight: 600; } .what span { color: var(--soft); margin-left: 6px; }
.where { color: var(--soft); font-size: 12px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.mark { margin-left: 6px; padding: 0 6px; border-radius: 999px; font-size: 11px; color: var(--st-orange-text-color); background: var(--st-orange-background-color); }
.more { grid-column: 1 / -1; padding: 6px 0 4px 84px; color: var(--soft); font-size: 12px; overflow-wrap: anywhere; cursor: auto; }
.more div { display: flex; gap: 8px; } .more dt { min-width: 74px; } .more dl, .more dd { margin: 0; color: var(--st-text-color); }
.open .what { white-space: normal; overflow-wrap: anywhere; }
.what .count { margin: 0 6px 0 0; padding: 0 6px; border-radius: 999px; font-size: 11px; font-weight: 600; color: var(--st-text-color);
  background: var(--st-secondary-background-color); border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
.more ol { list-style: none; margin: 0; padding: 0; } .more li { display: grid; grid-template-columns: 74px 96px minmax(0, 1fr); gap: 0 10px; padding: 2px 0; }
.more .text { color: var(--st-text-color); } .more .rest { padding-top: 4px; }
input[hidden] { display: none; }
.empty { padding: 18px 6px; color: var(--soft); }
article { position: relative; }
${fadeCss}
@media (max-width: 560px) { article { grid-template-columns: 64px minmax(0, 1fr); } .what { grid-column: 1 / -1; } .where { display: none; } .more { padding-left: 0; } }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
