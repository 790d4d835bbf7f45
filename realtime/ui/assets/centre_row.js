// One notification in the centre as an article: what, how bad, how far one has come with it, and what can be done. Open, it
// tells everything, why it reached you first of all. Text of events is only ever text.

import { HOUR_MS } from "./deeds.js";
import { make, say } from "./dom.js";
import { ago, exact, moment, shortly } from "./format.js";
import { icon } from "./icons.js";

// state -> its shape; the word stands beside it
const SHAPES = { unseen: "●", seen: "◐", read: "○", done: "✓", snoozed: "◷", "needs-ack": "▲" };
let numbers = 0;

export class CentreRow {
  /** `on` = {toggle(key), select(key, isOn), do(name, key, anchor), acknowledge(key, why), run(row, action), mute(what, until)}. */
  constructor(on) {
    this.on = on;
    this.element = make("article");
    this.element.tabIndex = -1;
    this.check = make("input");
    this.check.type = "checkbox";
    this.check.tabIndex = -1;
    this.check.onclick = (event) => event.stopPropagation();
    this.check.onchange = () => on.select(this.row.key, this.check.checked);
    this.standing = make("span", "standing");
    this.standing.setAttribute("aria-hidden", "true");
    this.severity = make("span", "severity");
    this.title = make("span", "title");
    this.title.dir = "auto";
    this.times = make("span", "times");
    this.message = make("p", "message");
    this.message.dir = "auto";
    this.state = make("span", "state");
    this.when = make("time", "when");
    this.where = make("span", "where");
    this.buttons = this.makeButtons();
    const head = make("div", "head");
    head.append(this.title, this.times);
    const foot = make("div", "foot");
    foot.append(this.state, this.when, this.where);
    const main = make("div", "main");
    main.append(head, this.message, foot);
    this.line = make("div", "line");
    this.line.append(this.check, this.standing, this.severity, main, this.buttons);
    this.line.onclick = (event) => {
      if (event.target.closest("button, input, label") || String(getSelection())) return;
      this.element.focus();
      on.toggle(this.row.key);
    };
    this.element.append(this.line);
    this.past = [];
  }

  makeButtons() {
    const buttons = make("div", "buttons");
    this.ack = this.button("Acknowledge", "acknowledge");
    this.done = this.button("Done", "done");
    this.snooze = this.button("Snooze", "snooze");
    buttons.append(this.ack, this.done, this.snooze);
    return buttons;
  }

  button(label, name) {
    const made = make("button", name, label);
    made.type = "button";
    made.tabIndex = -1;
    made.onclick = () => this.on.do(name === "done" && this.row.state === "done" ? "undone" : name, this.row.key, made);
    return made;
  }

  fill(row) {
    const key = JSON.stringify(row);
    if (key === this.key) return;
    const isNews = this.row && this.row.at !== row.at;
    this.key = key;
    this.row = row;
    this.element.className = `is-${row.severity} state-${row.state}${row.mark === "unseen" || row.mark === "seen" ? " unread" : ""}`;
    Object.assign(this.element.dataset, { key: row.key, mark: row.mark, state: row.state, severity: row.severity });
    this.element.setAttribute("aria-label", `${row.severityWord}: ${row.title}. ${this.stateText()}`);
    this.check.setAttribute("aria-label", `Select: ${row.title}`);
    say(this.standing, SHAPES[row.state] ?? "○");
    if (this.drawn !== row.severity) {
      this.drawn = row.severity;
      this.severity.replaceChildren(icon(row.severity));
    }
    this.severity.title = row.severityWord;
    say(this.title, row.title);
    say(this.times, row.count > 1 ? `×${row.count.toLocaleString("en")}` : "");
    say(this.message, row.message);
    this.message.hidden = row.message === "";
    say(this.where, [row.severityWord, row.collection, row.actor && `by ${row.actor}`].filter(Boolean).join(" · "));
    this.when.dateTime = new Date(row.at).toISOString();
    this.when.title = exact(row.at);
    this.ack.hidden = !row.needsAck;
    this.done.hidden = row.needsAck;
    say(this.done, row.state === "done" ? "Bring back" : "Done");
    this.snooze.hidden = row.needsAck || row.state === "done";
    say(this.snooze, row.state === "snoozed" ? "Wake…" : "Snooze…");
    this.tick(Date.now());
    if (isNews && this.details) this.reopen();
    else if (this.details) this.fillDetails();
  }

  /** Say how far one has come with it, and who took it on. */
  stateText() {
    const { row } = this;
    const parts = [];
    if (row.state === "snoozed") parts.push(row.snoozedUntil ? `Snoozed until ${shortly(row.snoozedUntil)}` : "Snoozed");
    else if (row.state === "needs-ack") parts.push(row.asideUntil ? "Needs acknowledgement, put aside" : "Needs acknowledgement");
    else parts.push(row.markWord);
    if (row.taken) parts.push(`⚑ Acknowledged by ${row.taken.who}${row.taken.why ? `: ${row.taken.why}` : ""}`);
    if (row.over) parts.push(`✓ Over${row.over.why ? `: ${row.over.why}` : ""}`);
    return parts.join(" · ");
  }

  mark({ isSelected, isOpen }) {
    this.check.checked = isSelected;
    this.element.classList.toggle("selected", isSelected);
    this.element.setAttribute("aria-expanded", String(isOpen));
    if (isOpen === Boolean(this.details)) return;
    if (isOpen) this.openDetails();
    else this.closeDetails();
  }

  tick(now) {
    say(this.when, ago(this.row.at, now));
    say(this.state, this.stateText());
  }

  setPast(past) {
    this.past = past;
    if (this.details && past.length && !this.pastList) this.fillDetails();
  }

  // Open

  openDetails() {
    this.element.classList.add("open");
    this.details = make("div", "details");
    this.facts = make("dl");
    this.details.append(this.facts);
    if (this.row.needsAck) this.details.append(this.makeForm());
    this.details.append(this.makeMore());
    this.element.append(this.details);
    this.fillDetails();
  }

  reopen() {
    const text = this.field?.value;
    this.closeDetails();
    this.openDetails();
    if (text && this.field) this.field.value = text;
  }

  closeDetails() {
    this.element.classList.remove("open");
    this.details?.remove();
    this.details = this.field = this.pastList = null;
  }

  fillDetails() {
    const { row } = this;
    const lines = {
      "Why you see this": row.why,
      Last: exact(row.at),
      First: row.count > 1 ? exact(row.firstAt) : "",
      Counted: row.total > 1 ? `${row.count.toLocaleString("en")} now, ${row.total.toLocaleString("en")} in all` : "",
      "Sent to": row.audience === "everyone" ? "everyone" : row.audience.replace(":", " "),
      Acknowledged: row.taken ? [`by ${row.taken.who}`, exact(row.taken.at), row.taken.why].filter(Boolean).join(" · ") : "",
      Over: row.over ? [exact(row.over.at), row.over.why].filter(Boolean).join(" · ") : "",
      "Snoozed until": row.snoozedUntil ? exact(row.snoozedUntil) : "",
    };
    const made = [];
    for (const [name, text] of Object.entries(lines)) {
      if (!text) continue;
      const value = make("dd", "", text);
      value.dir = "auto";
      made.push(make("dt", "", name), value);
    }
    this.facts.replaceChildren(...made);
    this.fillPast();
  }

  fillPast() {
    if (!this.past.length) return;
    this.pastList?.remove();
    this.pastList = make("ul", "past");
    this.pastList.setAttribute("aria-label", "What became of it");
    for (const { at, what, title, count } of this.past) {
      const line = make("li", "", `${moment(at)} · ${what}${count > 1 ? ` ×${count}` : ""} · ${title}`);
      line.dir = "auto";
      this.pastList.append(line);
    }
    this.details.append(this.pastList);
  }

  makeForm() {
    const form = make("form");
    const label = make("label", "unseen", "Why, or what you do about it (optional)");
    this.field = make("input");
    this.field.type = "text";
    this.field.dir = "auto";
    this.field.maxLength = 1000;
    this.field.placeholder = "Why, or what you do about it (optional)";
    this.field.id = label.htmlFor = `why-${(numbers += 1)}`;
    const button = make("button", "primary", "Acknowledge");
    button.type = "submit";
    form.append(label, this.field, button);
    form.onsubmit = (event) => {
      event.preventDefault();
      this.on.acknowledge(this.row.key, this.field.value.trim());
    };
    return form;
  }

  makeMore() {
    const { row } = this;
    const place = make("div", "doable");
    const own = row.actions.filter(({ name }) => name !== "acknowledge");
    for (const action of own) place.append(this.plain(action.label, () => this.on.run(row, action)));
    const hourS = () => Math.round((Date.now() + HOUR_MS) / 1000);
    if (row.rule) place.append(this.plain("Mute this rule for 1 h", () => this.on.mute(`rule:${row.rule}`, hourS())));
    if (row.collection) {
      place.append(this.plain(`Mute ${row.collection} for 1 h`, () => this.on.mute(`collection:${row.collection}`, hourS())));
    }
    place.append(this.plain("What became of it", () => this.on.whole(row.key)));
    return place;
  }

  plain(label, click) {
    const made = make("button", "", label);
    made.type = "button";
    made.dir = "auto";
    made.onclick = click;
    return made;
  }
}
