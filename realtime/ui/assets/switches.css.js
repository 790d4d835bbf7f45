// How what is switched off is told. Colours come from Streamlit's theme.

export const css = `
.tb { font: 400 12px/1.45 var(--st-font, sans-serif); color: var(--st-text-color); --soft: color-mix(in srgb, var(--st-text-color) 72%, transparent); }
.lines { display: grid; gap: 6px; }
.lines:empty { display: none; }
.line { display: flex; gap: 6px; padding: 6px 8px; border: 1px solid var(--st-border-color); border-left: 3px solid var(--st-orange-color);
  border-radius: var(--st-base-radius, 6px); }
.symbol { color: var(--st-orange-text-color); }
.text { font-weight: 600; color: var(--st-orange-text-color); }
.meaning, .when { color: var(--soft); }
.why { overflow-wrap: anywhere; } .why:empty, .when:empty { display: none; }
.tb[data-trouble]::after { content: "▲ " attr(data-trouble); color: var(--st-red-text-color); }
`;
