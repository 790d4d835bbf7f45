// How the centre looks. Colours come from Streamlit's theme.

import { iconCss } from "./icons.js";

export const css = `
${iconCss}
.tb { position: relative; font: 400 13px/1.45 var(--st-font, sans-serif); color: var(--st-text-color); display: flex; flex-direction: column;
  --line: color-mix(in srgb, var(--st-text-color) 11%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 74%, transparent);
  --mark: color-mix(in srgb, var(--st-primary-color) 13%, var(--st-background-color)); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }
button { all: unset; box-sizing: border-box; cursor: pointer; }
button:focus-visible, input:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.top { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; }
.tabs { display: flex; flex: 1 1 auto; min-width: 0; overflow-x: auto; scrollbar-width: none; gap: 2px; }
.tabs button { display: flex; align-items: center; gap: 7px; padding: 0 11px; line-height: 34px; border-bottom: 2px solid transparent; color: var(--soft); white-space: nowrap; font-weight: 600; border-radius: 6px 6px 0 0; }
.tabs button:hover { color: var(--st-text-color); background: var(--st-secondary-background-color); }
.tabs button:focus-visible { outline-offset: -2px; }
.tabs [aria-selected="true"] { color: var(--st-text-color); border-bottom-color: var(--st-primary-color); }
.count { min-width: 20px; box-sizing: border-box; text-align: center; padding: 0 6px; line-height: 18px; border-radius: 999px; font-size: 11px; font-variant-numeric: tabular-nums; background: color-mix(in srgb, var(--st-text-color) 10%, transparent); color: var(--st-text-color); }
.tabs [aria-selected="true"] .count { background: var(--st-blue-text-color); color: var(--st-background-color); }
input.search { all: unset; box-sizing: border-box; line-height: 28px; padding: 0 10px; width: 190px; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 8px); }
input.search:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
input::placeholder { color: var(--soft); opacity: 1; }
.help { width: 30px; text-align: center; line-height: 28px; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 8px); font-weight: 700; color: var(--soft); }
.help:hover { border-color: var(--st-primary-color); color: var(--st-text-color); }
.bulk { display: flex; align-items: center; gap: 10px; min-height: 40px; padding: 0 10px 0 12px; border: 1px solid var(--line); border-radius: 8px 8px 0 0; background: var(--st-secondary-background-color); margin-top: 8px; }
.note { flex: 1; color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.acts { display: flex; flex-wrap: wrap; gap: 6px; }
.acts button, .buttons button, .details button, .further, .help-sheet button { font-size: 12px; font-weight: 600; line-height: 24px; padding: 0 10px; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 8px); background: var(--st-background-color); white-space: nowrap; max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.acts button:hover:not(:disabled), .buttons button:hover, .details button:hover, .further:hover, .help-sheet button:hover { border-color: var(--st-primary-color); }
.acts button:disabled { color: color-mix(in srgb, var(--st-text-color) 45%, transparent); cursor: default; }
input[type="checkbox"] { width: 16px; height: 16px; margin: 0; accent-color: var(--st-primary-color); cursor: pointer; flex: none; }
.pill { position: absolute; top: 92px; left: 50%; transform: translateX(-50%); z-index: 2; border-radius: 999px; padding: 0 14px; line-height: 26px; font-size: 12px; font-weight: 600; color: var(--st-background-color); background: var(--st-text-color); box-shadow: 0 2px 8px rgb(0 0 0 / 0.2); }
.rows { overflow-y: auto; overscroll-behavior: contain; overflow-anchor: none; border: 1px solid var(--line); border-top: 0; border-radius: 0 0 8px 8px; scrollbar-width: thin; transition: opacity 0.1s; }
.rows:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
.asking .rows { opacity: 0.55; }
article { border-bottom: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 66px; position: relative; }
article:last-child { border-bottom: 0; }
article:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
article::before { content: ""; position: absolute; left: 0; top: 0; bottom: 0; width: 3px; background: transparent; }
article.unread::before, .state-needs-ack::before { background: var(--tone); }
.state-needs-ack { background: color-mix(in srgb, var(--st-red-color) 7%, var(--st-background-color)); }
article:hover { background: color-mix(in srgb, var(--st-text-color) 4%, var(--st-background-color)); }
article.selected { background: var(--mark); }
.line { display: grid; grid-template-columns: 16px 14px 18px minmax(0, 1fr) auto; gap: 0 10px; align-items: start; padding: 10px 12px; cursor: pointer; }
.line > input { margin-top: 2px; }
.standing { color: var(--soft); text-align: center; font-size: 12px; line-height: 20px; } .unread .standing { color: var(--st-blue-text-color); } .state-needs-ack .standing { color: var(--st-red-text-color); }
.severity { color: var(--tone); line-height: 0; padding-top: 1px; }
.head { display: flex; gap: 8px; align-items: baseline; min-width: 0; }
.title { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0; } .unread .title, .state-needs-ack .title { font-weight: 650; }
.times { flex: none; padding: 0 7px; border-radius: 999px; line-height: 17px; font-size: 11px; font-weight: 650; font-variant-numeric: tabular-nums; background: color-mix(in srgb, var(--st-text-color) 10%, transparent); }
.times:empty { display: none; }
.message { margin: 1px 0 0; color: var(--soft); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.open .title { white-space: normal; overflow-wrap: anywhere; }
.open .message { white-space: pre-wrap; overflow-wrap: anywhere; color: var(--st-text-color); max-height: 320px; overflow-y: auto; scrollbar-width: thin; }
.foot { display: flex; flex-wrap: wrap; gap: 0 10px; font-size: 12px; color: var(--soft); margin-top: 2px; min-width: 0; }
.foot > span { overflow-wrap: anywhere; min-width: 0; }
.state { font-weight: 600; } .state-needs-ack .state { color: var(--st-red-text-color); } .unread:not(.state-needs-ack) .state { color: var(--st-blue-text-color); }
.when { white-space: nowrap; font-variant-numeric: tabular-nums; }
.buttons { display: flex; gap: 6px; opacity: 0; }
article:hover .buttons, article:focus-within .buttons, article:focus .buttons, .state-needs-ack .buttons, .open .buttons { opacity: 1; }
.details { padding: 0 12px 12px 78px; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 14px; margin: 0; font-size: 12px; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
form { display: flex; gap: 8px; margin-top: 10px; max-width: 640px; }
form input { all: unset; box-sizing: border-box; flex: 1; min-width: 0; line-height: 26px; padding: 0 10px; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius, 8px); background: var(--st-background-color); }
form input:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.details .primary { background: var(--st-primary-color); color: #fff; border-color: transparent; }
.doable { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 10px; }
.past { margin: 10px 0 0; padding: 6px 0 0 16px; border-top: 1px solid var(--line); font-size: 12px; color: var(--soft); } .past li { overflow-wrap: anywhere; }
.empty { margin: 0; padding: 44px 16px; text-align: center; color: var(--soft); border: 1px solid var(--line); border-top: 0; border-radius: 0 0 8px 8px; }
.further { align-self: center; margin-top: 10px; color: var(--st-link-color); }
.menu { position: absolute; z-index: 4; min-width: 230px; padding: 5px; border: 1px solid var(--st-border-color); border-radius: 8px; background: var(--st-background-color); box-shadow: 0 6px 24px rgb(0 0 0 / 0.18); }
.menu button { display: flex; justify-content: space-between; gap: 18px; width: 100%; padding: 0 10px; line-height: 30px; border-radius: 6px; }
.menu button:hover, .menu button:focus-visible { background: var(--st-secondary-background-color); }
.menu .at { color: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
.help-sheet { border: 1px solid var(--st-border-color); border-radius: 12px; padding: 18px 22px; background: var(--st-background-color); color: var(--st-text-color); max-width: min(440px, calc(100vw - 40px)); box-shadow: 0 10px 40px rgb(0 0 0 / 0.25); }
.help-sheet::backdrop { background: rgb(0 0 0 / 0.4); }
.help-sheet h2 { margin: 0 0 10px; font-size: 16px; } .help-sheet dl { font-size: 13px; gap: 7px 18px; } .help-sheet p { color: var(--soft); font-size: 12px; margin: 12px 0; }
kbd { font: 600 12px/1 var(--st-code-font, monospace); padding: 2px 7px; border: 1px solid var(--st-border-color); border-bottom-width: 2px; border-radius: 5px; background: var(--st-secondary-background-color); margin-right: 4px; color: var(--st-text-color); }
@media (max-width: 640px) {
  .line { grid-template-columns: 16px 14px 18px minmax(0, 1fr); padding: 10px; gap: 0 8px; } .buttons { grid-column: 4; margin-top: 6px; opacity: 1; } .message { white-space: normal; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
  .open .message { display: block; } .details { padding-left: 12px; } input.search { flex: 1; width: auto; } .bulk { flex-wrap: wrap; padding: 8px 10px; } .note { min-width: 40%; } dl { grid-template-columns: minmax(0, 1fr); gap: 0; } dd { margin-bottom: 6px; } .pill { top: 138px; }
}
@media (prefers-reduced-motion: reduce) { .rows { transition: none; } }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
