// How key numbers look. Colours come from Streamlit's theme.

export const css = `
.tb { font: 400 13px/1.4 var(--st-font, sans-serif); color: var(--st-text-color);
  --line: color-mix(in srgb, var(--st-text-color) 12%, transparent); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.numbers { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(150px, 100%), 1fr)); }
.number { position: relative; box-sizing: border-box; min-width: 0; overflow: hidden; padding: 10px 14px 12px;
  border: 1px solid var(--line); border-radius: var(--st-base-radius, 6px); background: var(--st-background-color); }
.label { color: var(--soft); font-size: 12px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.value { font-size: 24px; font-weight: 650; line-height: 1.3; font-variant-numeric: tabular-nums; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.delta { font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; min-height: 17px; }
.good .delta { color: var(--st-green-text-color); }
.warn .delta { color: var(--st-orange-text-color); }
.bad .delta { color: var(--st-red-text-color); }
.bad .value { color: var(--st-red-text-color); }
.spark { position: absolute; right: 14px; bottom: 12px; width: 42%; max-width: 96px; height: 30px; color: var(--st-primary-color); opacity: 0.9; }
.spark path { vector-effect: non-scaling-stroke; }
.spark .area { fill: currentColor; opacity: 0.14; stroke: none; }
.spark .line { fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linejoin: round; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
@media (max-width: 480px) { .numbers { grid-template-columns: 1fr 1fr; gap: 8px; } .value { font-size: 20px; } .number { padding: 8px 10px 10px; } .spark { display: none; }
  .number:last-child:nth-child(odd) { grid-column: 1 / -1; } }
`;
