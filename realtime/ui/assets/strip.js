// One hour in sixty minutes: how much happened in each. Drag over it, or use the arrow keys, to choose a stretch of time.

import { follow } from "./channel.js";
import { make, say } from "./dom.js";
import { count, hourMinute, zone } from "./format.js";
import { drawMinutes } from "./minutes.js";
import { css } from "./strip.css.js";

const MINUTE_MS = 60000;
const panels = new WeakMap();

/** Mount or update the strip; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let panel = panels.get(parentElement);
  if (!panel) panels.set(parentElement, (panel = new Strip(parentElement)));
  panel.update(component);
  return () => {
    panel.unfollow?.();
    panels.delete(parentElement);
  };
}

class Strip {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "strip";
    this.title = make("span", "title");
    this.said = make("span", "said");
    const head = make("div", "head");
    head.append(this.title, this.said);
    this.bars = make("div", "bars");
    this.bars.tabIndex = 0;
    this.bars.setAttribute("role", "slider");
    this.bars.setAttribute("aria-orientation", "horizontal");
    this.axis = make("div", "axis");
    this.root.append(head, this.bars, this.axis);
    parent.append(make("style", "", css), this.root);
    this.cursor = this.anchor = null; // indexes of minutes while somebody chooses
    this.listen();
  }

  listen() {
    const { bars } = this;
    bars.onpointerdown = (event) => {
      bars.setPointerCapture(event.pointerId);
      this.anchor = this.cursor = this.indexAt(event);
      this.mark();
    };
    bars.onpointermove = (event) => {
      if (this.anchor === null || !bars.hasPointerCapture(event.pointerId)) return this.hover(this.indexAt(event));
      this.cursor = this.indexAt(event);
      this.mark();
    };
    bars.onpointerup = () => this.choose();
    bars.onpointercancel = () => this.drop();
    bars.onpointerleave = () => this.anchor === null && this.mark();
    bars.onfocus = () => bars.matches(":focus-visible") && this.begin();
    bars.onblur = () => this.drop();
    bars.onkeydown = (event) => this.key(event);
  }

  update(component) {
    this.component = component;
    const { from, to } = component.data.options ?? {};
    this.chosen = from && to ? [from * 1000, to * 1000] : null;
    this.unfollow = follow(this.root, component.data, (value) => this.paint(value));
    if (this.value) this.mark();
  }

  paint(value) {
    // Minutes move on under a finger: what somebody is choosing stays at its time.
    const moved = this.value ? Math.round((value.start - this.value.start) / MINUTE_MS) : 0;
    this.value = value;
    if (this.cursor !== null) this.cursor = Math.max(0, this.cursor - moved);
    if (this.anchor !== null) this.anchor = Math.max(0, this.anchor - moved);
    say(this.title, value.label);
    this.bars.setAttribute("aria-label", `${value.label}. Arrow keys choose a minute, with Shift a stretch, Enter shows it.`);
    this.bars.setAttribute("aria-valuemin", "0");
    this.bars.setAttribute("aria-valuemax", String(value.counts.length - 1));
    drawMinutes(this.bars, value);
    const ends = [0, 15, 30, 45, 60].map((minute) => hourMinute(value.start + minute * MINUTE_MS));
    ends[4] = `now (${zone()})`;
    if (this.axis.children.length === 0) this.axis.append(...ends.map(() => make("span")));
    ends.forEach((text, index) => say(this.axis.children[index], text));
    this.mark();
  }

  indexAt({ clientX }) {
    const { left, width } = this.bars.getBoundingClientRect();
    const last = this.value.counts.length - 1;
    return Math.min(last, Math.max(0, Math.floor(((clientX - left) / width) * (last + 1))));
  }

  begin() {
    if (this.cursor === null) this.cursor = this.anchor = this.value.counts.length - 1;
    this.mark();
  }

  drop() {
    this.cursor = this.anchor = null;
    this.mark();
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: -10, PageDown: 10, Home: -99, End: 99 }[event.key];
    if (step) {
      const last = this.value.counts.length - 1;
      const from = this.cursor ?? last;
      this.cursor = Math.min(last, Math.max(0, from + step));
      if (!event.shiftKey || this.anchor === null) this.anchor = this.cursor;
      this.mark();
    } else if (event.key === "Enter" || event.key === " ") this.choose();
    else if (event.key === "Escape") {
      if (this.chosen) this.component.setTriggerValue("range", { from: 0, to: 0 });
      this.drop();
    } else return;
    event.preventDefault();
  }

  choose() {
    if (this.cursor === null) return;
    const [from, to] = this.timesOf(this.cursor, this.anchor);
    this.component.setTriggerValue("range", { from: from / 1000, to: to / 1000 });
    this.chosen = [from, to];
    this.drop();
  }

  timesOf(one, other) {
    const [low, high] = [Math.min(one, other), Math.max(one, other)];
    return [this.value.start + low * MINUTE_MS, this.value.start + (high + 1) * MINUTE_MS];
  }

  hover(index) {
    if (this.value) say(this.said, this.words(...this.timesOf(index, index)));
  }

  /** Mark what is being chosen, else what is chosen, and say it. */
  mark() {
    if (!this.value) return;
    const range = this.cursor === null ? this.chosen : this.timesOf(this.cursor, this.anchor);
    [...this.bars.children].forEach((bar, index) => {
      const at = this.value.start + index * MINUTE_MS;
      bar.classList.toggle("in", range !== null && range[0] <= at && at < range[1]);
    });
    this.bars.classList.toggle("chosen", range !== null);
    const words = range === null ? this.words(this.value.start, Infinity) : this.words(...range);
    say(this.said, words);
    this.bars.setAttribute("aria-valuenow", String(this.cursor ?? this.value.counts.length - 1));
    this.bars.setAttribute("aria-valuetext", words);
  }

  words(from, to) {
    const { start, counts, errors, reach } = this.value;
    let [events, bad] = [0, 0];
    counts.forEach((each, index) => {
      const at = start + index * MINUTE_MS;
      if (at < from || at >= to) return;
      events += each;
      bad += errors[index];
    });
    const when = to === Infinity ? "" : `${hourMinute(from)}–${hourMinute(to)} · `;
    const old = to !== Infinity && to <= reach ? " · too long ago to be listed" : "";
    return `${when}${count(events)} ${events === 1 ? "event" : "events"}${bad ? ` · ${count(bad)} ${bad === 1 ? "error" : "errors"}` : ""}${old}`;
  }
}
