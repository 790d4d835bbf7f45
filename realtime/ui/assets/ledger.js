// A short list in columns, for reading: a real table, changed in place, without sort or selection. Rows come with a key.

import { follow } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { ago, count, exact } from "./format.js";
import { css } from "./ledger.css.js";

const ledgers = new WeakMap();

/** Mount or update one ledger; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let ledger = ledgers.get(parentElement);
  if (!ledger) ledgers.set(parentElement, (ledger = new Ledger(parentElement)));
  ledger.update(component.data);
  return () => {
    ledger.dispose();
    ledgers.delete(parentElement);
  };
}

class Ledger {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "ledger";
    this.table = make("table");
    this.head = make("tr");
    this.body = make("tbody");
    const head = make("thead");
    head.append(this.head);
    this.table.append(head, this.body);
    this.empty = make("p", "empty");
    this.note = make("p", "note");
    this.root.append(this.table, this.empty, this.note);
    parent.append(make("style", "", css), this.root);
    this.rows = new Map();
    // What scrolls has to be reachable by keyboard; what doesn't would only be in the way.
    this.resized = new ResizeObserver(() => {
      if (this.root.scrollWidth > this.root.clientWidth) this.root.tabIndex = 0;
      else this.root.removeAttribute("tabindex");
    });
    this.resized.observe(this.root);
    this.resized.observe(this.table);
    this.stopTicking = everySecond((now) => this.tick(now));
  }

  update(data) {
    if (data.options?.label) this.table.setAttribute("aria-label", data.options.label);
    this.unfollow = follow(this.root, data, (value) => this.paint(value));
  }

  paint({ columns, rows, empty, note }) {
    this.table.hidden = rows.length === 0;
    this.empty.hidden = rows.length > 0;
    say(this.empty, empty ?? "");
    say(this.note, note ?? "");
    this.note.hidden = !note;
    fit(this.head, columns.length, () => make("th"));
    columns.forEach(({ label, kind }, place) => {
      this.head.children[place].className = kind;
      this.head.children[place].scope = "col";
      say(this.head.children[place], label);
    });
    this.place(rows, columns);
    this.tick(Date.now());
  }

  place(rows, columns) {
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, line] of this.rows) {
      if (keys.has(key)) continue;
      line.remove();
      this.rows.delete(key);
    }
    rows.forEach(({ key, cells }, index) => {
      let line = this.rows.get(key);
      if (!line) this.rows.set(key, (line = make("tr")));
      if (this.body.children[index] !== line) this.body.insertBefore(line, this.body.children[index] ?? null);
      fit(line, columns.length, () => make("td"));
      columns.forEach(({ kind }, place) => fill(line.children[place], cells[place], kind));
    });
  }

  /** Times that are told as "3 min ago" move by the clock alone. */
  tick(now) {
    for (const cell of this.body.querySelectorAll("td.ago")) say(cell, ago(cell.at, now));
  }

  dispose() {
    this.stopTicking();
    this.resized.disconnect();
    this.unfollow();
  }
}

function fit(parent, wanted, create) {
  while (parent.children.length < wanted) parent.append(create());
  while (parent.children.length > wanted) parent.lastChild.remove();
}

function fill(cell, value, kind) {
  cell.className = kind;
  if (kind === "ago") {
    cell.at = value;
    cell.title = exact(value);
  } else say(cell, typeof value === "number" ? count(value) : (value ?? "–"));
}
