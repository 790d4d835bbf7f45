// The toaster: draws the plan of realtime/notifications/toasts.py in the one tab that leads. Time stands still while the
// pointer or the focus is on it and while the page can't be seen; nothing moves under the pointer; focus is never moved
// unless somebody asked for it (F6). A narrow page has room for one, the others wait. Text of events is only ever text.

import { watchRefusals } from "./acts.js";
import { follow } from "./channel.js";
import { act, mention, openCentre, run } from "./deeds.js";
import { make, say } from "./dom.js";
import { status, watchLead, watchStatus } from "./link.js";
import { Note } from "./note.js";
import { dress, overlay } from "./overlay.js";
import { playSound } from "./sound.js";
import { css } from "./toasts.css.js";
import { ToastCard } from "./toast_card.js";

const LEVEL = 1000090; // over dialogs
const LINGER_MS = 3000; // how long a tab goes on that has lost its channel: it mostly has it back at once
const DONE = { acknowledge: "Acknowledged.", snooze: "Snoozed for an hour.", read: "Marked read.", done: "Marked done." };
const RANKS = ["info", "success", "warning", "error", "critical"];
const stillness = matchMedia("(prefers-reduced-motion: reduce)");
const narrowness = matchMedia("(max-width: 639px)"); // three would cover half of a phone
let toaster = null;

/** Say what somebody has just done, and offer for 8 s to take it back. `id` is the command's. */
export function offerUndo(component, text, id) {
  theToaster().note.done(text, () => act(component, { do: "undo", of: id }));
}

/** Take back what was done last, while that is offered; tell whether it was. */
export function undoLast() {
  return theToaster().note.undo();
}

function theToaster() {
  return (toaster ??= new Toaster());
}

/** Mount or update the toaster; Streamlit calls it again at every rerun. There is one for the whole tab. */
export function mount(component) {
  theToaster().update(component);
  return () => toaster.leave(component.parentElement);
}

class Toaster {
  constructor() {
    const root = overlay("toasts", css, LEVEL);
    this.root = make("section", "tb");
    this.root.dataset.tideboard = "toasts";
    this.root.setAttribute("aria-label", "Notifications (F6)");
    this.polite = make("div", "unseen");
    this.polite.setAttribute("role", "status");
    this.urgent = make("div", "unseen");
    this.urgent.setAttribute("role", "alert");
    this.more = make("button", "all");
    this.more.type = "button";
    this.more.onclick = () => openCentre(this.component);
    this.more.hidden = true;
    this.list = make("ol", "cards");
    this.list.setAttribute("role", "list");
    this.root.append(this.polite, this.urgent, this.more, this.list);
    this.note = new Note(this.root);
    root.append(this.root);
    this.cards = new Map(); // key -> card, the oldest first
    this.ended = new Map(); // key -> shownAt of a toast whose time was over here, until the plan has dropped it
    this.said = new Set(); // keys that were announced, until the plan has dropped them
    this.isUnder = { pointer: false, focus: false };
    this.leads = false;
    this.listen();
    // For the life of the tab, as the toaster itself.
    watchLead((leads) => this.lead(leads));
    watchStatus(() => this.settle());
    watchRefusals(({ reason }) => this.note.refused(reason));
  }

  listen() {
    this.list.addEventListener("pointerenter", () => this.touch("pointer", true));
    this.list.addEventListener("pointerleave", () => this.touch("pointer", false));
    this.root.addEventListener("focusin", () => this.touch("focus", true));
    this.root.addEventListener("focusout", (event) => this.root.contains(event.relatedTarget) || this.touch("focus", false));
    this.root.addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("visibilitychange", () => this.settle());
    document.addEventListener("keydown", (event) => this.jump(event));
    narrowness.addEventListener("change", () => this.settle());
  }

  update(component) {
    this.component = component;
    this.mountedAt = component.parentElement;
    // Streamlit watches what a component puts into its place: this one's place is empty, its root lies over the page.
    this.anchor ??= make("div");
    this.anchor.dataset.tideboard = "toasts-anchor";
    this.anchor.hidden = true;
    if (this.anchor.parentNode !== component.parentElement) component.parentElement.append(this.anchor);
    dress(this.anchor);
    this.unfollow = follow(this.anchor, component.data, (value) => this.take(value), { ignoresHold: true });
  }

  take(value) {
    const isFirst = !this.value;
    const wasSounds = this.value?.sounds ?? value.sounds;
    this.value = value;
    if (!isFirst && value.sounds > wasSounds && this.isShowing) playSound();
    this.settle();
  }

  /** Take in whether this is the tab that shows them. One that was told not to stops at once. */
  lead(leads) {
    clearTimeout(this.lingering);
    this.isElected = leads;
    const become = () => {
      this.leads = leads;
      this.settle();
    };
    if (leads || !this.leads) return become();
    // The channel says first that nobody leads here any more, and then that it is gone.
    queueMicrotask(() => {
      if (this.isElected) return; // with the same message: somebody else is at the tab, and leads in it
      if (status().state === "live") become();
      else this.lingering = setTimeout(become, LINGER_MS);
    });
  }

  /** A tab that can't be pushed to isn't elected either: it shows its own. */
  get isShowing() {
    return this.leads || status().isBlocked;
  }

  get isHeld() {
    return this.isUnder.pointer || this.isUnder.focus;
  }

  touch(what, isUnder) {
    if (this.isUnder[what] === isUnder) return;
    const wasHeld = this.isHeld;
    this.isUnder[what] = isUnder;
    if (this.isHeld !== wasHeld && this.cards.size) mention({ do: this.isHeld ? "toasts-hold" : "toasts-release" });
    this.settle();
  }

  /** Bring what is drawn in step with the plan, as far as nobody would be disturbed. */
  settle() {
    this.root.dataset.leads = String(this.isShowing);
    if (!this.value) return;
    if (!this.isShowing) return this.clear();
    const planned = this.value.toasts.filter(({ key, shownAt }) => this.ended.get(key) !== shownAt);
    for (const toast of planned) this.cards.get(toast.key)?.fill(toast);
    if (!this.isHeld) this.arrange(narrowness.matches ? foremost(planned) : planned);
    this.forget();
    const isStill = this.isHeld || document.hidden;
    for (const card of this.cards.values()) isStill ? card.hold() : card.go();
    this.root.dataset.held = String(isStill);
    const count = this.value.more + planned.filter(({ key }) => !this.cards.has(key)).length;
    say(this.more, count ? `+${count} more` : "");
    this.more.hidden = count === 0;
    this.more.setAttribute("aria-label", `${count} more: open the notification centre`);
    for (const card of this.cards.values()) card.measure();
  }

  arrange(planned) {
    const keys = new Set(planned.map(({ key }) => key));
    for (const [key, card] of this.cards) if (!keys.has(key)) this.remove(key, card);
    const fresh = planned.filter(({ key }) => !this.cards.has(key));
    for (const toast of fresh) {
      const card = new ToastCard(toast, {
        dismiss: (each) => this.dismiss(each),
        run: (each, action) => this.run(each, action),
        ended: (each) => this.end(each),
      });
      this.cards.set(toast.key, card);
      this.list.append(card.element);
    }
    this.announce(fresh.filter(({ key }) => !this.said.has(key)));
  }

  /** Say new toasts once. What is critical is said by the banner; only what asks for action interrupts. */
  announce(fresh) {
    for (const { key } of fresh) this.said.add(key);
    const text = (toasts) => toasts.map(({ severityWord, title, message }) => `${severityWord}: ${title}. ${message.slice(0, 200)}`);
    const urgent = text(fresh.filter(({ severity }) => severity === "error"));
    const polite = text(fresh.filter(({ severity }) => severity !== "error" && severity !== "critical"));
    if (urgent.length) this.urgent.textContent = urgent.join(" ");
    if (polite.length) this.polite.textContent = polite.join(" ");
  }

  /** What the plan has dropped needs no longer be remembered. */
  forget() {
    const planned = new Set(this.value.toasts.map(({ key, shownAt }) => `${shownAt} ${key}`));
    for (const [key, shownAt] of this.ended) if (!planned.has(`${shownAt} ${key}`)) this.ended.delete(key);
    for (const key of this.said) if (!this.value.toasts.some((toast) => toast.key === key)) this.said.delete(key);
  }

  end(card) {
    this.ended.set(card.toast.key, card.toast.shownAt);
    this.settle();
  }

  dismiss(card) {
    this.drop(card);
    act(this.component, { do: "toast-dismiss", key: card.toast.key });
  }

  run(card, action) {
    const id = run(this.component, card.toast, action);
    if (id && action.name in DONE) this.note.done(DONE[action.name], () => act(this.component, { do: "undo", of: id }));
    this.drop(card);
    mention({ do: "toast-dismiss", key: card.toast.key });
  }

  /** Take one away that somebody is done with, though the pointer is on it. */
  drop(card) {
    const { key, shownAt } = card.toast;
    const all = [...this.cards.values()];
    const hadFocus = card.element.contains(this.root.getRootNode().activeElement);
    const next = all[all.indexOf(card) + 1] ?? all[all.indexOf(card) - 1];
    this.ended.set(key, shownAt);
    this.remove(key, card);
    if (hadFocus) next?.close.focus();
    if (!this.cards.size) this.isUnder = { pointer: false, focus: false };
    this.settle();
    if (hadFocus && !next) ([...this.cards.values()].at(-1)?.close ?? this.cameFrom)?.focus();
  }

  remove(key, card) {
    card.hold();
    this.cards.delete(key);
    if (stillness.matches || document.hidden) return card.element.remove();
    card.element.inert = true;
    card.element.classList.add("leaving");
    card.element.addEventListener("animationend", () => card.element.remove(), { once: true });
  }

  clear() {
    for (const card of this.cards.values()) {
      card.hold();
      card.element.remove();
    }
    this.cards.clear();
    this.more.hidden = true;
    this.isUnder = { pointer: false, focus: false };
  }

  /** F6 goes to the toasts and back, as between the panes of a window. */
  jump(event) {
    if (event.key !== "F6" || event.defaultPrevented || !this.cards.size) return;
    event.preventDefault();
    if (this.isUnder.focus) return void (this.cameFrom?.focus() ?? this.root.getRootNode().activeElement?.blur());
    this.cameFrom = deepActive();
    [...this.cards.values()].at(-1).element.focus();
  }

  key(event) {
    if (event.key !== "Escape") return;
    const card = [...this.cards.values()].find(({ element }) => element.contains(event.target));
    if (!card) return;
    event.stopPropagation();
    this.dismiss(card);
  }

  /** The component is gone from the page: what comes next would be of nobody's inbox. */
  leave(parent) {
    if (parent !== this.mountedAt) return;
    this.unfollow?.();
    this.value = null;
    this.clear();
  }
}

/** Choose the one that stands where there is room for one: the worst, and of equal ones the newest. */
function foremost(planned) {
  const rank = ({ severity }) => RANKS.indexOf(severity);
  return planned.length ? [planned.reduce((worst, toast) => (rank(toast) < rank(worst) ? worst : toast))] : [];
}

function deepActive() {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active;
}
