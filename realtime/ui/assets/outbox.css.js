// How the outbox's list looks. Colours come from Streamlit's theme.

export const css = `
.tb { font: 400 13px/1.45 var(--st-font, sans-serif); color: var(--st-text-color);
  --line: color-mix(in srgb, var(--st-text-color) 14%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.tb[hidden] { display: none; }
ul { list-style: none; margin: 0; padding: 0; border: 1px solid var(--line); border-radius: var(--st-base-radius, 6px); }
li { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 10px; padding: 7px 12px; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
.state { font-weight: 600; white-space: nowrap; }
.info .state { color: var(--st-blue-text-color); } .good .state { color: var(--st-green-text-color); } .bad .state { color: var(--st-red-text-color); }
.what { overflow-wrap: anywhere; }
.why { color: var(--soft); flex: 1 1 16ch; overflow-wrap: anywhere; }
.when { color: var(--soft); font-size: 12px; white-space: nowrap; font-variant-numeric: tabular-nums; }
.do { display: flex; gap: 6px; margin-left: auto; }
button { all: unset; cursor: pointer; font-weight: 600; font-size: 12px; padding: 2px 9px; color: var(--st-link-color); border: 1px solid var(--line); border-radius: var(--st-button-radius, 6px); white-space: nowrap; }
button.open { border: 0; padding: 0; font-size: inherit; font-weight: 600; white-space: normal; }
button:hover { border-color: var(--st-primary-color); } button.open:hover { text-decoration: underline; }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
li.good { animation: leave 1s 4s forwards; }
@keyframes leave { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { li.good { animation: none; } }
table { flex-basis: 100%; border-collapse: collapse; font-size: 12px; margin-top: 2px; }
td { padding: 1px 10px 1px 0; vertical-align: top; overflow-wrap: anywhere; }
td:first-child { color: var(--soft); white-space: nowrap; }
td.old { text-decoration: line-through; color: var(--soft); }
.note { color: var(--soft); font-size: 12px; padding: 4px 12px; }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
