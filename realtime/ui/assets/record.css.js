// How one document looks in the drawer. Colours come from Streamlit's theme.

import { fadeCss } from "./fade.js"

export const css = `
.tb { font: 400 13px/1.45 var(--st-font, sans-serif); color: var(--st-text-color); overflow: auto; scrollbar-width: thin;
  --line: color-mix(in srgb, var(--st-text-color) 12%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.last { display: flex; flex-wrap: wrap; gap: 2px 8px; padding-bottom: 8px; font-size: 12px; color: var(--soft); }
.last b { font-weight: 600; }
.good { color: var(--st-green-text-color); } .info { color: var(--st-blue-text-color); } .warn { color: var(--st-orange-text-color); }
.bad { color: var(--st-red-text-color); } .quiet { color: var(--soft); }
dl { margin: 0; display: grid; grid-template-columns: minmax(84px, max-content) minmax(0, 1fr); border: 1px solid var(--line); border-radius: var(--st-base-radius, 6px); overflow: hidden; }
dt, dd { margin: 0; padding: 5px 10px; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
dt { color: var(--soft); background: var(--st-secondary-background-color); max-width: 180px; }
dd { font-variant-numeric: tabular-nums; white-space: pre-wrap; }
dt:last-of-type, dd:last-of-type { border-bottom: 0; }
dd.json, pre { font-family: var(--st-code-font, monospace); font-size: 12px; }
dd .old { text-decoration: line-through; color: var(--soft); margin-right: 6px; }
dd .old::after { content: " →"; text-decoration: none; display: inline-block; padding-left: 4px; }
dd .mark { color: var(--st-link-color); font-size: 11px; margin-left: 6px; }
pre { margin: 0; padding: 10px 12px; border: 1px solid var(--line); border-radius: var(--st-base-radius, 6px); background: var(--st-code-background-color, var(--st-secondary-background-color));
  color: var(--st-code-text-color, inherit); white-space: pre-wrap; overflow-wrap: anywhere; }
ol { list-style: none; margin: 0; padding: 0; }
li { border-left: 2px solid var(--line); padding: 0 0 12px 14px; margin-left: 5px; position: relative; }
li::before { content: ""; position: absolute; left: -5px; top: 6px; width: 8px; height: 8px; border-radius: 50%; background: currentColor; }
li > .what { color: var(--st-text-color); display: flex; flex-wrap: wrap; gap: 0 8px; } li > .what b { font-weight: 600; }
li .when { color: var(--soft); font-size: 12px; }
li table { border-collapse: collapse; margin-top: 4px; font-size: 12px; color: var(--st-text-color); }
li td { padding: 2px 10px 2px 0; vertical-align: top; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
li td:first-child { color: var(--soft); } li td.old { text-decoration: line-through; color: var(--soft); }
.deleted { padding: 8px 12px; margin-bottom: 8px; border-radius: var(--st-base-radius, 6px); background: var(--st-orange-background-color); color: var(--st-orange-text-color); }
.deleted[hidden] { display: none; }
${fadeCss}
`
