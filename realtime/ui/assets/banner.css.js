// How the banner looks: filled, since nothing else on a page is. Colours come from Streamlit's theme.

import { iconCss } from "./icons.js";

export const css = `
${iconCss}
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.tb { position: fixed; box-sizing: border-box; font: 400 13px/1.45 var(--st-font, sans-serif); color: var(--st-text-color); --surface: var(--st-secondary-background-color); border-radius: var(--st-base-radius, 8px);
  --tone: var(--st-red-text-color); --ground: color-mix(in srgb, var(--st-red-color) 12%, var(--surface)); --soft: color-mix(in srgb, var(--st-text-color) 82%, transparent);
  --line: color-mix(in srgb, var(--st-red-color) 55%, transparent);
  border: 1px solid var(--line); background: var(--ground); box-shadow: 0 2px 12px rgb(0 0 0 / 0.12); animation: drop 0.2s ease-out; }
.tb[hidden] { display: none; }
@keyframes drop { from { opacity: 0; transform: translateY(-8px); } }
.bar { display: flex; align-items: center; gap: 8px; min-height: 38px; padding: 0 6px 0 12px; }
.icon { color: var(--tone); }
.words { flex: 1; min-width: 0; display: flex; gap: 8px; align-items: baseline; overflow: hidden; white-space: nowrap; }
.word { color: var(--tone); font-weight: 700; }
.bar .title { font-weight: 600; overflow: hidden; text-overflow: ellipsis; flex: 0 1 auto; min-width: 8ch; }
.text { color: var(--soft); overflow: hidden; text-overflow: ellipsis; flex: 1 1 0; min-width: 0; }
.when { color: var(--soft); font-size: 12px; white-space: nowrap; font-variant-numeric: tabular-nums; }
button { all: unset; box-sizing: border-box; cursor: pointer; font-size: 12px; font-weight: 600; line-height: 24px; padding: 0 10px; border-radius: var(--st-button-radius, 8px); border: 1px solid var(--line); white-space: nowrap;
  background: var(--surface); color: var(--st-text-color); max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
button:hover { border-color: var(--tone); } button:focus-visible, input:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
button[hidden], [hidden] { display: none; } button:disabled { opacity: 0.55; cursor: default; }
.sheet { border-top: 1px solid var(--line); max-height: min(60vh, 520px); overflow-y: auto; padding: 4px 12px 10px; background: var(--surface); border-radius: 0 0 8px 8px; scrollbar-width: thin; }
.items { list-style: none; margin: 0; padding: 0; }
.item { padding: 9px 0; border-bottom: 1px solid color-mix(in srgb, var(--st-text-color) 12%, transparent); }
p { margin: 0; overflow-wrap: anywhere; }
.item .title { font-weight: 650; } .message { white-space: pre-line; margin-top: 2px; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 6; overflow: hidden; }
.facts, .why { font-size: 12px; color: var(--soft); margin-top: 2px; }
.gone .title, .gone .message { opacity: 0.6; }
form { display: flex; gap: 8px; margin-top: 7px; }
input { all: unset; box-sizing: border-box; flex: 1; min-width: 0; font-size: 13px; line-height: 26px; padding: 0 10px; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 8px); background: var(--surface); }
input::placeholder { color: var(--soft); opacity: 1; }
.buttons, .foot { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 8px; }
@media (max-width: 640px) {
  .bar { flex-wrap: wrap; padding: 7px 10px 8px; gap: 6px 8px; } .words { flex-basis: calc(100% - 100px); flex-wrap: wrap; white-space: normal; gap: 0 8px; } .bar .title { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; flex-basis: 100%; white-space: normal; overflow-wrap: anywhere; }
  .text { display: none; } .sheet { max-height: 55vh; }
}
@media (prefers-reduced-motion: reduce) { .tb { animation: none; } }
`;
