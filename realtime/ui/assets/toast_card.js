// One toast as an element: icon, word, text, at most two buttons, and its own countdown. Knows no toaster and no channel.

import { make, say } from "./dom.js";
import { icon } from "./icons.js";

const MANY = 999;

export class ToastCard {
  /** `on` = {dismiss(card), run(card, action), ended(card)}. */
  constructor(toast, on) {
    this.on = on;
    this.element = make("li", "toast");
    this.element.tabIndex = -1;
    this.word = make("span", "word");
    this.times = make("span", "times");
    this.title = make("p", "title");
    this.message = make("p", "message");
    this.why = make("p", "why");
    for (const text of [this.title, this.message, this.why]) text.dir = "auto";
    this.more = make("button", "more", "more");
    this.more.type = "button";
    this.more.setAttribute("aria-expanded", "false");
    this.more.onclick = () => this.toggle();
    this.actions = make("div", "actions");
    this.close = make("button", "close", "✕");
    this.close.type = "button";
    this.close.onclick = () => on.dismiss(this);
    this.life = make("div", "life");
    const head = make("div", "head");
    head.append(this.word, this.times);
    const body = make("div", "body");
    body.append(head, this.title, this.message, this.more, this.why, this.actions);
    this.place = make("span", "place");
    this.element.append(this.place, body, this.close, this.life);
    this.fill(toast);
  }

  /** Take in a toast, or news of the same one: then its time begins anew. */
  fill(toast) {
    const isNews = this.toast?.shownAt !== toast.shownAt;
    this.toast = toast;
    this.element.className = `toast is-${toast.severity}`;
    Object.assign(this.element.dataset, { key: toast.key, severity: toast.severity });
    if (this.drawn !== toast.severity) this.place.replaceChildren(icon((this.drawn = toast.severity)));
    say(this.word, toast.severityWord);
    say(this.times, toast.count > 1 ? `×${toast.count > MANY ? `${MANY}+` : toast.count}` : "");
    say(this.title, toast.title);
    say(this.message, toast.message);
    this.message.hidden = toast.message === "";
    say(this.why, because(toast.why));
    this.why.title = toast.why;
    this.element.setAttribute("aria-label", `${toast.severityWord}: ${toast.title}`);
    this.close.setAttribute("aria-label", `Dismiss: ${toast.title}`);
    this.fillActions(toast.actions);
    if (isNews) this.begin();
  }

  fillActions(actions) {
    const key = JSON.stringify(actions);
    if (key === this.actionsKey) return;
    this.actionsKey = key;
    this.actions.replaceChildren(
      ...actions.map((action) => {
        const button = make("button", "", action.label);
        button.type = "button";
        button.dir = "auto";
        button.onclick = () => this.on.run(this, action);
        return button;
      }),
    );
    this.actions.hidden = actions.length === 0;
  }

  /** Offer "more" where the text doesn't fit; to be asked once the card is in the page. */
  measure() {
    const isCut = [this.message, this.title].some((text) => text.scrollHeight > text.clientHeight + 1);
    this.more.hidden = !isCut && !this.isOpen;
  }

  toggle() {
    this.isOpen = !this.isOpen;
    this.element.classList.toggle("open", this.isOpen);
    this.more.setAttribute("aria-expanded", String(this.isOpen));
    say(this.more, this.isOpen ? "less" : "more");
    // Only what scrolls has to be reachable by keyboard.
    this.message.tabIndex = this.isOpen ? 0 : -1;
    if (!this.isOpen) this.message.removeAttribute("tabindex");
  }

  // Its time

  begin() {
    this.stop();
    this.leftMs = this.toast.lifeMs;
    this.life.hidden = this.leftMs === null;
    this.drawLife();
    if (this.isRunning) this.go();
  }

  /** Let the time run. */
  go() {
    this.isRunning = true;
    if (this.leftMs === null || this.timer) return;
    this.startedAt = performance.now();
    this.timer = setTimeout(() => this.on.ended(this), this.leftMs);
    this.drawLife();
  }

  /** Let the time stand still. */
  hold() {
    this.stop();
    this.isRunning = false;
    this.drawLife();
  }

  stop() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = 0;
    this.leftMs = Math.max(0, this.leftMs - (performance.now() - this.startedAt));
  }

  /** A line that runs out by CSS alone, so that nothing is computed while it does. */
  drawLife() {
    if (this.leftMs === null) return;
    const share = this.toast.lifeMs ? Math.max(0, this.leftMs / this.toast.lifeMs) : 0;
    this.life.style.transition = "none";
    this.life.style.transform = `scaleX(${share})`;
    if (!this.timer) return;
    void this.life.offsetWidth; // else the browser joins both states, and nothing moves
    this.life.style.transition = `transform ${this.leftMs}ms linear`;
    this.life.style.transform = "scaleX(0)";
  }
}

/** "because of …" speaks for itself. */
function because(why) {
  return /^because /i.test(why) ? `${why[0].toUpperCase()}${why.slice(1)}` : `Why: ${why}`;
}
