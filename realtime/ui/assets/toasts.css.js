// How toasts look. Colours come from Streamlit's theme.

import { iconCss } from "./icons.js";
import { noteCss } from "./note.js";

export const css = `
${iconCss}
.tb { position: fixed; right: 20px; bottom: 20px; width: min(380px, calc(100vw - 24px)); display: flex; flex-direction: column; gap: 8px; align-items: flex-end;
  font: 400 13px/1.45 var(--st-font, sans-serif); color: var(--st-text-color); --surface: var(--st-secondary-background-color); pointer-events: none; max-height: calc(100vh - 40px); box-sizing: border-box;
  --line: color-mix(in srgb, var(--st-text-color) 14%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 74%, transparent); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.cards { list-style: none; margin: 0; padding: 0; width: 100%; display: flex; flex-direction: column; gap: 8px; min-height: 0; pointer-events: auto; }
.toast { position: relative; box-sizing: border-box; pointer-events: auto; display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 0 10px; padding: 11px 10px 11px 14px;
  background: var(--surface); border: 1px solid var(--line); border-left: 4px solid var(--tone); border-radius: var(--st-base-radius, 8px);
  box-shadow: 0 6px 24px rgb(0 0 0 / 0.16), 0 1px 3px rgb(0 0 0 / 0.1); animation: arrive 0.18s ease-out; overflow: hidden; }
.toast:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.toast.leaving { animation: leave 0.14s ease-in forwards; }
.is-critical { background: color-mix(in srgb, var(--st-red-color) 9%, var(--surface)); }
@keyframes arrive { from { opacity: 0; transform: translateY(12px); } }
@keyframes leave { to { opacity: 0; transform: translateX(16px); } }
.place { color: var(--tone); padding-top: 1px; }
.head { display: flex; gap: 8px; align-items: center; font-size: 12px; line-height: 20px; color: var(--tone); font-weight: 650; }
.times { padding: 0 7px; border-radius: 999px; line-height: 17px; font-size: 11px; font-variant-numeric: tabular-nums; color: var(--st-text-color); background: color-mix(in srgb, var(--st-text-color) 11%, transparent); }
.times:empty { display: none; }
p { margin: 0; overflow-wrap: anywhere; }
.title { font-weight: 600; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.message { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; margin-top: 2px; white-space: pre-line; }
.message[hidden], .more[hidden], .actions[hidden], .all[hidden], .life[hidden] { display: none; }
.open .title { display: block; } .open .message { display: block; max-height: 30vh; overflow-y: auto; scrollbar-width: thin; }
.open .message:focus-visible { outline: 2px solid var(--st-primary-color); }
.why { color: var(--soft); font-size: 12px; margin-top: 3px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.open .why { white-space: normal; }
.actions { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 8px; }
button { all: unset; box-sizing: border-box; cursor: pointer; pointer-events: auto; }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.actions button, .all { font-size: 12px; font-weight: 600; line-height: 24px; padding: 0 10px; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 8px);
  color: var(--st-link-color); background: var(--surface); max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.actions button:hover, .all:hover { border-color: var(--st-primary-color); }
.all { box-shadow: 0 2px 10px rgb(0 0 0 / 0.16); border-radius: 999px; padding: 0 14px; }
.more { color: var(--st-link-color); font-size: 12px; font-weight: 600; line-height: 22px; }
.more:hover { text-decoration: underline; }
.close { width: 24px; height: 24px; text-align: center; line-height: 24px; border-radius: 6px; color: var(--soft); font-size: 12px; }
.close:hover { background: var(--st-background-color); color: var(--st-text-color); }
.life { position: absolute; left: 0; bottom: 0; width: 100%; height: 2px; background: var(--tone); opacity: 0.55; transform-origin: left; }
${noteCss}
@media (max-width: 639px) { .tb { right: 12px; bottom: 12px; } .message { -webkit-line-clamp: 2; } }
@media (prefers-reduced-motion: reduce) { .toast, .toast.leaving { animation: none; } .life { display: none; } }
`;
