// Nothing to see: hears that a topic of a live fragment changed and asks for the fragment's rerun; at most so often a
// second, never before the last one is done, and not while real-time is held.

import { make } from "./dom.js";
import { currentHold, setHold, watchHold } from "./hold.js";
import { subscribe } from "./link.js";

const RERUN_WITHIN_MS = 10000; // then the answer is taken for lost
const triggers = new WeakMap();

/** Mount or update the trigger of one fragment; Streamlit calls it again after every rerun of it. */
export function mount(component) {
  const { parentElement } = component;
  let trigger = triggers.get(parentElement);
  if (!trigger) triggers.set(parentElement, (trigger = new Trigger(parentElement)));
  trigger.update(component);
  return () => {
    trigger.dispose();
    triggers.delete(parentElement);
  };
}

class Trigger {
  constructor(parent) {
    this.root = make("div");
    this.root.dataset.tideboard = "trigger";
    this.root.hidden = true;
    parent.append(this.root);
    this.firedAt = -Infinity;
    this.isRunning = false;
    this.stopWatching = watchHold(() => this.consider());
    this.wake = () => this.consider();
    document.addEventListener("visibilitychange", this.wake);
  }

  update(component) {
    this.component = component;
    const { data } = component;
    setHold(data.hold);
    if (data.run !== this.run) {
      this.run = data.run;
      this.isRunning = false;
    }
    if (data.channel !== this.channel || data.ticket !== this.ticket) this.subscribe(data);
    this.root.dataset.view = data.view;
    this.root.dataset.version = data.version;
    this.root.dataset.run = data.run;
    this.consider();
  }

  subscribe({ channel, ticket }) {
    const leave = this.leave;
    if (channel !== this.channel) this.newest = null;
    Object.assign(this, { channel, ticket });
    this.leave = subscribe(channel, ticket, {
      changed: ({ epoch, version }) => {
        this.newest = { epoch, version };
        this.consider();
      },
      refused: () => this.component.data.askForTicket?.(),
    });
    leave?.();
  }

  /** Fire if something changed after the fragment last ran, and the time is right; else come back when it is. */
  consider() {
    clearTimeout(this.later);
    const { data } = this.component ?? {};
    if (!data || !this.newest || currentHold().held || document.hidden) return;
    const { epoch, version } = this.newest;
    if (epoch < data.epoch || (epoch === data.epoch && version <= data.version)) return;
    const now = performance.now();
    const dueAt = this.isRunning ? this.firedAt + RERUN_WITHIN_MS : this.firedAt + 1000 / (data.perSecond ?? 4);
    if (now < dueAt) return void (this.later = setTimeout(() => this.consider(), dueAt - now));
    this.firedAt = now;
    this.isRunning = true;
    this.component.setTriggerValue("changed", Date.now());
  }

  dispose() {
    clearTimeout(this.later);
    document.removeEventListener("visibilitychange", this.wake);
    this.stopWatching();
    this.leave?.();
  }
}
