// How collection cards and the list of the busiest look. Colours come from Streamlit's theme.

export const css = `
.tb { font: 400 13px/1.4 var(--st-font, sans-serif); color: var(--st-text-color);
  --line: color-mix(in srgb, var(--st-text-color) 12%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.cards { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(236px, 1fr)); }
.card { all: unset; box-sizing: border-box; cursor: pointer; border: 1px solid var(--line); border-radius: var(--st-base-radius, 6px);
  background: var(--st-background-color); padding: 12px 14px 10px; display: grid; gap: 2px 8px; grid-template-columns: 1fr auto; align-items: baseline; }
.card:hover { border-color: color-mix(in srgb, var(--st-primary-color) 60%, transparent); }
.card:focus-visible, .line:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
.card[aria-pressed="true"] { border-color: var(--st-primary-color); box-shadow: inset 0 0 0 1px var(--st-primary-color); background: color-mix(in srgb, var(--st-primary-color) 7%, var(--st-background-color)); }
.name { font-weight: 600; font-size: 14px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.fresh { font-size: 12px; white-space: nowrap; }
.good .fresh { color: var(--st-green-text-color); } .quiet .fresh { color: var(--soft); }
.warn .fresh { color: var(--st-orange-text-color); } .bad .fresh { color: var(--st-red-text-color); }
.count { font-size: 22px; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.count small { font-size: 12px; font-weight: 400; color: var(--soft); }
.spark { width: 96px; height: 26px; align-self: center; color: var(--st-primary-color); }
.spark rect { fill: currentColor; opacity: 0.85; }
.foot { grid-column: 1 / -1; display: flex; justify-content: space-between; gap: 8px; font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.bad .count, .bad .spark { opacity: 0.55; }
.lines { display: flex; flex-direction: column; }
.line { all: unset; box-sizing: border-box; cursor: pointer; position: relative; display: grid; grid-template-columns: minmax(0, 1fr) 62px 92px; gap: 0 10px;
  align-items: center; padding: 8px 6px 9px; border-bottom: 1px solid var(--line); }
.line:last-child { border-bottom: 0; }
.line:hover { background: var(--st-secondary-background-color); }
.line .name { font-size: 13px; }
.line .sub { font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.line .spark { width: 62px; height: 24px; }
.line .much { text-align: right; font-weight: 600; font-variant-numeric: tabular-nums; }
.line .much small { display: block; font-weight: 400; font-size: 11px; color: var(--soft); }
.line .share { position: absolute; left: 0; bottom: -1px; height: 2px; background: var(--st-primary-color); border-radius: 2px; transition: width 0.4s; }
@media (prefers-reduced-motion: reduce) { .line .share { transition: none; } }
.empty { color: var(--soft); padding: 16px 4px; }
`
