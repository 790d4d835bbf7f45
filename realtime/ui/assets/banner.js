// The banner over every page: what is critical and nobody has taken on. One line for one, a count and a list for several.
// Who acknowledges may say why; put aside it comes back after two minutes; it goes by itself when the trouble is over.

import { act, openCentre, run } from "./deeds.js";
import { follow } from "./channel.js";
import { css } from "./banner.css.js";
import { BannerItem } from "./banner_item.js";
import { everySecond, make, say } from "./dom.js";
import { ago, exact } from "./format.js";
import { icon } from "./icons.js";
import { dress, overlay } from "./overlay.js";
import { offerUndo } from "./toasts.js";

const LEVEL = 999990; // as high as Streamlit's header and after it, under the sidebar and dialogs
const WIDE_PX = 900;
let banner = null;

/** Mount or update the banner; Streamlit calls it again at every rerun. There is one for the whole tab. */
export function mount(component) {
  banner ??= new Banner();
  banner.update(component);
  return () => banner.leave(component.parentElement);
}

class Banner {
  constructor() {
    const root = overlay("banner", css, LEVEL);
    this.root = make("section", "tb");
    this.root.dataset.tideboard = "banner";
    this.root.setAttribute("aria-label", "Critical notifications");
    this.live = make("div", "unseen");
    this.live.setAttribute("role", "alert");
    this.bar = make("div", "bar");
    this.word = make("strong", "word");
    this.title = make("span", "title");
    this.text = make("span", "text");
    this.title.dir = this.text.dir = "auto";
    this.when = make("span", "when");
    this.take = this.button("Acknowledge", () => this.acknowledge(this.value.rows.map(({ key }) => key).slice(0, 1)));
    this.aside = this.button("Put aside", () => this.putAside());
    this.aside.title = "It comes back in two minutes, unless somebody acknowledges it or it is over.";
    this.open = this.button("", () => this.toggle());
    this.open.setAttribute("aria-expanded", "false");
    const words = make("div", "words");
    words.append(this.word, this.title, this.text);
    this.bar.append(icon("critical"), words, this.when, this.take, this.aside, this.open);
    this.sheet = make("div", "sheet");
    this.sheet.hidden = true;
    this.list = make("ul", "items");
    this.all = this.button("Acknowledge all", () => this.acknowledge(this.value.keys));
    this.centre = this.button("Open notifications", () => openCentre(this.component, "needs-ack"));
    const foot = make("div", "foot");
    foot.append(this.all, this.centre);
    this.sheet.append(this.list, foot);
    this.root.append(this.bar, this.sheet);
    this.root.hidden = true;
    root.append(this.live, this.root);
    this.items = new Map(); // key -> item
    this.known = new Set();
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.isOpen && this.toggle());
    // For the life of the tab, as the banner itself.
    addEventListener("resize", () => this.place());
    this.resized = new ResizeObserver(() => this.place());
    everySecond((now) => this.tick(now));
  }

  button(label, click) {
    const made = make("button", "", label);
    made.type = "button";
    made.onclick = click;
    return made;
  }

  update(component) {
    if (component.data.channel !== this.component?.data.channel) this.forget();
    this.component = component;
    this.mountedAt = component.parentElement;
    this.anchor ??= make("div");
    this.anchor.dataset.tideboard = "banner-anchor";
    this.anchor.hidden = true;
    if (this.anchor.parentNode !== component.parentElement) component.parentElement.append(this.anchor);
    dress(this.anchor);
    this.unfollow = follow(this.anchor, component.data, (value) => this.paint(value), { ignoresHold: true });
    this.watchPage();
  }

  /** Stand over the page's own column, whichever page it is and however wide the sidebar. */
  watchPage() {
    const main = document.querySelector('[data-testid="stMainBlockContainer"]');
    if (main === this.main) return;
    this.makeRoom(0);
    this.resized.disconnect();
    this.main = main;
    if (main) this.resized.observe(main);
    this.resized.observe(this.root);
    this.place();
  }

  paint(value) {
    this.value = value;
    const { rows, count } = value;
    this.announce(rows);
    this.root.hidden = count === 0;
    if (count === 0 && this.isOpen) this.toggle();
    if (count > 0) this.fill(rows, count);
    this.place();
  }

  fill(rows, count) {
    const [first] = rows;
    const isOne = count === 1;
    say(this.word, isOne ? "Critical" : `${count} critical`);
    say(this.title, first.title);
    say(this.text, isOne ? first.message : "");
    this.take.hidden = !isOne;
    say(this.open, this.isOpen ? "Close" : isOne ? "Details" : `Show all ${count}`);
    this.all.hidden = isOne;
    say(this.all, `Acknowledge all ${count}`);
    this.fillList(rows);
    this.tick(Date.now());
  }

  fillList(rows) {
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, item] of this.items) {
      if (keys.has(key) || item.isBeingWritten) continue;
      item.element.remove();
      this.items.delete(key);
    }
    // While the list is open what is in it stays where it is; new ones come at the end.
    for (const row of rows) {
      let item = this.items.get(row.key);
      if (!item) {
        item = new BannerItem({
          acknowledge: (key, why) => this.acknowledge([key], why),
          run: (each, action) => run(this.component, each, action),
        });
        this.items.set(row.key, item);
      }
      if (!this.isOpen || !item.element.isConnected) this.list.append(item.element);
      item.fill(row);
    }
    for (const [key, item] of this.items) item.gone(!keys.has(key));
  }

  /** Say what is new, once. The region was there before; a banner that comes back isn't said again. */
  announce(rows) {
    const fresh = rows.filter(({ key, firstAt }) => !this.known.has(`${key} ${firstAt}`));
    if (fresh.length) this.live.textContent = fresh.map(({ title, message }) => `Critical: ${title}. ${message.slice(0, 200)}`).join(" ");
    for (const { key, firstAt } of fresh) this.known.add(`${key} ${firstAt}`);
    if (this.known.size > 1000) this.known = new Set(rows.map(({ key, firstAt }) => `${key} ${firstAt}`));
  }

  acknowledge(keys, why = "") {
    const id = act(this.component, { do: "acknowledge", keys, why, revision: this.value.revision });
    offerUndo(this.component, keys.length === 1 ? "Acknowledged." : `Acknowledged ${keys.length}.`, id);
  }

  putAside() {
    const { keys, revision } = this.value;
    const id = act(this.component, { do: "close", keys, revision });
    offerUndo(this.component, "Put aside; it comes back in 2 min.", id);
  }

  toggle() {
    this.isOpen = !this.isOpen;
    this.sheet.hidden = !this.isOpen;
    this.open.setAttribute("aria-expanded", String(this.isOpen));
    if (this.value.count) this.fill(this.value.rows, this.value.count);
  }

  /** Somebody else is at the tab: neither what was being written nor what it was about is theirs. */
  forget() {
    for (const item of this.items.values()) item.element.remove();
    this.items.clear();
    this.isOpen = false;
    this.sheet.hidden = true;
    this.open.setAttribute("aria-expanded", "false");
  }

  tick(now) {
    if (this.root.hidden || !this.value?.count) return;
    const [first] = this.value.rows;
    say(this.when, ago(first.at, now));
    this.when.title = exact(first.at);
    for (const item of this.items.values()) item.tick(now);
  }

  /** In the header's empty strip where there is room for it; else under the header, and the page makes room. */
  place() {
    if (!this.main?.isConnected) return;
    const { left, width } = this.main.getBoundingClientRect();
    const style = getComputedStyle(this.main);
    const inner = { left: left + parseFloat(style.paddingLeft), right: left + width - parseFloat(style.paddingRight) };
    const opener = document.querySelector('[data-testid="stExpandSidebarButton"]')?.getBoundingClientRect();
    const isWide = width >= WIDE_PX && !this.isInTheWay(opener, inner.left);
    this.root.classList.toggle("wide", isWide);
    Object.assign(this.root.style, {
      top: isWide ? "6px" : "54px",
      left: `${Math.max(inner.left, 8)}px`,
      width: `${Math.min(inner.right, document.documentElement.clientWidth - 8) - Math.max(inner.left, 8)}px`,
    });
    this.makeRoom(isWide || this.root.hidden ? 0 : this.bar.offsetHeight + 8);
  }

  isInTheWay(opener, left) {
    return Boolean(opener?.width) && opener.right > left;
  }

  makeRoom(px) {
    if (!this.main || this.room === px) return;
    this.room = px;
    this.main.style.borderTop = px ? `${px}px solid transparent` : "";
  }

  leave(parent) {
    if (parent !== this.mountedAt) return;
    this.unfollow?.();
    this.root.hidden = true;
    this.makeRoom(0);
  }
}
