// How the live table looks. Colours come from Streamlit's theme, so light and dark both fit.

import { fadeCss } from "./fade.js"

export const css = `
.tb { font: 400 13px/1.4 var(--st-font, sans-serif); color: var(--st-text-color); display: flex; flex-direction: column; min-height: 0;
  height: 100%; --line: color-mix(in srgb, var(--st-text-color) 12%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent);
  --mark: color-mix(in srgb, var(--st-primary-color) 16%, var(--st-background-color)); }
.bar { display: flex; align-items: center; gap: 12px; min-height: 30px; color: var(--soft); font-size: 12px; }
.bar .note { flex: 1; font-variant-numeric: tabular-nums; }
.pill, .more button { font: inherit; font-weight: 600; border: 1px solid var(--st-primary-color); color: var(--st-link-color); background: var(--mark);
  border-radius: 999px; padding: 3px 12px; cursor: pointer; }
.pill[hidden] { display: none; }
.scroll { position: relative; overflow: auto; flex: 1; min-height: 120px; border: 1px solid var(--line); border-radius: var(--st-base-radius, 6px);
  background: var(--st-background-color); overscroll-behavior: contain; overflow-anchor: none; outline-offset: 2px; scrollbar-width: thin; }
.scroll:focus-visible { outline: 2px solid var(--st-primary-color); }
.head { position: sticky; top: 0; z-index: 3; display: grid; grid-template-columns: var(--widths); width: var(--full); min-width: 100%; height: 32px;
  background: var(--st-secondary-background-color); border-bottom: 1px solid var(--line); box-sizing: border-box; }
.head button { all: unset; box-sizing: border-box; display: flex; align-items: center; gap: 4px; padding: 0 10px; height: 100%; width: 100%; cursor: pointer;
  font-weight: 600; font-size: 12px; color: var(--soft); white-space: nowrap; overflow: hidden; }
.head button:hover { color: var(--st-text-color); }
.head button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
.head .number button { justify-content: flex-end; }
.head .arrow { font-size: 10px; color: var(--st-primary-color); }
.head > div:first-child, .row > .cell:first-child { position: sticky; left: 0; z-index: 1; background: inherit; }
.body { position: relative; width: var(--full); min-width: 100%; }
.row { position: absolute; left: 0; width: 100%; height: 32px; display: grid; grid-template-columns: var(--widths); cursor: pointer;
  border-bottom: 1px solid color-mix(in srgb, var(--st-text-color) 6%, transparent); box-sizing: border-box; background: var(--st-background-color); }
.row:hover { background: var(--st-secondary-background-color); }
.row[aria-selected="true"] { background: var(--mark); box-shadow: inset 3px 0 0 var(--st-primary-color); }
.row.active { outline: 2px solid var(--st-primary-color); outline-offset: -2px; z-index: 2; }
.row.gone .cell { text-decoration: line-through; color: var(--soft); }
.cell { padding: 0 10px; line-height: 31px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.cell.number { text-align: right; font-variant-numeric: tabular-nums; }
.cell.time, .cell.ago { font-variant-numeric: tabular-nums; }
.cell.ago, .cell.none { color: var(--soft); }
.cell.json { font-family: var(--st-code-font, monospace); font-size: 12px; }
.cell:first-child { font-weight: 600; }
${fadeCss}
.more { position: sticky; left: 0; width: 100%; text-align: center; padding: 10px 0; }
.more[hidden], .empty[hidden] { display: none; }
.empty { position: sticky; left: 0; padding: 36px 16px; text-align: center; color: var(--soft); }
`
