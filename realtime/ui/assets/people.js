// Who is here: one row a person, changed in place (`options.layout` = "line": names alone, for the sidebar); choosing one
// tells the page. Names are only ever text.

import { follow } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { ago, exact } from "./format.js";
import { css } from "./people.css.js";

const panels = new WeakMap();

/** Mount or update the list of people; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let panel = panels.get(parentElement);
  if (!panel) panels.set(parentElement, (panel = new People(parentElement)));
  panel.update(component);
  return () => {
    panel.dispose();
    panels.delete(parentElement);
  };
}

class People {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "people";
    this.title = make("div", "title");
    this.title.setAttribute("role", "status");
    this.list = make("div", "list");
    this.more = make("div", "more");
    this.empty = make("div", "more");
    this.root.append(this.title, this.list, this.more, this.empty);
    parent.append(make("style", "", css), this.root);
    this.rows = new Map();
    this.isTouched = false;
    this.stopTicking = everySecond((now) => this.age(now));
    this.list.onclick = ({ target }) => this.choose(target.closest("[data-person]")?.dataset.person);
    // Nothing moves under a pointer that is about to click.
    this.list.onpointerenter = () => (this.isTouched = true);
    this.list.onpointerleave = () => {
      this.isTouched = false;
      if (this.value) this.order();
    };
  }

  update(component) {
    this.component = component;
    this.chosen = component.data.options?.chosen ?? "";
    const isSame = this.me === component.data.person?.id;
    this.me = component.data.person?.id;
    this.root.classList.toggle("line", component.data.options?.layout === "line");
    this.list.style.maxHeight = component.data.height ? `${component.data.height}px` : "";
    this.unfollow = follow(this.root, component.data, (value) => this.paint(value));
    if (this.value) isSame ? this.mark() : this.paint(this.value);
  }

  choose(person) {
    if (person === undefined) return;
    this.chosen = this.chosen === person ? "" : person;
    this.mark();
    this.component.setTriggerValue("choose", this.chosen);
  }

  paint(value) {
    this.value = value;
    say(this.title, value.title);
    say(this.more, value.more);
    say(this.empty, value.people.length ? "" : value.empty);
    const wanted = new Set(value.people.map(({ id }) => id));
    for (const [id, row] of this.rows) {
      if (wanted.has(id)) continue;
      row.root.remove();
      this.rows.delete(id);
    }
    for (const person of value.people) {
      let row = this.rows.get(person.id);
      if (!row) {
        this.rows.set(person.id, (row = makeRow(person.id)));
        this.list.append(row.root);
      }
      fill(row, person, person.id === this.me);
    }
    this.order();
    this.age(Date.now());
    this.mark();
  }

  /** Put the rows in order, unless somebody is about to choose one. */
  order() {
    if (this.isTouched || this.list.querySelector(":focus-visible")) return;
    this.value.people.forEach(({ id }, index) => {
      const { root } = this.rows.get(id);
      if (this.list.children[index] !== root) this.list.insertBefore(root, this.list.children[index] ?? null);
    });
  }

  mark() {
    for (const [id, { root }] of this.rows) root.setAttribute("aria-pressed", String(id === this.chosen));
  }

  age(now) {
    for (const { person, when } of this.rows.values()) say(when, whenText(person, now));
  }

  dispose() {
    this.unfollow?.();
    this.stopTicking();
  }
}

function makeRow(id) {
  const root = make("button", "person");
  root.type = "button";
  root.dataset.person = id;
  const row = { root, state: make("span", "state"), name: make("span", "name"), places: make("span", "places"), when: make("span", "when"), tabs: make("span", "tabs") };
  root.append(row.state, row.name, row.tabs, row.places, row.when);
  return row;
}

function fill(row, person, isMe) {
  row.person = person;
  row.root.className = `person ${person.tone} ${person.state}`;
  say(row.state, person.symbol);
  row.state.title = person.word;
  row.state.setAttribute("role", "img");
  row.state.setAttribute("aria-label", person.word);
  say(row.name, isMe ? (person.name === person.id ? `${person.name} (you)` : "You") : person.name);
  row.root.title = `${person.name}: ${person.word}, last seen ${exact(person.at)}`;
  say(row.tabs, person.tabs > 1 ? `${person.tabs} tabs` : "");
  say(row.places, person.places.join(", "));
}

function whenText({ state, at, word }, now) {
  if (state === "online") return "";
  return state === "gone" ? `${word} ${ago(at, now)}` : word;
}
