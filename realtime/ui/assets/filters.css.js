// How the filters look. Colours come from Streamlit's theme.

export const css = `
.tb { font: 400 13px/1.4 var(--st-font, sans-serif); color: var(--st-text-color);
  --line: color-mix(in srgb, var(--st-text-color) 12%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.kinds { display: flex; flex-wrap: wrap; gap: 6px; }
button, input, select { all: unset; box-sizing: border-box; font-size: 13px; line-height: 20px; border: 1px solid var(--st-border-color); background: var(--st-background-color);
  border-radius: var(--st-button-radius, 8px); padding: 4px 10px; }
button { cursor: pointer; white-space: nowrap; }
button:hover, select:hover { border-color: var(--st-primary-color); }
button:focus-visible, input:focus-visible, select:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.kind { border-radius: 999px; }
.kind[aria-pressed="true"] { border-color: var(--st-primary-color); background: color-mix(in srgb, var(--st-primary-color) 14%, var(--st-background-color)); font-weight: 600; }
.kind[aria-pressed="true"]::before { content: "✓ "; }
.menus { padding-top: 8px; }
input { flex: 1 1 190px; } input::placeholder { color: var(--soft); }
select { cursor: pointer; width: 100%; text-overflow: ellipsis; padding-right: 26px; background-image: linear-gradient(45deg, transparent 50%, currentColor 50%), linear-gradient(135deg, currentColor 50%, transparent 50%);
  background-position: calc(100% - 15px) 12px, calc(100% - 10px) 12px; background-size: 5px 5px; background-repeat: no-repeat; }
option { background: var(--st-background-color); color: var(--st-text-color); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
label { position: relative; display: inline-flex; min-width: 0; flex: 1 1 130px; }
.chips { display: flex; flex-wrap: wrap; gap: 6px; padding-top: 8px; } .chips[hidden] { display: none; }
.chip { display: inline-flex; gap: 8px; max-width: 320px; border-radius: 999px; background: color-mix(in srgb, var(--st-primary-color) 10%, var(--st-background-color)); border-color: color-mix(in srgb, var(--st-primary-color) 45%, transparent); }
.chip span:first-child { overflow: hidden; text-overflow: ellipsis; unicode-bidi: isolate; }
.chip.all { background: none; border-color: transparent; color: var(--st-link-color); }
.chip .x { color: var(--soft); }
@media (max-width: 560px) { input { width: 100%; } label { flex: 1 1 40%; } }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
