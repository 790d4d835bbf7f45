// Notices which rows were really on screen: half of one, for a second, in a tab that can be seen. Tells them together.

const SEEN_AFTER_MS = 1000;
const TOGETHER_MS = 250;

export class SeenWatch {
  /** `told(keys)` is called with rows that were unseen and have been on screen. */
  constructor(scroller, told) {
    this.told = told;
    this.timers = new Map(); // element -> timer
    this.batch = new Set();
    this.observer = new IntersectionObserver((entries) => entries.forEach((each) => this.turn(each)), { threshold: 0.5 });
    this.scroller = scroller;
    this.onShow = () => document.hidden || this.again();
    document.addEventListener("visibilitychange", this.onShow);
  }

  add(element) {
    this.observer.observe(element);
  }

  remove(element) {
    this.observer.unobserve(element);
    this.forget(element);
  }

  turn({ target, isIntersecting }) {
    target.isOnScreen = isIntersecting;
    if (isIntersecting) this.wait(target);
    else this.forget(target);
  }

  /** Count a row's second anew: it came on screen, has news, or the tab is back. */
  wait(element) {
    this.forget(element);
    if (element.dataset.mark !== "unseen") return;
    this.timers.set(element, setTimeout(() => this.see(element), SEEN_AFTER_MS));
  }

  /** A row that is on screen has news, maybe. */
  consider(element) {
    if (element.isOnScreen && !this.timers.has(element) && !this.batch.has(element.dataset.key)) this.wait(element);
  }

  again() {
    for (const element of this.scroller.children) if (element.isOnScreen) this.wait(element);
  }

  forget(element) {
    clearTimeout(this.timers.get(element));
    this.timers.delete(element);
  }

  see(element) {
    this.timers.delete(element);
    if (document.hidden || element.dataset.mark !== "unseen") return;
    this.batch.add(element.dataset.key);
    this.telling ??= setTimeout(() => {
      this.telling = null;
      this.told([...this.batch]);
      this.batch.clear();
    }, TOGETHER_MS);
  }

  dispose() {
    this.observer.disconnect();
    clearTimeout(this.telling);
    for (const timer of this.timers.values()) clearTimeout(timer);
    document.removeEventListener("visibilitychange", this.onShow);
  }
}
