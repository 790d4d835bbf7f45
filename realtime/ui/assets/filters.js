// The filters of the Activity page: chips for kinds, menus, a search field, and a chip for each filter that is on. They know
// what is chosen (`options.place`, as the URL says it) and tell every change as a whole new place; the page does the rest.

import { follow } from "./channel.js";
import { make, say } from "./dom.js";
import { css } from "./filters.css.js";
import { hourMinute, moment } from "./format.js";
import { setFiltering } from "./reading.js";

const SEARCH_AFTER_MS = 300;
const MENUS = [
  ["collection", "Collection", "Any collection"],
  ["person", "Person", "Anybody"],
  ["severity", "Severity", null],
  ["group", "Grouping", null],
];
const panels = new WeakMap();

/** Mount or update the filters; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let panel = panels.get(parentElement);
  if (!panel) panels.set(parentElement, (panel = new Filters(parentElement)));
  panel.update(component);
  return () => {
    panel.dispose();
    panels.delete(parentElement);
  };
}

class Filters {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "filters";
    this.kinds = make("div", "kinds");
    this.kinds.setAttribute("role", "group");
    this.kinds.setAttribute("aria-label", "Kinds of event");
    this.search = make("input");
    this.search.type = "search";
    this.search.placeholder = "Search events";
    this.search.maxLength = 256;
    this.search.setAttribute("aria-label", "Search events");
    this.menus = new Map(MENUS.map(([name, label]) => [name, makeMenu(label)]));
    this.chips = make("div", "chips");
    this.chips.setAttribute("role", "group");
    this.chips.setAttribute("aria-label", "Filters that are on");
    const bar = make("div", "bar");
    bar.append(this.kinds, this.search);
    const menus = make("div", "bar menus");
    menus.append(...[...this.menus.values()].map(({ label }) => label));
    this.root.append(bar, menus, this.chips);
    parent.append(make("style", "", css), this.root);
    this.place = {};
    this.sent = []; // keys of places that the page was told and hasn't shown yet, oldest first
    this.listen();
  }

  listen() {
    // Only while a field is in use: a chip that was clicked keeps the focus, and nobody is typing there.
    this.root.addEventListener("focusin", ({ target }) => setFiltering(target.matches("input, select")));
    this.root.addEventListener("focusout", () => setFiltering(false));
    this.search.oninput = () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.go({ q: this.search.value.trim() }), SEARCH_AFTER_MS);
    };
    this.search.onkeydown = ({ key }) => {
      if (key !== "Enter" && key !== "Escape") return;
      clearTimeout(this.typing);
      if (key === "Escape") this.search.value = "";
      this.go({ q: this.search.value.trim() });
      this.search.blur();
    };
    for (const [name, { select }] of this.menus) select.onchange = () => this.go({ [name]: select.value });
  }

  update(component) {
    this.component = component;
    const { place = {} } = component.data.options ?? {};
    this.hear(place);
    this.unfollow = follow(this.root, component.data, (value) => this.paint(value), { ignoresHold: true });
    if (this.value) this.mark();
  }

  /** Take over what the page shows; but not what it shows on our word, which newer choices may have overtaken. */
  hear(place) {
    const key = keyOf(place);
    const isOther = key !== this.heard;
    const answered = this.sent.lastIndexOf(key);
    this.heard = key;
    if (answered >= 0) return void this.sent.splice(0, answered + 1);
    if (!isOther) return;
    this.sent.length = 0;
    this.place = { ...place };
  }

  /** Take over a change at once, and tell the page. */
  go(change) {
    const next = { ...this.place, ...change };
    for (const [name, value] of Object.entries(next)) if (!value) delete next[name];
    if (keyOf(next) === keyOf(this.place)) return;
    this.place = next;
    this.sent.push(keyOf(next));
    this.component.setTriggerValue("changed", next);
    if (this.value) this.mark();
  }

  paint(value) {
    this.value = value;
    if (this.kinds.children.length !== value.kinds.length) {
      this.kinds.replaceChildren(...value.kinds.map(([kind, label]) => this.makeKind(kind, label)));
    }
    fill(this.menus.get("collection").select, [["", "Any collection"], ...value.collections.map((name) => [name, name])]);
    fill(this.menus.get("person").select, [["", "Anybody"], ...value.people]);
    fill(this.menus.get("severity").select, value.severities);
    fill(this.menus.get("group").select, value.groups);
    this.mark();
  }

  makeKind(kind, label) {
    const button = make("button", "kind", label);
    button.type = "button";
    button.dataset.kind = kind;
    button.onclick = () => {
      const chosen = new Set(this.chosenKinds());
      if (!chosen.delete(kind)) chosen.add(kind);
      this.go({ kind: [...chosen].join(",") });
    };
    return button;
  }

  chosenKinds() {
    return (this.place.kind ?? "").split(",").filter(Boolean);
  }

  /** Show what is chosen; a field that somebody is in is left alone. */
  mark() {
    const kinds = new Set(this.chosenKinds());
    for (const button of this.kinds.children) button.setAttribute("aria-pressed", String(kinds.has(button.dataset.kind)));
    const focused = this.root.getRootNode().activeElement;
    for (const [name, { select }] of this.menus) if (select !== focused) select.value = this.place[name] ?? "";
    if (this.search !== focused) this.search.value = this.place.q ?? "";
    this.markChips();
  }

  markChips() {
    const { collection, person, severity, q, from, to } = this.place;
    const wanted = [];
    if (from && to) wanted.push([`time`, `Pinned ${spanText(from * 1000, to * 1000)} · Back to live`, { from: "", to: "" }]);
    if (collection) wanted.push(["collection", `Collection: ${collection}`, { collection: "" }]);
    if (person) wanted.push(["person", `Person: ${labelIn(this.value.people, person)}`, { person: "" }]);
    if (severity) wanted.push(["severity", labelIn(this.value.severities, severity), { severity: "" }]);
    if (q) wanted.push(["q", `“${q}”`, { q: "" }]);
    const all = { kind: "", collection: "", person: "", severity: "", q: "", from: "", to: "" };
    if (wanted.length + (this.place.kind ? 1 : 0) > 1) wanted.push(["all", "Clear all filters", all]);
    const key = JSON.stringify(wanted);
    if (key === this.chipsKey) return;
    this.chipsKey = key;
    this.chips.replaceChildren(...wanted.map((each) => this.makeChip(...each)));
    this.chips.hidden = wanted.length === 0;
  }

  makeChip(name, text, change) {
    const chip = make("button", `chip ${name}`);
    chip.type = "button";
    chip.title = text;
    chip.setAttribute("aria-label", name === "all" || name === "time" ? text : `Remove the filter ${text}`);
    chip.append(make("span", "", text), make("span", "x", "✕"));
    chip.onclick = () => this.go(change);
    return chip;
  }

  dispose() {
    setFiltering(false);
    clearTimeout(this.typing);
    this.unfollow?.();
  }
}

function keyOf(place) {
  return JSON.stringify(Object.keys(place).sort().map((name) => [name, String(place[name])]));
}

function makeMenu(name) {
  const label = make("label");
  const select = make("select");
  label.append(make("span", "hidden", name), select);
  return { label, select };
}

/** Give a menu its choices, unless they are the same or somebody is in it. */
function fill(select, choices) {
  const key = JSON.stringify(choices);
  if (select.dataset.key === key || select.getRootNode().activeElement === select) return;
  const chosen = select.value;
  select.dataset.key = key;
  select.replaceChildren(...choices.map(([value, text]) => Object.assign(make("option", "", text), { value })));
  select.value = chosen;
}

function labelIn(choices, key) {
  return choices.find(([each]) => each === key)?.[1] ?? key;
}

function spanText(from, to) {
  const isSameDay = new Date(from).toDateString() === new Date(Date.now()).toDateString();
  return `${isSameDay ? hourMinute(from) : moment(from)}–${hourMinute(to)}`;
}
