// What a panel does with a view: draw the page's value at once, then what the channel brings, never an older one; with the
// frame it will be seen in (a chart, which takes longer, at once); a tab that is behind skips to the newest value. Stand
// still while real-time is held.

import { paintedSomething } from "./fade.js";
import { currentHold, setHold, watchHold } from "./hold.js";
import { subscribe } from "./link.js";
import { setPerson } from "./person.js";
import { watchStale } from "./stale.js";

export { act, newId, watchRefusals } from "./acts.js";
export { watchLead } from "./link.js";

const FRAME_MS = 16;
const SHARE = 1; // of the time a paint took, left to everything else before the next
const LONGEST_REST_MS = 100;
const followings = new WeakMap();

/**
 * Follow the view of `data` (what Python handed to the component) with the element `root`. Call it at every mount: it
 * goes on where it was. `paint(value)` draws; its value is shared and must not be changed. Returns the function that ends it.
 *
 * `ready`: a promise to wait for before the first paint. `isBusy()`: a person is in the middle of something that a paint
 * would disturb; call `repaint(root)` when it is over. `ignoresHold`: goes on when real-time is held.
 * `isAtOnce`: don't wait for the next frame, since painting takes a good part of one. `whileHidden`: paint in a hidden
 * tab too, for its title; only for views that are sent to hidden tabs.
 * The root says what it shows: data-view, data-version and data-epoch.
 */
export function follow(root, data, paint, options = {}) {
  let following = followings.get(root);
  if (!following) followings.set(root, (following = new Following(root)));
  following.update(data, paint, options);
  return () => {
    following.end();
    if (followings.get(root) === following) followings.delete(root);
  };
}

/** Paint what was held back because the panel was busy. */
export function repaint(root) {
  followings.get(root)?.soon();
}

class Following {
  constructor(root) {
    this.root = root;
    this.isReady = false;
    this.cancel = null; // ends the wait for the next paint, if there is one
    this.paintedAt = -Infinity;
    this.restMs = FRAME_MS;
    this.wake = () => this.soon();
    this.turn = () => {
      if (this.cancel) this.cancel(); // a hidden tab has no frames to wait for
      this.cancel = null;
      this.soon();
    };
    this.stopWatching = watchHold(this.wake);
    document.addEventListener("visibilitychange", this.turn);
  }

  update(data, paint, { ready, isBusy, ignoresHold = false, isAtOnce = false, whileHidden = false }) {
    Object.assign(this, { data, paintValue: paint, isBusy, ignoresHold, isAtOnce, whileHidden });
    setHold(data.hold);
    setPerson(data.person);
    if (!ignoresHold && !data.view.startsWith("health")) this.endStale ??= watchStale(this.root);
    if (data.channel !== this.channel) {
      this.channel = data.channel;
      this.newest = this.painted = this.ticket = null;
      this.root.dataset.view = data.view;
    }
    this.offer(data, true);
    if (data.ticket !== this.ticket) this.subscribe(data.ticket);
    if (!this.isReady && !this.waiting) {
      if (ready)
        this.waiting = ready.then(
          () => this.begin(),
          (error) => this.complain(error),
        );
      else this.begin();
    }
    this.soon();
  }

  begin() {
    this.isReady = true;
    this.soon();
  }

  subscribe(ticket) {
    const leave = this.leave;
    this.ticket = ticket;
    this.leave = subscribe(this.channel, ticket, {
      changed: (subscription) => this.offer(subscription, subscription.state !== "joined"),
      refused: () => this.data.askForTicket?.(),
    });
    leave?.();
  }

  /**
   * Take a value unless it is older. Who is in a view hears live, so its word on the epoch counts; a page's value, and what
   * was heard before a connection was lost, may be stale.
   */
  offer({ epoch, version, value }, mayBeStale) {
    const known = this.newest;
    if (known && epoch === known.epoch && version <= known.version) return;
    if (known && mayBeStale && epoch < known.epoch) return;
    this.newest = { epoch, version, value };
    this.soon();
  }

  /**
   * Paint when it is due; nothing if there is nothing to paint. A page too slow for the pace of the changes would else
   * draw every one of its backlog, each time later, and never see the newest.
   */
  soon() {
    const isHeld = this.painted && !this.ignoresHold && currentHold().held;
    if (!this.isReady || !this.newest || this.newest === this.painted || isHeld || this.isOutOfSight() || this.cancel) return;
    const restMs = this.paintedAt + this.restMs - performance.now();
    if (restMs <= 0 && (this.isAtOnce || !this.painted)) return this.paint();
    const go = () => {
      this.cancel = null;
      this.paint();
    };
    if (restMs > FRAME_MS || this.isAtOnce || document.hidden) {
      const timer = setTimeout(go, restMs);
      this.cancel = () => clearTimeout(timer);
    } else {
      const frame = requestAnimationFrame(go);
      this.cancel = () => cancelAnimationFrame(frame);
    }
  }

  paint() {
    if (this.hasEnded || this.newest === this.painted || this.isOutOfSight() || this.isBusy?.()) return;
    const { epoch, version, value } = (this.painted = this.newest);
    const startedAt = performance.now();
    try {
      this.paintValue(value);
    } catch (error) {
      return this.complain(error);
    }
    this.paintedAt = performance.now();
    this.restMs = Math.min(Math.max(FRAME_MS, SHARE * (this.paintedAt - startedAt)), LONGEST_REST_MS);
    Object.assign(this.root.dataset, { version, epoch });
    paintedSomething();
  }

  isOutOfSight() {
    return document.hidden && !this.whileHidden;
  }

  complain(error) {
    console.error("Tideboard: a panel can't be drawn:", this.data.view, error);
    this.root.dataset.trouble = "This panel can't be drawn. Reload the page; if it stays so, the browser's console says why.";
  }

  end() {
    this.hasEnded = true;
    this.cancel?.();
    document.removeEventListener("visibilitychange", this.turn);
    this.stopWatching();
    this.endStale?.();
    this.leave?.();
  }
}
