// Says how this tab stands to the data: the store's link to the gateway (server side) and this tab's own channel in one
// state, as shape, word and colour. A change that lasts less than a second isn't shown.

import { follow } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { ago, count, exact, span } from "./format.js";
import { css } from "./badge.css.js";
import { currentHold, watchHold } from "./hold.js";
import { asksForPage, retryNow, watchStatus } from "./link.js";
import { setStale } from "./stale.js";

const SETTLES_AFTER_MS = 1000;
const STALE_AFTER_MS = 5000;
const MANY = 500;
const badges = new WeakMap();

/** Mount or update the badge; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let badge = badges.get(parentElement);
  if (!badge) badges.set(parentElement, (badge = new Badge(parentElement)));
  badge.update(component);
  return () => {
    badge.dispose();
    badges.delete(parentElement);
  };
}

class Badge {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "connection";
    this.state = make("div", "state");
    this.symbol = make("span", "symbol");
    this.symbol.setAttribute("aria-hidden", "true");
    // Announced are the words alone: a countdown read out every second would drown everything else.
    this.word = make("span", "word");
    this.word.setAttribute("role", "status");
    this.rest = make("span", "rest");
    this.button = make("button", "", "Retry now");
    this.button.type = "button";
    this.button.hidden = true;
    this.button.onclick = () => this.retry();
    this.toSend = make("div", "to-send");
    this.toSend.hidden = true;
    this.state.append(this.symbol, this.word, this.rest, this.button);
    this.facts = new Map();
    const list = make("dl");
    for (const name of ["Transport", "Lag", "Last event", "Up"]) {
      const fact = make("dd", "", "–");
      this.facts.set(name, fact);
      list.append(make("dt", "", name), fact);
    }
    this.root.append(this.state, list, this.toSend);
    parent.append(make("style", "", css), this.root);
    this.endings = [watchHold(() => this.show(true)), everySecond(() => this.show())];
    this.addNetworkWatch();
  }

  addNetworkWatch() {
    const look = () => this.show();
    for (const name of ["online", "offline"]) {
      addEventListener(name, look);
      this.endings.push(() => removeEventListener(name, look));
    }
  }

  update(component) {
    this.component = component;
    // A new session of the page (the server restarted) has forgotten what it was told.
    if (component.data.options?.session !== this.session) this.told = undefined;
    this.session = component.data.options?.session;
    this.root.dataset.view = component.data.view;
    this.unfollow = follow(this.root, component.data, (value) => this.take(value), { ignoresHold: true });
    this.unwatchStatus ??= watchStatus((link) => this.hear(link));
    this.stopAsking?.();
    this.stopAsking = asksForPage(component.data.askForTicket);
    this.report();
    this.show();
  }

  take(value) {
    this.value = value;
    this.show();
  }

  hear(link) {
    this.link = link;
    this.report();
    this.show();
  }

  /** Tell the page when this tab can't or mustn't be pushed to, and when it is again. A page that knows isn't told. */
  report() {
    if (!this.component || !this.link) return;
    const known = this.told ?? this.component.data.options?.channel ?? "open";
    const { isBlocked, isSilenced, state } = this.link;
    const next = isBlocked ? "blocked" : isSilenced ? "off" : state === "live" ? "open" : known;
    if (next === known) return;
    this.told = next;
    this.component.setStateValue("channel", next);
  }

  /**
   * Show the present state once what is shown hasn't been true for a second; at once at first, and when the reader did it.
   * Counted from the end of the shown state, since a link in trouble goes through several states a second.
   */
  show(isOwnDoing = false) {
    if (!this.link) return;
    const next = this.judge();
    const now = Date.now();
    const isSame = !this.shown || this.shown === next.key;
    // What the app noticed counts from when it did, however late a busy machine lets this tab hear of it.
    this.untrueSince = isSame ? null : (this.untrueSince ?? Math.min(now, this.value?.lostAt ?? now));
    clearTimeout(this.settling);
    const waitMs = isSame || isOwnDoing ? 0 : SETTLES_AFTER_MS - (now - this.untrueSince);
    if (waitMs > 0) this.settling = setTimeout(() => this.show(), waitMs + 5);
    else this.draw(next);
    this.drawFacts(now);
    setStale(this.staleSince(now));
  }

  /** Return since when nothing on the page is current: the app's link to the gateway is down, or this tab's to the app. */
  staleSince(now) {
    const { downSince, hasBeenLive } = this.link;
    if (hasBeenLive && downSince !== null && now - downSince > STALE_AFTER_MS) return downSince;
    return this.value?.staleSince ?? null;
  }

  draw({ key, symbol, word, tone, rest = "", canRetry = false }) {
    this.shown = key;
    this.untrueSince = null;
    this.root.className = `tb ${tone}`;
    this.root.dataset.state = key;
    this.root.dataset.lostAt = this.value?.lostAt ?? "";
    say(this.symbol, symbol);
    say(this.word, word);
    say(this.rest, rest);
    this.button.hidden = !canRetry;
  }

  drawFacts(now) {
    const { state, transport, lagMs, lastEventAt, connectedSince, since } = this.value ?? {};
    const isOwnLinkDown = this.link.isBlocked || this.link.isSilenced;
    say(this.facts.get("Transport"), isOwnLinkDown ? "Page refresh" : (transport ?? "–"));
    say(
      this.facts.get("Lag"),
      lagMs === null || lagMs === undefined ? "–" : lagMs < 10 ? `${lagMs.toFixed(1)} ms` : `${count(lagMs)} ms`,
    );
    say(this.facts.get("Last event"), lastEventAt ? ago(lastEventAt, now) : "–");
    this.facts.get("Last event").title = lastEventAt ? exact(lastEventAt) : "";
    const upSince = state === "connected" ? (connectedSince ?? since) : null;
    say(this.facts.get("Up"), upSince ? span(Math.max(0, Math.round((now - upSince) / 1000))) : "–");
    this.facts.get("Up").title = upSince ? `Connected since ${exact(upSince)}` : "";
    const { toSend = 0, refused = 0 } = this.value ?? {};
    const parts = toSend ? [`◌ ${count(toSend)} ${toSend === 1 ? "change" : "changes"} to be sent`] : [];
    if (refused) parts.push(`■ ${count(refused)} refused`);
    say(this.toSend, parts.join(" · "));
    this.toSend.hidden = parts.length === 0;
  }

  /** Put the tab's channel, the hold and the store's link into one state; what is nearest to the reader comes first. */
  judge() {
    const { link, value } = this;
    if (navigator.onLine === false) return { key: "offline", symbol: "■", word: "Offline", tone: "bad" };
    if (currentHold().held) return { key: "held", symbol: "❚❚", word: "Paused", tone: "quiet", rest: this.waitingText() };
    if (link.isBlocked) {
      const seconds = this.component?.data.options?.refreshSeconds;
      const word = seconds ? `Refreshing every ${seconds} s` : "No live channel";
      return { key: "blocked", symbol: "◆", word, tone: "warn", canRetry: link.state !== "connecting" };
    }
    if (link.isSilenced && link.state === "live") {
      const seconds = this.component?.data.options?.refreshSeconds;
      return { key: "off", symbol: "◆", word: `Refreshing every ${seconds} s`, tone: "warn" };
    }
    if (link.state === "waiting" || link.state === "stopped" || (link.state === "connecting" && link.hasBeenLive)) {
      return { key: "reconnecting", symbol: "▲", word: "Reconnecting", tone: "warn", ...tryText(link.attempt, link.nextDialAt) };
    }
    if (link.state === "syncing" && link.hasBeenLive) return { key: "syncing", symbol: "⟳", word: "Catching up", tone: "info" };
    if (!value) return { key: "connecting", symbol: "◌", word: "Connecting", tone: "info" };
    const { state, symbol, word, tone, attempt, nextDialAt } = value;
    return { key: state, symbol, word, tone, ...(state === "reconnecting" ? tryText(attempt, nextDialAt) : {}) };
  }

  waitingText() {
    const waiting = Math.max(0, (this.value?.sequence ?? 0) - currentHold().at);
    return `(${waiting > MANY ? `${MANY}+` : waiting} new)`;
  }

  retry() {
    retryNow();
    if (this.value?.state === "reconnecting" && !this.link.isBlocked) this.component.setTriggerValue("retry", Date.now());
  }

  dispose() {
    clearTimeout(this.settling);
    this.unfollow();
    this.unwatchStatus?.();
    this.stopAsking?.();
    for (const end of this.endings) end();
  }
}

function tryText(attempt, nextDialAt) {
  const seconds = nextDialAt ? Math.max(0, Math.ceil((nextDialAt - Date.now()) / 1000)) : 0;
  return { rest: `try ${attempt}${seconds ? `, next in ${seconds} s` : ""}`, canRetry: true };
}
