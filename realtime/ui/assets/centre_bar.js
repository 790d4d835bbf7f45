// The head of the centre: tabs with counts, search, and what can be done with the chosen rows. Knows no rows itself.

import { make, say } from "./dom.js";

const SEARCH_AFTER_MS = 250;
const HINT_MS = 4000;

export class CentreBar {
  /** `on` = {tab(name), search(text), all(isOn), do(name, anchor), help(), down()}. */
  constructor(on) {
    this.on = on;
    this.element = make("div", "bar");
    this.tabs = make("div", "tabs");
    this.tabs.setAttribute("role", "tablist");
    this.tabs.setAttribute("aria-label", "Notifications by state");
    this.tabs.onkeydown = (event) => this.turn(event);
    this.search = make("input", "search");
    this.search.type = "search";
    this.search.placeholder = "Search";
    this.search.setAttribute("aria-label", "Search notifications");
    this.search.oninput = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => on.search(this.search.value.trim()), SEARCH_AFTER_MS);
    };
    this.search.onkeydown = (event) => {
      if (event.key === "ArrowDown") on.down();
    };
    this.helper = this.button("?", () => on.help());
    this.helper.classList.add("help");
    this.helper.setAttribute("aria-label", "Keys");
    this.helper.title = "Keys (?)";
    const top = make("div", "top");
    top.append(this.tabs, this.search, this.helper);
    this.element.append(top, this.makeBulk());
    this.byName = new Map();
  }

  makeBulk() {
    this.check = make("input");
    this.check.type = "checkbox";
    this.check.setAttribute("aria-label", "Select all shown");
    this.check.onchange = () => this.on.all(this.check.checked);
    this.note = make("span", "note");
    this.acts = make("div", "acts");
    for (const [name, label] of [["acknowledge", "Acknowledge"], ["done", "Done"], ["toggle-read", "Read / unread"], ["snooze", "Snooze…"]]) {
      const made = this.button(label, () => this.on.do(name, made));
      made.dataset.do = name;
      this.acts.append(made);
    }
    const bulk = make("div", "bulk");
    bulk.append(this.check, this.note, this.acts);
    return bulk;
  }

  button(label, click) {
    const made = make("button", "", label);
    made.type = "button";
    made.onclick = click;
    return made;
  }

  get label() {
    return this.byName.get(this.chosen)?.words.textContent ?? "Notifications";
  }

  /** Show a value's tabs and counts, and how much is selected. */
  fill({ tabs, tab, search, found }, { selected, shown }) {
    this.chosen = tab;
    for (const { name, label, count } of tabs) {
      const made = this.tabOf(name, label);
      const isChosen = name === tab;
      made.setAttribute("aria-selected", String(isChosen));
      made.tabIndex = isChosen ? 0 : -1;
      say(made.count, count > 999 ? "999+" : String(count));
      made.setAttribute("aria-label", `${label}, ${count}`);
    }
    if (this.root()?.activeElement !== this.search && this.search.value.trim() !== search) this.search.value = search;
    this.check.checked = shown > 0 && selected.size === shown;
    this.check.indeterminate = selected.size > 0 && selected.size < shown;
    this.check.disabled = shown === 0;
    this.text = selected.size ? `${selected.size} selected` : `${found.toLocaleString("en")} ${found === 1 ? "notification" : "notifications"}`;
    if (!this.hinting) say(this.note, this.text);
    for (const made of this.acts.children) made.disabled = selected.size === 0;
  }

  /** Say something for a moment where the selection is told. */
  hint(text) {
    clearTimeout(this.hinting);
    say(this.note, text);
    this.hinting = setTimeout(() => {
      this.hinting = 0;
      say(this.note, this.text ?? "");
    }, HINT_MS);
  }

  tabOf(name, label) {
    let made = this.byName.get(name);
    if (made) return made;
    made = this.button("", () => this.on.tab(name));
    made.setAttribute("role", "tab");
    made.setAttribute("aria-controls", "centre-rows");
    made.dataset.tab = name;
    made.words = make("span", "", label);
    made.count = make("span", "count", "0");
    made.append(made.words, made.count);
    this.byName.set(name, made);
    this.tabs.append(made);
    return made;
  }

  turn(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...this.byName.values()];
    const next = all[(all.indexOf(this.byName.get(this.chosen)) + step + all.length) % all.length];
    event.preventDefault();
    event.stopPropagation();
    next.focus();
    this.on.tab(next.dataset.tab);
  }

  focusSearch() {
    this.search.focus();
  }

  root() {
    return this.element.getRootNode();
  }
}
