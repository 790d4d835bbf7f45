// How people look in lists. Colours come from Streamlit's theme.

export const css = `
.tb { font: 400 13px/1.4 var(--st-font, sans-serif); color: var(--st-text-color);
  --line: color-mix(in srgb, var(--st-text-color) 10%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.title { font-weight: 600; padding-bottom: 6px; font-variant-numeric: tabular-nums; }
.list { overflow-y: auto; overscroll-behavior: contain; border-top: 1px solid var(--line); }
.person { all: unset; box-sizing: border-box; width: 100%; cursor: pointer; display: grid; grid-template-columns: 16px minmax(0, 1fr) auto; gap: 0 8px; align-items: baseline;
  padding: 7px 6px; border-bottom: 1px solid var(--line); }
.person:hover { background: var(--st-secondary-background-color); }
.person:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
.person[aria-pressed="true"] { background: color-mix(in srgb, var(--st-primary-color) 10%, var(--st-background-color)); box-shadow: inset 3px 0 0 var(--st-primary-color); }
.good .state { color: var(--st-green-text-color); } .warn .state { color: var(--st-orange-text-color); } .quiet .state { color: var(--soft); }
.name { font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: isolate; }
.gone .name { font-weight: 400; color: var(--soft); }
.tabs, .when { color: var(--soft); font-size: 12px; white-space: nowrap; font-variant-numeric: tabular-nums; text-align: right; }
.places { grid-column: 2; color: var(--soft); font-size: 12px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: isolate; }
.when { grid-column: 3; }
.gone .when, .gone .places { grid-row: 1; } .gone .places { display: none; }
.more { color: var(--soft); font-size: 12px; padding: 6px; } .more:empty { display: none; }
.line .title { font-weight: 400; font-size: 12px; color: var(--soft); padding-bottom: 2px; }
.line .list { border-top: 0; display: flex; flex-wrap: wrap; gap: 4px 6px; }
.line .person { width: auto; max-width: 100%; grid-template-columns: auto minmax(0, 1fr); gap: 0 5px; padding: 1px 9px; border: 1px solid var(--line); border-radius: 999px; font-size: 12px; background: var(--st-background-color); }
.line .person[aria-pressed="true"] { box-shadow: none; border-color: var(--st-primary-color); }
.line .name { font-weight: 400; } .line .places, .line .when, .line .tabs { display: none; } .line .more { padding: 4px 0 0; }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
