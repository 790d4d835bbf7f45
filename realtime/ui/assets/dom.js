// Small things several panels need: elements that hold only text, and the one clock that ticks each second.

const TICKERS = new Set();
let timer = 0;

/** Call `tick(now)` every second while the page can be seen. Returns the function that ends it. */
export function everySecond(tick) {
  TICKERS.add(tick);
  if (!timer) timer = setInterval(() => !document.hidden && TICKERS.forEach((each) => each(Date.now())), 1000);
  return () => {
    TICKERS.delete(tick);
    if (TICKERS.size === 0) timer = clearInterval(timer) ?? 0;
  };
}

/** Make an element with a class and text, which is always only text. */
export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Set an element's text if it differs, so that nothing is selected away or announced again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
