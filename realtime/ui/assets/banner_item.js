// One critical notification in the banner's list: what, since when, why it reached you, and a field for why it is taken on.

import { make, say } from "./dom.js";
import { ago, exact } from "./format.js";

let numbers = 0;

export class BannerItem {
  /** `on` = {acknowledge(key, why), run(row, action)}. */
  constructor(on) {
    this.on = on;
    this.element = make("li", "item");
    this.title = make("p", "title");
    this.message = make("p", "message");
    this.facts = make("p", "facts");
    this.why = make("p", "why");
    for (const text of [this.title, this.message, this.why]) text.dir = "auto";
    this.field = make("input");
    this.field.type = "text";
    this.field.dir = "auto";
    this.field.maxLength = 1000;
    this.field.placeholder = "Why, or what you do about it (optional)";
    this.field.id = `reason-${(numbers += 1)}`;
    this.label = make("label", "unseen", "Reason");
    this.label.htmlFor = this.field.id;
    this.button = make("button", "", "Acknowledge");
    this.button.type = "submit";
    this.form = make("form");
    this.form.append(this.label, this.field, this.button);
    this.form.onsubmit = (event) => {
      event.preventDefault();
      const why = this.field.value.trim();
      this.field.value = "";
      on.acknowledge(this.row.key, why);
    };
    this.buttons = make("div", "buttons");
    this.element.append(this.title, this.message, this.facts, this.why, this.form, this.buttons);
  }

  /** Somebody is typing here: it stays, whatever becomes of the notification. */
  get isBeingWritten() {
    return this.field.value !== "";
  }

  fill(row) {
    this.row = row;
    this.element.dataset.key = row.key;
    say(this.title, row.title);
    say(this.message, row.message + (row.isCut ? " (more in the notification centre)" : ""));
    this.message.hidden = row.message === "";
    say(this.why, `Why you see this: ${row.why}`);
    this.label.textContent = `Reason, for ${row.title}`;
    this.fillButtons(row.actions.filter(({ name }) => name !== "acknowledge"));
  }

  fillButtons(actions) {
    const key = JSON.stringify(actions);
    if (key === this.actionsKey) return;
    this.actionsKey = key;
    this.buttons.replaceChildren(
      ...actions.map((action) => {
        const button = make("button", "", action.label);
        button.type = "button";
        button.dir = "auto";
        button.onclick = () => this.on.run(this.row, action);
        return button;
      }),
    );
    this.buttons.hidden = actions.length === 0;
  }

  /** Say that it needs nobody any more, while somebody is still typing about it. */
  gone(isGone) {
    this.element.classList.toggle("gone", isGone);
    this.button.disabled = isGone;
    if (isGone) say(this.facts, "Acknowledged or over meanwhile: nothing is left to do.");
  }

  tick(now) {
    if (this.element.classList.contains("gone")) return;
    const { at, firstAt, count, actor } = this.row;
    const times = count > 1 ? ` · ×${count}, first ${ago(firstAt, now)}` : "";
    say(this.facts, `${ago(at, now)}${times}${actor ? ` · by ${actor}` : ""}`);
    this.facts.title = exact(at);
  }
}
