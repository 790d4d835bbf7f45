// Says what an operator has switched off: a line each, with what follows from it, since when and why. Nothing while all is well.

import { follow } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { ago, exact } from "./format.js";
import { css } from "./switches.css.js";

const notices = new WeakMap();

/** Mount or update the notice; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let notice = notices.get(parentElement);
  if (!notice) notices.set(parentElement, (notice = new Notice(parentElement)));
  notice.unfollow = follow(notice.root, component.data, (value) => notice.paint(value), { ignoresHold: true });
  return () => {
    notice.dispose();
    notices.delete(parentElement);
  };
}

class Notice {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "switches";
    // There before anything is in it, so that what comes is announced.
    this.list = make("div", "lines");
    this.list.setAttribute("role", "status");
    this.root.append(this.list);
    parent.append(make("style", "", css), this.root);
    this.lines = new Map();
    this.stopTicking = everySecond((now) => this.tick(now));
  }

  paint({ lines }) {
    const keys = new Set(lines.map(({ key }) => key));
    for (const [key, line] of this.lines) {
      if (keys.has(key)) continue;
      line.remove();
      this.lines.delete(key);
    }
    for (const told of lines) {
      let line = this.lines.get(told.key);
      if (!line) this.lines.set(told.key, (line = makeLine(told)));
      if (line.parentNode !== this.list) this.list.append(line);
      line.at = told.at;
      say(line.querySelector(".text"), told.text);
      say(line.querySelector(".meaning"), told.meaning);
      say(line.querySelector(".why"), told.why ? `“${told.why}”` : "");
    }
    this.tick(Date.now());
  }

  /** When it was switched moves by the clock alone; it isn't part of what is announced. */
  tick(now) {
    for (const line of this.lines.values()) {
      const when = line.querySelector(".when");
      say(when, line.at ? `By an operator, ${ago(line.at, now)}` : "");
      when.title = line.at ? exact(line.at) : "";
    }
  }

  dispose() {
    this.stopTicking();
    this.unfollow();
  }
}

function makeLine({ key, symbol }) {
  const line = make("div", "line");
  line.dataset.flag = key;
  const mark = make("span", "symbol", symbol);
  mark.setAttribute("aria-hidden", "true");
  const words = make("div");
  const when = make("div", "when");
  when.setAttribute("aria-live", "off");
  words.append(make("div", "text"), make("div", "meaning"), make("div", "why"), when);
  line.append(mark, words);
  return line;
}
