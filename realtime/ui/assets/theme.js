// Reads Streamlit's theme off an element, for what CSS alone can't colour.

/** Return the value of a theme variable such as "text-color", or `otherwise` where the theme doesn't set it. */
export function token(element, name, otherwise) {
  const value = getComputedStyle(element).getPropertyValue(`--st-${name}`).trim();
  return value === "" || value === "unset" ? otherwise : value;
}

/** Return what a chart needs of the theme. */
export function chartTheme(element) {
  return {
    background: token(element, "background-color", "#ffffff"),
    text: token(element, "text-color", "#0b1722"),
    border: token(element, "border-color", "#d5dee7"),
    font: token(element, "font", "sans-serif"),
    colours: token(element, "chart-categorical-colors", "#0072B2,#009E73,#D55E00,#CC79A7")
      .split(",")
      .map((each) => each.trim()),
  };
}

/** Return `colour` with an opacity of 0 to 1; a colour that isn't hexadecimal is returned as it is. */
export function faint(colour, opacity) {
  const hex = /^#([0-9a-f]{6})$/i.exec(colour)?.[1];
  if (!hex) return colour;
  const [red, green, blue] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}
