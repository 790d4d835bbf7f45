// One person: how they are here, their last hour, how often they did what, and what they did. Text is only ever text.

import { follow } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { ago, count, exact } from "./format.js";
import { drawMinutes } from "./minutes.js";
import { css } from "./person_card.css.js";

const panels = new WeakMap();

/** Mount or update a person's card; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let panel = panels.get(parentElement);
  if (!panel) panels.set(parentElement, (panel = new PersonCard(parentElement)));
  panel.update(component);
  return () => {
    panel.dispose();
    panels.delete(parentElement);
  };
}

class PersonCard {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "person";
    this.state = make("span", "state");
    this.name = make("span", "name");
    this.close = make("button", "close", "✕");
    this.close.type = "button";
    this.close.setAttribute("aria-label", "Close this person");
    this.close.onclick = () => this.component.setTriggerValue("close", true);
    const head = make("div", "head");
    head.append(this.state, this.name, this.close);
    this.facts = make("div", "facts");
    this.bars = make("div", "bars");
    this.bars.setAttribute("role", "img");
    this.counts = make("div", "counts");
    this.lines = make("ol", "lines");
    this.lines.tabIndex = 0;
    this.lines.setAttribute("aria-label", "What this person did, newest first");
    this.root.append(head, this.facts, this.bars, make("div", "hour", "Actions per minute, last hour"), this.counts, this.lines);
    parent.append(make("style", "", css), this.root);
    this.stopTicking = everySecond((now) => this.value && this.age(now));
  }

  update(component) {
    this.component = component;
    this.lines.style.maxHeight = component.data.height ? `${component.data.height}px` : "";
    this.unfollow = follow(this.root, component.data, (value) => this.paint(value), {
      isBusy: () => this.lines.scrollTop > 4, // somebody reads: the list stands still until they are back at its top
    });
  }

  paint(value) {
    this.value = value;
    say(this.name, value.name);
    this.name.title = value.id;
    this.root.classList.toggle("unknown", !value.isKnown);
    if (!value.isKnown) {
      say(this.state, "○");
      say(this.facts, "Not seen by this dashboard yet.");
      return;
    }
    this.state.className = `state ${value.tone}`;
    say(this.state, `${value.symbol} ${value.word}`);
    drawMinutes(this.bars, { start: value.start, counts: value.strip });
    const hour = value.strip.reduce((sum, each) => sum + each, 0);
    this.bars.setAttribute("aria-label", `${count(hour)} actions in the last hour`);
    const counts = value.counts.map((each) => [each.word, each.count]);
    if (value.moreCounts) counts.push(["Other", value.moreCounts]);
    this.counts.replaceChildren(...counts.map(([word, number]) => makeCount(word, number)));
    this.lines.replaceChildren(...value.lines.map(makeLine));
    this.age(Date.now());
  }

  age(now) {
    const { value } = this;
    if (!value.isKnown) return;
    const parts = [
      value.since ? `here since ${ago(value.since, now).replace(" ago", "")}` : `last seen ${ago(value.at, now)}`,
      value.tabs > 1 ? `${value.tabs} tabs` : "",
      value.places.length ? `looking at ${value.places.join(", ")}` : "",
    ];
    say(this.facts, parts.filter(Boolean).join(" · "));
    [...this.lines.children].forEach((line, index) => say(line.firstChild, ago(value.lines[index].at, now)));
  }

  dispose() {
    this.unfollow?.();
    this.stopTicking();
  }
}

function makeCount(word, number) {
  const root = make("span", "tally");
  root.append(make("b", "", count(number)), make("span", "", word));
  return root;
}

function makeLine({ at, symbol, word, detail }) {
  const line = make("li");
  const time = make("time");
  time.dateTime = new Date(at).toISOString();
  time.title = exact(at);
  const what = make("span", "what");
  what.append(make("span", "word", `${symbol} ${word}`), make("span", "detail", detail));
  what.title = `${word} ${detail}`.trim();
  line.append(time, what);
  return line;
}
