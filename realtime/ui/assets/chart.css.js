// How a chart's frame looks. The chart lives in the page's own DOM (Plotly's styles don't reach a shadow root), so every
// name begins with tb-chart.

export const css = `
.tb-chart { position: relative; width: 100%; font: 400 13px/1.4 var(--st-font, sans-serif); color: var(--st-text-color); }
.tb-chart[data-trouble]::after { content: "▲ " attr(data-trouble); position: absolute; inset: 0; display: grid; place-items: center;
  text-align: center; padding: 16px; color: var(--st-red-text-color); background: var(--st-background-color); }
.tb-chart-plot { width: 100%; contain: layout style; }
.tb-chart-plot.js-plotly-plot .main-svg { overflow: visible; }
.tb-chart-plot .modebar { transition: opacity 0.15s; }
.tb-chart-pin { position: absolute; top: 0; right: 0; z-index: 5; display: flex; gap: 8px; align-items: center;
  padding: 1px 4px 1px 10px; border-radius: 999px; font-size: 12px; line-height: 22px; white-space: nowrap;
  background: var(--st-secondary-background-color); border: 1px solid var(--st-border-color); font-variant-numeric: tabular-nums; }
.tb-chart[data-pinned] .modebar-container { transform: translateY(28px); }
.tb-chart-pin[hidden] { display: none; }
.tb-chart-pin button { all: unset; cursor: pointer; padding: 0 8px; border-radius: 999px; color: var(--st-link-color); font-weight: 600; }
.tb-chart-pin button:hover { text-decoration: underline; }
.tb-chart-pin button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.tb-chart-zone { position: absolute; right: 12px; bottom: 2px; font-size: 11px; opacity: 0.75; pointer-events: none; }
.tb-chart-wait { position: absolute; inset: 0; border-radius: var(--st-base-radius, 6px); background: var(--st-secondary-background-color); opacity: 0.6; }
`;
