// What waits to be sent, was refused, or was confirmed a moment ago. One element per change, changed in place. Deciding on
// a refused one is told to the page. With `options.layout` = "one" it is the strip of a single document.

import { follow } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { ago, cell, exact } from "./format.js";
import { css } from "./outbox.css.js";

const panels = new WeakMap();

/** Mount or update one list; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let panel = panels.get(parentElement);
  if (!panel) panels.set(parentElement, (panel = new Outbox(parentElement)));
  panel.update(component);
  return () => {
    panel.dispose();
    panels.delete(parentElement);
  };
}

class Outbox {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "outbox";
    this.list = make("ul");
    this.note = make("div", "note");
    // Mounted before the first change waits, so that it is announced.
    this.list.setAttribute("role", "status");
    this.list.setAttribute("aria-label", "Changes on their way to the gateway");
    this.root.append(this.list, this.note);
    parent.append(make("style", "", css), this.root);
    this.items = new Map(); // number -> element
    this.stopTicking = everySecond((now) => this.age(now));
  }

  update(component) {
    this.component = component;
    this.isOne = component.data.options?.layout === "one";
    this.root.dataset.view = component.data.view;
    // A person's own change is shown while real-time is held, too: it is theirs, not news.
    this.unfollow = follow(this.root, component.data, (value) => this.paint(value), { ignoresHold: true });
  }

  paint({ rows, note }) {
    const numbers = new Set(rows.map(({ number }) => number));
    this.tell(rows);
    for (const [number, item] of this.items) {
      if (numbers.has(number)) continue;
      item.remove();
      this.items.delete(number);
    }
    rows.forEach((row, index) => {
      let item = this.items.get(row.number);
      if (!item) this.items.set(row.number, (item = this.makeItem()));
      if (this.list.children[index] !== item) this.list.insertBefore(item, this.list.children[index] ?? null);
      this.fill(item, row);
    });
    say(this.note, note);
    this.note.hidden = note === "";
    this.list.hidden = rows.length === 0;
    this.age(Date.now());
  }

  /** Tell the page of a document when one of its changes is settled: what else it shows may stand on it. */
  tell(rows) {
    const open = new Set(rows.filter(({ state }) => state === "pending" || state === "sent").map(({ number }) => number));
    const settled = [...(this.open ?? [])].filter((number) => !open.has(number));
    this.open = open;
    if (this.isOne && settled.length) this.component.setTriggerValue("settled", settled.at(-1));
  }

  makeItem() {
    const item = make("li");
    const parts = {
      state: make("span", "state"),
      what: make("span", "what"),
      why: make("span", "why"),
      when: make("span", "when"),
      do: make("span", "do"),
      changes: make("table"),
    };
    item.parts = parts;
    item.append(...Object.values(parts));
    return item;
  }

  fill(item, row) {
    const key = JSON.stringify(row);
    if (item.key === key) return;
    item.key = key;
    item.row = row;
    item.className = row.tone;
    item.dataset.state = row.state;
    item.dataset.number = row.number;
    item.dataset.id = row.id;
    const { state, what, why, changes } = item.parts;
    say(state, `${row.symbol} ${row.word}`);
    what.replaceChildren(...this.whatOf(row));
    say(why, row.reason);
    item.parts.when.title = exact(row.at);
    item.parts.do.replaceChildren(...(row.state === "refused" ? this.buttonsOf(row) : []));
    changes.replaceChildren(...(this.isOne ? row.changes.map(lineOf) : []));
    changes.hidden = changes.childElementCount === 0;
  }

  whatOf({ verb, id, collection }) {
    if (this.isOne || id === "") return [verb];
    const open = make("button", "open", id);
    open.type = "button";
    open.title = `Open ${id}`;
    open.onclick = () => this.component.setTriggerValue("open", { collection, id });
    return [`${verb} `, open, ` in ${collection}`];
  }

  buttonsOf({ number, isConflict, version }) {
    const again = make("button", "", isConflict ? "Keep mine" : "Try again");
    again.title = isConflict ? "Send it over the version that is there now" : "Send it once more";
    again.onclick = () => this.decide("retry", { number, version: isConflict ? version : null });
    const discard = make("button", "", "Discard");
    discard.title = "Give this change up";
    discard.onclick = () => this.decide("discard", { number });
    for (const button of [again, discard]) button.type = "button";
    return [again, discard];
  }

  decide(what, value) {
    this.component.setTriggerValue(what, value);
  }

  age(now) {
    for (const { row, parts } of this.items.values()) say(parts.when, ago(row.at, now));
  }

  dispose() {
    this.unfollow();
    this.stopTicking();
  }
}

function lineOf({ field, old, new: fresh, kind }) {
  const line = make("tr");
  line.append(
    make("td", "", field),
    make("td", "old", kind === "added" ? "" : shown(old)),
    make("td", "", kind === "removed" ? "removed" : shown(fresh)),
  );
  return line;
}

function shown(value) {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : cell(value, "text");
}
