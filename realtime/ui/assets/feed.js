// The live feed: rows come and go by key, newest on top. It stands still while someone reads: scrolled, a row open, the
// filter in use, or paused by hand; then a pill says what is new. Text of events is only ever text.

import { follow, repaint } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { fade } from "./fade.js";
import { css } from "./feed.css.js";
import { makeArticle, makeDetails } from "./feed_row.js";
import { ago } from "./format.js";

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
    this.forget();
    this.listen();
    this.stopTicking = everySecond((now) => this.age(now));
  }

  listen() {
    this.button.onclick = () => {
      this.isPausedByHand = !this.isReading;
      if (!this.isPausedByHand) this.goLive();
      else this.settle();
    };
    this.pill.onclick = () => this.goLive();
    // Remembered, because asking an element for its scrollTop makes the browser lay the whole page out on the spot.
    this.rows.onscroll = () => {
      this.isScrolled = this.rows.scrollTop > SCROLLED_PX;
      this.settle();
    };
    this.filter.onfocus = this.filter.onblur = () => this.settle();
    this.filter.oninput = () => this.narrow();
    this.rows.onclick = (event) => this.toggle(event.target.closest("article"), event.target);
    this.rows.onkeydown = (event) => this.key(event);
  }

  update(data) {
    this.rows.style.maxHeight = data.height ? `${data.height - 34}px` : "460px";
    this.rows.setAttribute("aria-label", data.options?.label ?? "Events, newest first");
    this.unfollow = follow(this.root, data, (value) => this.take(value, data.channel));
  }

  /** Tell why the feed stands still, or nothing when it runs. */
  get isReading() {
    return (
      this.isPausedByHand || this.isScrolled || this.openKey !== null || this.root.getRootNode().activeElement === this.filter
    );
  }

  take(value, channel) {
    const isOther = channel !== this.channel;
    this.channel = channel;
    this.value = value;
    if (isOther || !this.isReading) return this.paint(!isOther);
    this.count(value.rows);
    this.settle();
  }

  /** Count what came while the feed stood still, by key, so that nothing counts twice. */
  count(rows) {
    for (const row of rows) {
      if (this.articles.has(String(row.key)) || this.waiting.has(row.key)) continue;
      if (this.waiting.size >= MOST_COUNTED) return void (this.hasMore = true);
      this.waiting.set(row.key, row.tone === "bad");
    }
  }

  forget() {
    this.waiting = new Map();
    this.hasMore = false;
  }

  paint(marksFresh) {
    const { rows } = this.value;
    this.forget();
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
      if (!article) {
        article = makeArticle(row);
        this.articles.set(key, article);
        if (marksFresh && hadRows) fade(article);
      }
      if (this.rows.children[index] !== article) this.rows.insertBefore(article, this.rows.children[index] ?? null);
      article.setAttribute("aria-posinset", index + 1);
    });
    this.empty.hidden = rows.length > 0;
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
    say(this.button, isReading ? "▶ Resume" : "❚❚ Pause");
    const counted = this.hasMore ? `${MOST_COUNTED}+` : String(this.waiting.size);
    const errors = [...this.waiting.values()].filter(Boolean).length;
    say(this.state, isReading ? "❚❚ Paused" : "");
    say(this.pill, `↑ ${counted} new${errors ? ` · ${errors} ${errors === 1 ? "error" : "errors"}` : ""}`);
    this.pill.hidden = !isReading || this.waiting.size === 0;
  }

  /** Jump to now: close what is open, go to the top, show the newest. */
  goLive() {
    this.isPausedByHand = false;
    this.close();
    this.rows.scrollTop = 0;
    this.isScrolled = false;
    if (this.root.getRootNode().activeElement === this.filter) this.filter.blur();
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
    for (const article of this.articles.values()) say(article.querySelector("time"), ago(article.row.at, now));
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
  }
}
