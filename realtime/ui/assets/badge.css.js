// How the connection's badge looks. Colours come from Streamlit's theme.

export const css = `
.tb { font: 400 13px/1.5 var(--st-font, sans-serif); color: var(--st-text-color); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.state { display: flex; flex-wrap: wrap; align-items: center; gap: 0 8px; min-height: 26px; font-weight: 600; font-variant-numeric: tabular-nums; }
.symbol { width: 1.2em; text-align: center; }
.good .state { color: var(--st-green-text-color); } .info .state { color: var(--st-blue-text-color); }
.warn .state { color: var(--st-orange-text-color); } .bad .state { color: var(--st-red-text-color); } .quiet .state { color: var(--soft); }
.rest { white-space: nowrap; font-weight: 400; color: var(--soft); }
button { all: unset; cursor: pointer; font-weight: 600; font-size: 12px; padding: 2px 8px; color: var(--st-link-color); border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 6px); margin-left: auto; white-space: nowrap; }
button[hidden] { display: none; }
button:hover { border-color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 12px; margin: 4px 0 0; font-size: 12px; color: var(--soft); }
dt, dd { margin: 0; } dd { text-align: right; font-variant-numeric: tabular-nums; color: var(--st-text-color); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.to-send { font-size: 12px; margin-top: 4px; color: var(--st-blue-text-color); } .to-send[hidden] { display: none; }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
