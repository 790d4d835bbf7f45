// The shapes that stand beside words: a severity is told by its shape and its word before it is told by its colour.

const SVG = "http://www.w3.org/2000/svg";
const ROUND = "M12 2.5a9.5 9.5 0 1 1 0 19 9.5 9.5 0 0 1 0-19z";
// name -> the outline, what is drawn inside it
const SHAPES = {
  info: [ROUND, "M12 11v5.5M12 7.4v.2"],
  success: [ROUND, "M7.6 12.4l3 3 5.8-6.2"],
  warning: ["M12 3 22 20.5H2z", "M12 9.5v5M12 17.3v.2"],
  error: ["M4 4h16v16H4z", "M8.5 8.5l7 7M15.5 8.5l-7 7"],
  critical: ["M8 2.5h8l5.5 5.5v8L16 21.5H8L2.5 16V8z", "M12 7v6M12 16.4v.2"],
  bell: ["M5.5 17.5c1.2-1.4 1.7-3 1.7-6.3a4.8 4.8 0 0 1 9.6 0c0 3.3.5 4.9 1.7 6.3z", "M10 20.3c1 1.2 3 1.2 4 0M12 6.4V4"],
};

/** Make an icon; it says nothing to a screen reader, because the word beside it does. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${name}`);
  for (const [place, path] of SHAPES[name].entries()) {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    line.setAttribute("class", place === 0 ? "shape" : "inner");
    svg.append(line);
  }
  return svg;
}

/** How icons look; put it into the component's own style. What is critical is filled. */
export const iconCss = `
.icon { width: 18px; height: 18px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linecap: round; stroke-linejoin: round; }
.icon.critical .shape, .icon.error .shape { fill: currentColor; }
.icon.critical .inner, .icon.error .inner { stroke: var(--st-background-color); stroke-width: 2.2; }
.is-info { --tone: var(--st-blue-text-color); } .is-success { --tone: var(--st-green-text-color); }
.is-warning { --tone: var(--st-orange-text-color); } .is-error, .is-critical { --tone: var(--st-red-text-color); }
`;
