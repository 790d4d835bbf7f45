// Chooses until when something is out of sight. Every choice ends by itself; times are the reader's own.

import { HOUR_MS } from "./deeds.js";
import { make } from "./dom.js";
import { shortly } from "./format.js";

const MORNING = 9;

export class SnoozeMenu {
  constructor() {
    this.element = make("div", "menu");
    this.element.setAttribute("role", "menu");
    this.element.setAttribute("aria-label", "Snooze");
    this.element.hidden = true;
    this.element.onkeydown = (event) => this.key(event);
    this.element.addEventListener("focusout", (event) => this.element.contains(event.relatedTarget) || this.close());
  }

  get isOpen() {
    return !this.element.hidden;
  }

  /** Open it beside `at`; `chosen(until in s or null, in words)` is called with the choice, then `closed()`. */
  open(at, { isAsleep, place, chosen, closed }) {
    this.closed = closed;
    const now = new Date();
    const items = choices(now).map(([label, when]) => this.item(label, when, chosen));
    if (isAsleep) items.unshift(this.item("Bring back now", null, chosen));
    this.element.replaceChildren(...items);
    this.element.hidden = false;
    const around = place.getBoundingClientRect();
    const near = at?.getBoundingClientRect() ?? around;
    const left = Math.min(Math.max(near.left - around.left, 0), around.width - this.element.offsetWidth);
    const below = near.bottom - around.top + 4;
    const fits = below + this.element.offsetHeight <= around.height || near.top - around.top < this.element.offsetHeight;
    this.element.style.left = `${left}px`;
    this.element.style.top = `${fits ? below : near.top - around.top - this.element.offsetHeight - 4}px`;
    items[0].focus();
  }

  item(label, when, chosen) {
    const item = make("button", "", label);
    item.type = "button";
    item.setAttribute("role", "menuitem");
    if (when) item.append(make("span", "at", shortly(when.getTime())));
    item.onclick = () => {
      this.close();
      chosen(when ? Math.round(when.getTime() / 1000) : null, when ? `until ${shortly(when.getTime())}` : "");
    };
    return item;
  }

  key(event) {
    const items = [...this.element.children];
    const at = items.indexOf(this.element.getRootNode().activeElement);
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    event.stopPropagation();
    if (step) items[(at + step + items.length) % items.length].focus();
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }

  close() {
    if (!this.isOpen) return;
    this.element.hidden = true;
    this.closed?.();
  }
}

/** Return the choices as [words, Date], the soonest first. */
export function choices(now) {
  const day = (days) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, MORNING);
  const untilMonday = ((8 - now.getDay()) % 7) || 7;
  const list = [
    ["1 hour", new Date(now.getTime() + HOUR_MS)],
    ["3 hours", new Date(now.getTime() + 3 * HOUR_MS)],
    ["Tomorrow morning", day(1)],
  ];
  return untilMonday === 1 ? list : [...list, ["Next Monday", day(untilMonday)]];
}
