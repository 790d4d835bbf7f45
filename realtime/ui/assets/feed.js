// The live feed: rows come and go by key, newest on top. It stands still while someone reads: scrolled, a row open, the
// filter in use, or paused by hand; then a pill says what is new. Text of events is only ever text.

import { follow, repaint } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { fade } from "./fade.js";
import { css } from "./feed.css.js";
import { makeArticle, makeDetails } from "./feed_row.js";
import { ago, at as clockTime } from "./format.js";
import { isFiltering, watchFiltering } from "./reading.js";

const MOST_COUNTED = 500;
const SCROLLED_PX = 4;
const feeds = new WeakMap();

/** Mount or update one feed; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let feed = feeds.get(parentElement);
  if (!feed) feeds.set(parentElement, (feed = new Feed(parentElement)));
  feed.update(component.data);
  return () => {
    feed.dispose();
    feeds.delete(parentElement);
  };
}

class Feed {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "feed";
    this.state = make("span", "state");
    this.state.setAttribute("role", "status");
    this.filter = make("input");
    this.filter.type = "search";
    this.filter.placeholder = "Filter";
    this.filter.setAttribute("aria-label", "Filter the rows shown");
    this.button = make("button", "", "❚❚ Pause");
    this.button.type = "button";
    const bar = make("div", "bar");
    bar.append(this.state, this.filter, this.button);
    this.pill = make("button", "pill");
    this.pill.type = "button";
    this.pill.hidden = true;
    this.rows = make("div", "rows");
    this.rows.setAttribute("role", "feed");
    this.rows.tabIndex = 0;
    this.empty = make("div", "empty", "No events yet.");
    this.rows.append(this.empty);
    this.root.append(bar, this.pill, this.rows);
    parent.append(make("style", "", css), this.root);
    this.articles = new Map(); // key -> element, in the order of the DOM
    this.openKey = null;
    this.isPausedByHand = this.isScrolled = false;
    this.newestSeen = 0;
    this.forget();
    this.listen();
    this.stopWatching = watchFiltering(() => this.settle());
    this.stopTicking = everySecond((now) => this.age(now));
  }

  listen() {
    this.button.onclick = () => this.turn();
    this.pill.onclick = () => this.goLive();
    // Remembered, because asking an element for its scrollTop makes the browser lay the whole page out on the spot.
    this.rows.onscroll = () => {
      this.isScrolled = this.rows.scrollTop > SCROLLED_PX;
      this.settle();
    };
    this.filter.onfocus = this.filter.onblur = () => this.settle();
    this.rows.addEventListener("focusin", () => this.settle());
    this.rows.addEventListener("focusout", () => setTimeout(() => this.settle()));
    this.pressed = (event) => this.pauseByKey(event);
    document.addEventListener("keydown", this.pressed);
    this.filter.oninput = () => this.narrow();
    this.rows.onclick = (event) => this.toggle(event.target.closest("article"), event.target);
    this.rows.onkeydown = (event) => this.key(event);
  }

  /** Pause, or go on at the newest. */
  turn() {
    this.isPausedByHand = !this.isReading;
    if (!this.isPausedByHand) this.goLive();
    else this.settle();
  }

  /** The pause key works wherever nobody is typing. */
  pauseByKey(event) {
    const { key, ctrlKey, metaKey, altKey, repeat } = event;
    if (key !== this.pauseKey || ctrlKey || metaKey || altKey || repeat || isTyping(event)) return;
    this.turn();
    event.preventDefault();
  }

  update(data) {
    this.pauseKey = data.options?.pauseKey;
    this.filter.hidden = data.options?.hasFilters ?? false;
    if (this.pauseKey) {
      this.button.setAttribute("aria-keyshortcuts", this.pauseKey);
      this.button.title = `Pause and resume: ${this.pauseKey.toUpperCase()}`;
    }
    // A page built around its feed doesn't change its height with every filter.
    this.rows.style.minHeight = data.options?.hasFilters ? `${data.height - 34}px` : "";
    this.rows.style.maxHeight = data.height ? `${data.height - 34}px` : "460px";
    this.rows.setAttribute("aria-label", data.options?.label ?? "Events, newest first");
    this.unfollow = follow(this.root, data, (value) => this.take(value, data.channel));
  }

  /** Say why the feed stands still; empty when it runs. */
  get reason() {
    if (this.isPausedByHand) return "by you";
    if (this.openKey !== null) return "a row is open";
    if (this.isScrolled) return "scrolled down";
    if (isFiltering() || this.root.getRootNode().activeElement === this.filter) return "a filter is in use";
    // Chosen with the keyboard; a click leaves no such mark.
    return this.rows.querySelector("article:focus-visible") ? "a row is selected" : "";
  }

  get isReading() {
    return this.reason !== "";
  }

  take(value, channel) {
    const isOther = channel !== this.channel;
    this.channel = channel;
    this.value = value;
    if (isOther) {
      this.close();
      this.newestSeen = 0;
      return this.paint(false);
    }
    if (!this.isReading) return this.paint(true);
    this.count(value);
    this.settle();
  }

  /** Count what came while the feed stood still, by number, so that nothing counts twice. */
  count({ rows, keys, bad }) {
    const errors = new Set(bad ?? rows.filter(({ tone }) => tone === "bad").map(({ key }) => key));
    const all = keys ?? rows.map(({ key }) => key);
    const isNew = (key) => key > this.newestSeen && !this.waiting.has(key);
    // So many since the last look that its newest isn't among them any more: there may be more than can be told.
    if (this.toldNewest && all.length > 0 && all.at(-1) > this.toldNewest) this.hasMore = true;
    this.toldNewest = Math.max(this.toldNewest, ...all.slice(0, 1));
    for (const key of all) {
      if (!isNew(key)) continue;
      if (this.waiting.size >= MOST_COUNTED) return void (this.hasMore = true);
      this.waiting.set(key, errors.has(key));
    }
  }

  forget() {
    this.waiting = new Map();
    this.hasMore = false;
    this.toldNewest = 0;
  }

  paint(marksFresh) {
    const { rows } = this.value;
    this.forget();
    for (const key of this.value.keys ?? rows.map(({ key }) => key)) if (key > this.newestSeen) this.newestSeen = key;
    this.toldNewest = this.newestSeen;
    const keys = new Set(rows.map(({ key }) => String(key)));
    for (const [key, article] of this.articles) {
      if (keys.has(key)) continue;
      article.remove();
      this.articles.delete(key);
    }
    const hadRows = this.articles.size > 0;
    rows.forEach((row, index) => {
      const key = String(row.key);
      let article = this.articles.get(key);
      const isOther = article && article.row.stamp !== row.stamp;
      if (isOther) article.remove();
      if (!article || isOther) {
        article = makeArticle(row);
        this.articles.set(key, article);
        if (marksFresh && hadRows) fade(article);
      }
      if (this.rows.children[index] !== article) this.rows.insertBefore(article, this.rows.children[index] ?? null);
      article.setAttribute("aria-posinset", index + 1);
    });
    this.empty.hidden = rows.length > 0;
    if (this.value.empty) say(this.empty, this.value.empty);
    this.narrow();
    this.age(Date.now());
    this.settle();
  }

  /** Say how it stands: the button, the state and the pill. */
  settle() {
    const isReading = this.isReading;
    const isDue = !isReading && this.value && this.waiting.size > 0;
    if (isDue) return this.paint(true);
    this.root.dataset.paused = String(isReading);
    if (isReading !== this.wasReading) {
      this.wasReading = isReading;
      this.age(Date.now());
    }
    say(this.button, isReading ? "▶ Resume" : "❚❚ Pause");
    const counted = `${this.waiting.size}${this.hasMore ? "+" : ""}`;
    const errors = [...this.waiting.values()].filter(Boolean).length;
    say(this.state, this.stateText());
    say(this.pill, `↑ ${counted} new${errors ? ` · ${errors} ${errors === 1 ? "error" : "errors"}` : ""}`);
    this.pill.hidden = !isReading || this.waiting.size === 0;
  }

  stateText() {
    const note = this.value?.note ?? "";
    const reason = this.reason;
    if (!reason) return note;
    return this.value?.note === undefined ? "❚❚ Paused" : `❚❚ Paused: ${reason}`;
  }

  /** Jump to now: close what is open, go to the top, show the newest. */
  goLive() {
    this.isPausedByHand = false;
    this.close();
    this.rows.scrollTop = 0;
    this.isScrolled = false;
    const focused = this.root.getRootNode().activeElement;
    if (focused === this.filter || focused?.closest("article")) focused.blur();
    if (isFiltering()) document.activeElement?.shadowRoot?.activeElement?.blur();
    if (this.value) this.paint(true);
    repaint(this.root);
  }

  narrow() {
    const wanted = this.filter.value.trim().toLowerCase();
    for (const article of this.articles.values()) {
      article.classList.toggle("filtered", wanted !== "" && !article.textContent.toLowerCase().includes(wanted));
    }
  }

  age(now) {
    // Who reads wants times that stand still; what comes and goes is easier to place by its age.
    const write = this.isReading || this.value?.isPinned ? clockTime : ago;
    for (const article of this.articles.values()) say(article.querySelector("time"), write(article.row.at, now));
  }

  toggle(article, target) {
    if (!article || target?.closest?.(".more")) return;
    const key = String(article.row.key);
    const wasOpen = this.openKey === key;
    this.close();
    if (!wasOpen) {
      this.openKey = key;
      article.classList.add("open");
      article.setAttribute("aria-expanded", "true");
      article.append(makeDetails(article.row));
    }
    this.settle();
  }

  close() {
    const article = this.openKey === null ? null : this.articles.get(this.openKey);
    this.openKey = null;
    if (!article) return;
    article.classList.remove("open");
    article.setAttribute("aria-expanded", "false");
    article.querySelector(".more")?.remove();
  }

  /** Move between rows as the feed pattern of WAI-ARIA says (Page Up/Down), and by j and k. */
  key(event) {
    const article = event.target.closest("article");
    if (event.key === "Enter" || event.key === " ") {
      if (!article) return;
      this.toggle(article);
    } else if (event.key === "Escape") {
      this.close();
      if (article) this.rows.focus({ preventScroll: true }); // the row is neither open nor selected any more
      this.settle();
    } else {
      const step = { PageDown: 1, j: 1, PageUp: -1, k: -1 }[event.key];
      if (!step) return;
      const all = [...this.articles.values()].filter((each) => !each.classList.contains("filtered"));
      all.sort((one, other) => (one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
      all[Math.min(all.length - 1, Math.max(0, article ? all.indexOf(article) + step : 0))]?.focus();
    }
    event.preventDefault();
  }

  dispose() {
    this.unfollow();
    this.stopTicking();
    this.stopWatching();
    document.removeEventListener("keydown", this.pressed);
  }
}

/** Tell whether a key goes into a field, be it inside a component. */
function isTyping(event) {
  const target = event.composedPath()[0];
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable=''], [contenteditable='true']") !== null;
}
