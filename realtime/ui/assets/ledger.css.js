// How a ledger looks. Colours come from Streamlit's theme.

export const css = `
.tb { font: 400 13px/1.45 var(--st-font, sans-serif); color: var(--st-text-color); overflow-x: auto; scrollbar-width: thin;
  --line: color-mix(in srgb, var(--st-text-color) 10%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.tb:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
th { font-weight: 600; font-size: 12px; color: var(--soft); text-align: left; white-space: nowrap; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); }
td { padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
tr:last-child td { border-bottom: 0; }
th:last-child, td:last-child { padding-right: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.ago { font-variant-numeric: tabular-nums; white-space: nowrap; color: var(--soft); }
td:first-child { min-width: 120px; }
td.ago:first-child { min-width: 72px; }
.label { min-width: 92px; overflow-wrap: normal; } .words { min-width: 180px; }
.note, .empty { margin: 0; color: var(--soft); }
.note { font-size: 12px; padding-top: 6px; }
.empty { padding: 2px 0; }
[hidden] { display: none; }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
@media (max-width: 480px) { th, td { padding-right: 8px; } th { white-space: normal; vertical-align: bottom; } }
`;
