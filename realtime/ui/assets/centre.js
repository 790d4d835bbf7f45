// The notification centre: tabs with counts, search, rows that can be walked and acted on by key, alone or many at once.
// The order stands still while somebody selects, reads or has scrolled; a pill counts what came meanwhile.

import { act, mention, run } from "./deeds.js";
import { CentreBar } from "./centre_bar.js";
import { css } from "./centre.css.js";
import { HelpSheet } from "./centre_help.js";
import { CentreRow } from "./centre_row.js";
import { SeenWatch } from "./centre_seen.js";
import { leaves, stepped } from "./centre_steps.js";
import { follow, repaint } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { SnoozeMenu } from "./snooze_menu.js";
import { offerUndo, undoLast } from "./toasts.js";

const SCROLLED_PX = 4;
const PAGE = 100;
const centres = new WeakMap();

/** Mount or update the centre; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let centre = centres.get(parentElement);
  if (!centre) centres.set(parentElement, (centre = new Centre(parentElement)));
  centre.update(component);
  return () => {
    centre.dispose();
    centres.delete(parentElement);
  };
}

class Centre {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "centre";
    this.live = make("div", "unseen");
    this.live.setAttribute("role", "status");
    this.bar = new CentreBar({
      tab: (name) => this.ask("tab", name),
      search: (text) => this.ask("search", text),
      all: (isOn) => this.selectAll(isOn),
      do: (name, anchor) => this.do(name, { anchor }),
      help: () => this.help.open(),
      down: () => this.step(1),
    });
    this.pill = make("button", "pill");
    this.pill.type = "button";
    this.pill.hidden = true;
    this.pill.onclick = () => this.goLive();
    this.list = make("div", "rows");
    this.list.id = "centre-rows";
    this.list.setAttribute("role", "feed");
    this.list.tabIndex = 0;
    this.empty = make("p", "empty");
    this.more = make("button", "further");
    this.more.type = "button";
    this.more.onclick = () => this.ask("more", this.limit + PAGE);
    this.help = new HelpSheet();
    this.menu = new SnoozeMenu();
    this.root.append(
      this.live, this.bar.element, this.pill, this.list, this.empty, this.more, this.menu.element, this.help.element,
    );
    parent.append(make("style", "", css), this.root);
    this.rows = new Map(); // key -> row, in the order of the DOM
    this.selected = new Set();
    this.leaving = new Set(); // what was acted on here and no longer belongs to this tab
    this.openKey = null;
    this.waiting = 0;
    this.isScrolled = false;
    this.seen = new SeenWatch(this.list, (keys) => this.tellSeen(keys));
    this.listen();
    this.stopTicking = everySecond((now) => this.tick(now));
  }

  listen() {
    // Remembered, because asking an element for its scrollTop makes the browser lay the whole page out on the spot.
    this.list.onscroll = () => {
      this.isScrolled = this.list.scrollTop > SCROLLED_PX;
      this.settle();
    };
    this.root.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("focusout", (event) => this.list.contains(event.relatedTarget) || setTimeout(() => this.settle()));
  }

  update(component) {
    this.component = component;
    const { options = {} } = component.data;
    this.limit = options.limit ?? PAGE;
    this.list.style.maxHeight = `${component.data.height ?? 620}px`;
    this.unfollow = follow(this.root, component.data, (value) => this.take(value), { ignoresHold: true });
  }

  ask(what, value) {
    if (what !== "more") this.root.classList.add("asking");
    if (what === "tab") this.forgetReading();
    this.component.setTriggerValue(what, value);
  }

  // Taking in values

  /** Tell whether a person would be disturbed by rows that move. */
  get isReading() {
    const active = this.root.getRootNode().activeElement;
    return this.openKey !== null || this.selected.size > 0 || this.isScrolled || (active !== this.list && this.list.contains(active));
  }

  take(value) {
    const isOther = !this.value || value.tab !== this.value.tab || value.search !== this.value.search;
    const hasMore = this.value && value.rows.length > this.shownAtMost && this.limit !== this.limitShown;
    this.value = value;
    this.hasTold ||= mention({ do: "centre-opened" });
    if (isOther) this.forgetReading();
    if (isOther || hasMore || !this.isReading) this.arrange();
    else this.refresh();
    this.root.classList.remove("asking");
    this.settle();
  }

  forgetReading() {
    this.close();
    this.selected.clear();
    this.leaving.clear();
    this.list.scrollTop = 0;
    this.isScrolled = false;
  }

  /** Show the newest order. */
  arrange() {
    const { rows } = this.value;
    this.leaving.clear();
    this.limitShown = this.limit;
    this.shownAtMost = rows.length;
    const keys = new Set(rows.map(({ key }) => key));
    for (const key of [...this.rows.keys()]) if (!keys.has(key) && !(key === this.openKey)) this.remove(key);
    rows.forEach((row, index) => {
      const element = this.rowOf(row).element;
      if (this.list.children[index] !== element) this.list.insertBefore(element, this.list.children[index] ?? null);
    });
    this.waiting = 0;
  }

  /** Change rows where they stand; new ones are counted, and only what was acted on here goes. */
  refresh() {
    const fresh = new Map(this.value.rows.map((row) => [row.key, row]));
    this.waiting = 0;
    for (const [key, row] of fresh) {
      if (this.leaving.has(key)) continue;
      if (this.rows.has(key)) this.rowOf(row);
      else this.waiting += 1;
    }
    for (const key of [...this.rows.keys()]) if (this.leaving.has(key)) this.remove(key);
  }

  rowOf(row) {
    let found = this.rows.get(row.key);
    if (!found) {
      found = new CentreRow({
        toggle: (key) => this.toggle(key),
        select: (key, isOn) => this.select(key, isOn),
        do: (name, key, anchor) => this.do(name, { keys: [key], anchor }),
        acknowledge: (key, why) => this.acknowledge([key], why),
        run: (each, action) => run(this.component, each, action),
        mute: (what, until) => act(this.component, { do: "mute", what, until }),
        whole: (key) => this.component.setTriggerValue("whole", key),
      });
      this.rows.set(row.key, found);
      this.seen.add(found.element);
    }
    found.fill(row);
    this.seen.consider(found.element);
    found.setPast(row.key === this.openKey ? this.value.past : []);
    return found;
  }

  remove(key) {
    const row = this.rows.get(key);
    const isFocused = row.element.contains(this.root.getRootNode().activeElement);
    if (isFocused) (row.element.nextElementSibling ?? row.element.previousElementSibling ?? this.list).focus();
    this.seen.remove(row.element);
    row.element.remove();
    this.rows.delete(key);
    this.selected.delete(key);
    if (this.openKey === key) this.openKey = null;
  }

  goLive() {
    this.forgetReading();
    if (this.list.contains(this.root.getRootNode().activeElement)) this.list.focus();
    if (this.value) this.arrange();
    repaint(this.root);
    this.settle();
  }

  /** Say how it stands: counts, the selection, the pill; and catch up when nobody reads any more. */
  settle() {
    if (!this.value) return;
    const isReading = this.isReading;
    if (!isReading && this.isBehind()) this.arrange();
    this.root.dataset.reading = String(isReading);
    for (const [key, row] of this.rows) row.mark({ isSelected: this.selected.has(key), isOpen: key === this.openKey });
    this.bar.fill(this.value, { selected: this.selected, shown: this.rows.size, chosen: this.chosen() });
    say(this.pill, `↑ ${this.waiting} new`);
    this.pill.hidden = !isReading || this.waiting === 0;
    this.list.setAttribute("aria-label", `${this.bar.label}, newest first`);
    this.empty.hidden = this.rows.size > 0;
    this.list.hidden = this.rows.size === 0;
    say(this.empty, this.value.isSynced ? this.value.empty : "Loading your notifications…");
    const left = this.value.found - this.value.rows.length;
    this.more.hidden = left <= 0;
    say(this.more, `Show ${Math.min(left, PAGE)} more of ${left}`);
    this.tick(Date.now());
  }

  isBehind() {
    const { rows } = this.value;
    const shown = [...this.list.children].map(({ dataset }) => dataset.key);
    return rows.length !== shown.length || rows.some(({ key }, index) => shown[index] !== key);
  }

  tick(now) {
    for (const row of this.rows.values()) row.tick(now);
  }

  // What people do

  tellSeen(keys) {
    act(this.component, { do: "set", keys, mark: "seen", revision: this.value.revision });
  }

  select(key, isOn) {
    if (isOn) this.selected.add(key);
    else this.selected.delete(key);
    this.settle();
  }

  selectAll(isOn) {
    this.selected = new Set(isOn ? this.rows.keys() : []);
    this.settle();
  }

  toggle(key) {
    const wasOpen = this.openKey === key;
    this.close();
    if (!wasOpen) {
      this.openKey = key;
      const row = this.rows.get(key).row;
      if (row.mark === "unseen" || row.mark === "seen") this.tell("read", [key], { isQuiet: true });
      if (row.isCut) this.component.setTriggerValue("whole", key);
    }
    this.settle();
  }

  close() {
    if (this.openKey === null) return;
    this.openKey = null;
  }

  /** Return the rows that an act is about: the selected ones, else the one that has the focus. */
  chosen() {
    if (this.selected.size) return [...this.selected].map((key) => this.rows.get(key)?.row).filter(Boolean);
    const focused = this.focused();
    return focused ? [focused.row] : [];
  }

  focused() {
    const article = this.root.getRootNode().activeElement?.closest?.("article");
    return article ? this.rows.get(article.dataset.key) : undefined;
  }

  do(name, { keys, anchor } = {}) {
    const rows = keys ? keys.map((key) => this.rows.get(key).row) : this.chosen();
    if (!rows.length) return this.say("Choose a row first: j and k walk, x selects.");
    const all = rows.map(({ key }) => key);
    if (name === "acknowledge") {
      const needed = rows.filter(({ needsAck }) => needsAck).map(({ key }) => key);
      return needed.length ? this.acknowledge(needed, "") : this.say("Nothing here has to be acknowledged.");
    }
    if (name === "snooze") return this.openMenu(all, anchor);
    if (name === "toggle-read") {
      const hasUnread = rows.some(({ mark }) => mark === "unseen" || mark === "seen");
      const isDone = rows.every(({ state }) => state === "done");
      return this.tell(isDone ? "undone" : hasUnread ? "read" : "unread", all);
    }
    return this.tell(name, all);
  }

  openMenu(keys, anchor) {
    const at = anchor ?? this.rows.get(keys[0])?.element;
    const isAsleep = keys.every((key) => this.rows.get(key)?.row.state === "snoozed");
    const back = this.root.getRootNode().activeElement;
    this.menu.open(at, { isAsleep, place: this.root, chosen: (until, label) => this.snooze(keys, until, label), closed: () => back?.focus() });
  }

  snooze(keys, until, label) {
    const id = act(this.component, { do: "snooze", keys, until, revision: this.value.revision });
    this.took(keys, until === null ? "wake" : "snooze");
    offerUndo(this.component, `${counted(keys)} ${until === null ? "brought back" : `snoozed ${label}`}.`, id);
  }

  acknowledge(keys, why) {
    const id = act(this.component, { do: "acknowledge", keys, why, revision: this.value.revision });
    this.took(keys, "acknowledge");
    offerUndo(this.component, `${counted(keys)} acknowledged.`, id);
  }

  tell(mark, keys, { isQuiet = false } = {}) {
    const id = act(this.component, { do: "set", keys, mark, revision: this.value.revision });
    const aside = mark === "done" ? keys.filter((key) => this.rows.get(key)?.row.needsAck) : [];
    this.took(keys, mark);
    if (isQuiet) return;
    const word = { done: "done", read: "read", unread: "unread", undone: "brought back" }[mark];
    const text = aside.length
      ? `${counted(keys)}: what is critical is only put aside for 2 min; acknowledge it (a) to be done with it.`
      : `${counted(keys)} marked ${word}.`;
    offerUndo(this.component, text.replace("marked brought back", "brought back"), id);
  }

  /** Show at once what an act does; what no longer belongs to the tab goes, and the next row takes the focus. */
  took(keys, step) {
    for (const key of keys) {
      const found = this.rows.get(key);
      if (!found) continue;
      const row = stepped(found.row, step);
      if (leaves(this.value.tab, row, step)) this.leaving.add(key);
      else found.fill(row);
    }
    for (const key of [...this.leaving]) if (this.rows.has(key)) this.remove(key);
    if (keys.length > 1 || step !== "read") for (const key of keys) this.selected.delete(key);
    this.settle();
  }

  say(text) {
    this.live.textContent = "";
    this.live.textContent = text;
    this.bar.hint(text);
  }

  // Keys

  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.composedPath()[0];
    if (this.help.isOpen || this.menu.isOpen) return;
    if (target.matches("input:not([type=checkbox]), textarea")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const isButton = target.matches("button, [role=tab]");
    const keys = {
      j: () => this.step(1), ArrowDown: () => this.step(1), k: () => this.step(-1), ArrowUp: () => this.step(-1),
      e: () => this.do("done"), u: () => this.do("toggle-read"), h: () => this.do("snooze"), a: () => this.do("acknowledge"),
      x: () => this.selectFocused(), z: () => undoLast() || this.say("Nothing to take back."), "?": () => this.help.open(),
      "/": () => this.bar.focusSearch(), Escape: () => this.escape(),
    }; // prettier-ignore
    if (!isButton && (event.key === "Enter" || event.key === "o") && this.focused()) this.toggle(this.focused().row.key);
    else if (keys[event.key] && !(isButton && event.key.startsWith("Arrow"))) keys[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  step(by) {
    const all = [...this.list.children];
    const from = all.indexOf(this.focused()?.element);
    all[Math.min(all.length - 1, Math.max(0, from + by))]?.focus();
    this.settle();
  }

  selectFocused() {
    const row = this.focused();
    if (row) this.select(row.row.key, !this.selected.has(row.row.key));
  }

  escape() {
    if (this.openKey !== null) this.close();
    else if (this.selected.size) this.selected.clear();
    else if (this.list.contains(this.root.getRootNode().activeElement)) this.goLive();
    this.settle();
  }

  dispose() {
    this.unfollow?.();
    this.stopTicking();
    this.seen.dispose();
  }
}

const counted = (keys) => (keys.length === 1 ? "1 notification" : `${keys.length} notifications`);
