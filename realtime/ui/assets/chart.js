// A live chart: one Plotly.react per new value with a constant uirevision, so zoom, hidden traces and hover stay; where
// only points moved, one Plotly.animate without a redraw. Zooming pins the range and says so; Back to live gives it back.

import { follow, repaint } from "./channel.js";
import { css } from "./chart.css.js";
import { make, say } from "./dom.js";
import { chartTheme, faint } from "./theme.js";

const HEIGHT = 300;
const CONFIG = {
  responsive: false, // a ResizeObserver does it: the window isn't all that changes a chart's width
  displaylogo: false,
  showTips: false, // our own words say how to get back
  showSendToCloud: false, // nothing leaves the machine
  scrollZoom: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
};
// Plotly's way to move points and leave the rest as drawn: it costs a fifth of a react, which draws axes and labels again.
const AT_ONCE = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
const MOST_SPARE = 1.5; // how much longer than wanted a range may be before the axis is drawn anew
const [MOVED, AXES, EVERYTHING] = ["moved", "axes", "everything"];
// Axes are asked to move a little before they must: then they needn't just when all tabs are drawing a new point.
const SOON_MS = 50;
const POINTS = ["x", "y", "text", "customdata"];
const charts = new WeakMap();
let plotly = null;

/** Mount or update one chart; Streamlit calls it again at every rerun and change of theme. */
export function mount(component) {
  const { parentElement } = component;
  let chart = charts.get(parentElement);
  if (!chart) charts.set(parentElement, (chart = new Chart(parentElement)));
  chart.update(component.data);
  return () => {
    chart.dispose();
    charts.delete(parentElement);
  };
}

/** Load plotly.js once per page, from our own port. */
function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    const script = make("script");
    script.src = new URL("./plotly.min.js", import.meta.url).href;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      plotly = null;
      reject(new Error("plotly.min.js can't be loaded"));
    };
    document.head.append(script);
  });
  return plotly;
}

class Chart {
  constructor(parent) {
    const style = make("style", "", css);
    this.root = make("div", "tb-chart");
    this.root.dataset.tideboard = "chart";
    this.plot = make("div", "tb-chart-plot");
    this.wait = make("div", "tb-chart-wait");
    this.pin = make("div", "tb-chart-pin");
    this.pin.setAttribute("role", "status");
    this.pinText = make("span");
    this.back = make("button", "", "Back to live");
    this.back.type = "button";
    this.back.onclick = () => this.backToLive();
    this.pin.append(this.pinText, this.back);
    this.pin.hidden = true;
    this.zone = make("div", "tb-chart-zone");
    this.root.append(this.plot, this.zone, this.wait, this.pin);
    parent.append(style, this.root);
    this.turn = 0; // of "Back to live": a new one lets the axes, and only them, forget what the reader chose
    this.hovered = null;
    this.isDragging = false;
    this.release = () => this.drop();
  }

  update(data) {
    this.data = data;
    this.height = data.height ?? HEIGHT;
    this.plot.style.height = `${this.height}px`;
    this.root.setAttribute("role", "figure");
    if (data.options?.label) this.root.setAttribute("aria-label", data.options.label);
    this.unfollow = follow(this.root, data, (value) => this.paint(value), {
      ready: loadPlotly().then((loaded) => (this.Plotly = loaded)),
      isBusy: () => this.isDragging,
      isAtOnce: true,
    });
    this.applyTheme();
  }

  /** Colours and fonts come from the page's theme; a change of it repaints what is shown. */
  applyTheme() {
    const theme = chartTheme(this.root);
    const key = JSON.stringify(theme);
    if (key === this.themeKey) return;
    this.themeKey = key;
    this.theme = themeLayout(theme);
    if (this.last) this.draw(this.value);
  }

  paint(value) {
    this.value = value;
    this.isPainting = true;
    // Plotly hovers again where the pointer is, in the paint and once more after it; the reader's point may have moved away.
    if (this.hovered) this.plot._fullLayout._rehover = () => this.hovered && this.hoverAgain();
    const change = this.last ? changeOf(this.last, value, !this.pin.hidden) : EVERYTHING;
    if (change === EVERYTHING) this.draw(value);
    else this.move(value);
    if (change === AXES) this.redraw ||= setTimeout(() => this.isDragging || this.draw(this.value), SOON_MS * (1 + Math.random()));
    this.isPainting = false;
  }

  move(value) {
    const moved = value.data.map((trace) => Object.fromEntries(POINTS.filter((key) => key in trace).map((key) => [key, trace[key]])));
    const traces = moved.map((_, index) => index);
    this.spare(moved);
    this.Plotly.animate(this.plot, { data: moved, traces }, AT_ONCE).catch(() => {}); // interrupted: the next one has drawn
    // Plotly would look for a further picture in the next frame, and make the next value wait until then: for up to a second
    // where the browser thinks that nobody looks.
    const film = this.plot._transitionData;
    cancelAnimationFrame(film._animationRaf);
    film._animationRaf = null;
  }

  /**
   * Spare Plotly filling in the defaults of layout and traces again, most of what moving points costs: they are as they
   * were. It has a mark for that, which its own code sets where it knows the same.
   */
  spare(moved) {
    const { _fullLayout: layout, _fullData: traces } = this.plot;
    moved.forEach((points, index) => {
      Object.assign(traces[index], points, { _length: Math.min(points.x.length, points.y.length) });
    });
    layout._skipDefaults = true;
  }

  draw(value) {
    this.redraw = clearTimeout(this.redraw);
    say(this.zone, value.layout?.meta?.zone ?? "");
    const { template = {}, ...layout } = value.layout ?? {};
    const themed = {
      ...layout,
      template: { ...template, layout: merge(template.layout ?? {}, this.theme) },
      height: this.height,
      width: (this.width ??= this.plot.clientWidth) || undefined,
      uirevision: layout.uirevision ?? "constant",
    };
    if (this.pin.hidden) this.ranges = Object.fromEntries(axesOf(themed).map((name) => [name, themed[name]?.range]));
    for (const name of axesOf(themed)) {
      themed[name] = { ...themed[name], uirevision: `live-${this.turn}` };
      // A range that differs from what the reader zoomed from would win over the reader's.
      if (this.ranges[name]) themed[name].range = [...this.ranges[name]];
    }
    // Plotly writes into what it is given (a hidden trace's `visible`, say); the value isn't ours to change.
    const traces = (value.data ?? []).map((trace) => ({ ...trace }));
    this.drawn = this.Plotly.react(this.plot, traces, themed, CONFIG);
    if (!this.last) this.listen();
    this.last = value;
    this.wait.hidden = true;
  }

  listen() {
    this.plot.on("plotly_relayout", (change) => this.relayouted(change));
    this.plot.on("plotly_doubleclick", () => this.backToLive());
    this.plot.on("plotly_hover", ({ points }) => {
      if (!this.isPainting) this.hovered = points.map((point) => this.placeOf(point));
    });
    this.plot.on("plotly_unhover", () => {
      if (!this.isPainting) this.hovered = null;
    });
    // A paint in the middle of a drag would take the reader's zoom box away.
    this.plot.addEventListener("pointerdown", () => (this.isDragging = true), true);
    addEventListener("pointerup", this.release, true);
    addEventListener("pointercancel", this.release, true);
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(this.root);
  }

  drop() {
    if (!this.isDragging) return;
    // Plotly handles the same event after this: let it finish first.
    setTimeout(() => {
      this.isDragging = false;
      repaint(this.root);
    });
  }

  fit() {
    const width = this.plot.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    cancelAnimationFrame(this.fitting);
    this.fitting = requestAnimationFrame(() => !this.hasEnded && this.Plotly.relayout(this.plot, { width }));
  }

  /** A bar that lies is held by its middle: its end moves with the time, and its `x` is a length. */
  placeOf({ curveNumber, pointNumber, x, y }) {
    if (this.plot.data[curveNumber]?.orientation !== "h") return { curveNumber, x, y };
    const { b, s } = this.plot.calcdata[curveNumber][pointNumber];
    return { curveNumber, across: b + s / 2, y };
  }

  /** Show the reader's tooltip again: at the same point, wherever on the plot it is by now. */
  hoverAgain() {
    const [{ curveNumber, x, across: middle, y }] = this.hovered;
    const { xaxis, yaxis } = this.plot._fullLayout;
    const place = { xval: middle ?? xaxis.d2c(x), yval: yaxis.d2c(y) };
    const across = xaxis.c2p(place.xval);
    // Compared as numbers: Plotly tells 12:00:27.5 where the data say 12:00:27.500.
    const trace = this.plot.data[curveNumber];
    const isThere = trace?.orientation === "h" || trace?.x?.some((each) => xaxis.d2c(each) === place.xval);
    if (isThere && across >= 0 && across <= xaxis._length) this.Plotly.Fx.hover(this.plot, place, "xy");
    else this.Plotly.Fx.unhover(this.plot);
  }

  relayouted(change) {
    const names = Object.keys(change);
    if (names.some((name) => /^[xy]axis\d*\.range/.test(name))) this.showPin();
    else if (names.some((name) => /^xaxis\d*\.autorange/.test(name))) this.hidePin();
  }

  showPin() {
    const [from, to] = this.plot.layout.xaxis?.range ?? [];
    const isTime = this.plot._fullLayout.xaxis?.type === "date";
    say(this.pinText, isTime ? `Pinned ${clockOf(from)}–${clockOf(to)}` : "Pinned");
    this.pin.hidden = false;
    this.root.dataset.pinned = "true";
  }

  hidePin() {
    this.pin.hidden = true;
    delete this.root.dataset.pinned;
  }

  backToLive() {
    if (this.pin.hidden) return;
    this.hidePin();
    this.turn += 1;
    this.draw(this.value);
    this.plot.focus?.();
  }

  dispose() {
    this.hasEnded = true;
    clearTimeout(this.redraw);
    this.unfollow();
    this.sizes?.disconnect();
    removeEventListener("pointerup", this.release, true);
    removeEventListener("pointercancel", this.release, true);
    // Plotly finishes a drawing asynchronously, and stumbles over a plot that was purged meanwhile.
    const purge = () => this.Plotly?.purge(this.plot);
    Promise.resolve(this.drawn).then(() => setTimeout(purge), purge);
  }
}

function axesOf(layout) {
  const named = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name));
  return [...new Set(["xaxis", "yaxis", ...named])];
}

/** Tell how a value differs from the one drawn last: the points of its lines alone, the axes' ranges too, or more. */
function changeOf(last, value, isPinned) {
  if (value.data.length !== last.data.length || value.data.length === 0) return EVERYTHING;
  const isSame = value.layout === last.layout || sketch(value.layout) === sketch(last.layout);
  if (!isSame || !value.layout.xaxis?.range || !value.layout.yaxis?.range) return EVERYTHING; // Plotly chooses the range
  const onlyPoints = value.data.every((trace, index) => {
    const was = last.data[index];
    const keys = new Set([...Object.keys(trace), ...Object.keys(was)]);
    // What a patch didn't touch is the same object still.
    return trace.type === "scatter" && [...keys].every((key) => (POINTS.includes(key) ? key in trace && key in was : trace[key] === was[key]));
  });
  if (!onlyPoints) return EVERYTHING;
  const had = [last.layout.xaxis.range, last.layout.yaxis.range];
  if (isPinned || (stillFits(had[0], value.layout.xaxis.range) && stillFits(had[1], value.layout.yaxis.range))) return MOVED;
  return value.data.every(({ x, y }) => holds(had[0], x) && holds(had[1], y)) ? AXES : EVERYTHING;
}

const sketch = (layout) => JSON.stringify(layout, (key, value) => (key === "range" ? Boolean(value) : value));

/** Tell whether an axis may keep the range it has: the wanted one lies within it, and it isn't much longer. */
function stillFits(had, wanted) {
  const [from, to, least, most] = [...had, ...wanted].map((end) => (typeof end === "string" ? Date.parse(end) : end));
  return from <= least && most <= to && to - from <= MOST_SPARE * (most - least);
}

/** Tell whether all points are on an axis of this range. Times are written so that they sort as text. */
const holds = ([from, to], points) => points.every((point) => from <= point && point <= to);

function themeLayout({ background, text, border, font, colours }) {
  const axis = {
    gridcolor: faint(text, 0.09),
    linecolor: border,
    zerolinecolor: faint(text, 0.2),
    tickcolor: border,
    tickfont: { color: faint(text, 0.78) },
    title: { font: { color: faint(text, 0.78) } },
    // Else Plotly measures every label at every paint, a quarter of its time; a label may overhang a little instead.
    ticklabeloverflow: "allow",
  };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: font, color: text, size: 12 },
    colorway: colours,
    xaxis: axis,
    yaxis: axis,
    hoverlabel: { bgcolor: background, bordercolor: border, font: { family: font, color: text, size: 12 } },
    legend: { font: { color: text } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: faint(text, 0.45), activecolor: text },
  };
}

function merge(under, over) {
  const merged = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const isPlain = (each) => each !== null && typeof each === "object" && !Array.isArray(each);
    merged[key] = isPlain(value) && isPlain(under[key]) ? merge(under[key], value) : value;
  }
  return merged;
}

/** Take the clock's part of Plotly's "2026-01-31 14:02:10.5". */
function clockOf(text) {
  return /[ T](\d\d:\d\d(?::(?!00)\d\d)?)/.exec(String(text))?.[1] ?? String(text).slice(0, 10);
}
