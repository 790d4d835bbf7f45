// The tab's one live channel: a WebSocket that speaks our part of the Centrifuge client protocol (JSON, v2).
// A module is loaded once per address, so every component of the page shares this one connection.
// It keeps the newest value of each view and tells its listeners; it draws nothing.

import { mayGoElsewhere, waitMsAfter } from "./asking.js";
import { applyPatch } from "./patch.js";
import { currentPerson, watchPerson } from "./person.js";

const ADDRESS = new URL("../../channel", import.meta.url);
ADDRESS.protocol = ADDRESS.protocol === "https:" ? "wss:" : "ws:";

const BACKOFF_BASE_MS = 100;
const BACKOFF_CAP_MS = 4000;
const ANSWER_WITHIN_MS = 5000;
const PING_SLACK_MS = 10000;
const HIDDEN_AFTER_MS = 2000;
const RELEASE_AFTER_MS = 1000; // a component that Streamlit mounts anew takes its subscription over
const BLOCKED_FIRST_MS = 3000;
const BLOCKED_AFTER_MS = 5000;
const ASK_AGAIN_MS = 500; // doubled with each time that nothing came of it
const ASK_SELDOM_MS = 120000;
const REDIAL_AFTER_MS = 250; // all panels have the new person's tickets by then
const PUT_OUT = 3507; // permission denied: blocked, or sent away
const PUT_OUT_AT = "tideboard.put-out";
const TICKET_REFUSED = new Set([101, 103, 109]); // unauthorized, permission denied, token expired
const NOT_HERE = 108; // what the ticket is for hasn't been opened in that process

const subscriptions = new Map();
const watchers = new Set();
const leadWatchers = new Set();
const messageWatchers = new Set();

let socket = null;
let generation = 0; // of the dial; what an older socket still says is dropped
let state = "idle"; // idle, connecting, syncing, live, waiting, stopped
let attempt = 0;
let nextDialAt = null;
let downSince = null;
let hasBeenLive = false;
let isBlocked = false;
let isSilenced = false; // an operator has switched pushing to this tab off
let wasTold = false; // … as this connection says; what an earlier one said counts until this one is live
let lastHeardAt = 0;
let silenceMs = 35000;
let answersWithPong = false;
let lastCommand = 0;
let saidHidden = false;
let leads = false; // whether this tab is the one that shows its person's toasts
let askedAt = -Infinity; // when a rerun was last asked for, for new tickets
let asked = 0; // how often, since one brought some
let pageAsks = null; // how whoever stands outside of all fragments asks
const waitingFor = new Map(); // command id -> what to do with its reply
const timers = { dial: 0, silence: 0, answer: 0, hidden: 0, blocked: 0, person: 0, renew: 0 };

/**
 * Follow a view. `listener.changed({epoch, version, value})` is called with what is known at once, and with every newer
 * value; `listener.refused()` asks for a rerun, when the server won't take a ticket. Returns the function that ends it.
 */
export function subscribe(channel, ticket, listener) {
  let subscription = subscriptions.get(channel);
  if (!subscription) {
    subscription = {
      channel,
      ticket,
      listeners: new Set(),
      state: "new",
      epoch: "",
      version: 0,
      value: undefined,
      wants: false,
      wasRefused: false,
      retry: 0,
      tries: 0,
      leaving: 0,
    };
    subscriptions.set(channel, subscription);
  }
  clearTimeout(subscription.leaving);
  subscription.listeners.add(listener);
  // Also while there is no connection: the next one asks with it.
  if (subscription.ticket !== ticket && subscription.state === "refused") subscription.state = "new";
  subscription.ticket = ticket;
  if (subscription.value !== undefined) listener.changed(subscription);
  if (state === "idle") dial();
  else if (isOpen() && subscription.state === "new") ask(subscription);
  return () => {
    subscription.listeners.delete(listener);
    if (subscription.listeners.size === 0) {
      clearTimeout(subscription.leaving);
      subscription.leaving = setTimeout(() => leave(subscription), RELEASE_AFTER_MS);
    }
  };
}

/** Be told the channel's status, now and whenever it changes. Returns the function that ends it. */
export function watchStatus(watcher) {
  watchers.add(watcher);
  watcher(status());
  return () => watchers.delete(watcher);
}

/** Say how the channel is. Times are Unix milliseconds. */
export function status() {
  return { state, attempt, nextDialAt, downSince, isBlocked, isSilenced, hasBeenLive };
}

/** Say something of this tab that nobody answers; false when there is no channel to say it over. */
export function tell(data) {
  if (!isOpen() || socket?.readyState !== WebSocket.OPEN) return false;
  send({ send: { data } });
  return true;
}

/** Be told every message to this tab alone, such as {refused: {id, reason}}. Returns the function that ends it. */
export function watchMessages(watcher) {
  messageWatchers.add(watcher);
  return () => messageWatchers.delete(watcher);
}

/** Be told whether this tab is the one that shows its person's toasts, now and whenever it changes; see watchStatus. */
export function watchLead(watcher) {
  leadWatchers.add(watcher);
  watcher(leads);
  return () => leadWatchers.delete(watcher);
}

/** Dial at once, whatever the backoff says: somebody asked for it. */
export function retryNow() {
  if (state === "waiting" || state === "stopped") dial();
}

/**
 * Say how to ask for a rerun of the whole page. After a restart a session is new and knows no fragments: what a panel
 * inside of one asks for is never run. Returns the function that takes it back.
 */
export function asksForPage(ask) {
  pageAsks = ask;
  return () => {
    if (pageAsks === ask) pageAsks = null;
  };
}

function isOpen() {
  return state === "syncing" || state === "live";
}

function become(next) {
  if (state === next) return;
  state = next;
  if (state === "live") {
    hasBeenLive = true;
    attempt = 0;
    downSince = null;
    isBlocked = false;
    isSilenced = wasTold;
    clearTimeout(timers.blocked);
  } else if (downSince === null && state !== "idle") {
    downSince = Date.now();
    timers.blocked = setTimeout(becomeBlocked, hasBeenLive ? BLOCKED_AFTER_MS : BLOCKED_FIRST_MS);
  }
  tellWatchers();
}

function lead(isLeading) {
  if (leads === isLeading) return;
  leads = isLeading;
  for (const watcher of leadWatchers) watcher(leads);
}

/** Take in whether pushing to this tab is switched off; the channel stays, for everything else. */
function silence(isOff) {
  wasTold = isOff;
  if (isSilenced === isOff) return;
  isSilenced = isOff;
  tellWatchers();
}

function becomeBlocked() {
  isBlocked = true;
  tellWatchers();
}

function tellWatchers() {
  for (const watcher of watchers) watcher(status());
}

function dial() {
  clearTimeout(timers.dial);
  hangUp();
  generation += 1;
  const mine = generation;
  nextDialAt = null;
  become("connecting");
  try {
    socket = new WebSocket(ADDRESS);
  } catch {
    return lose(1006);
  }
  const only = (then) => (event) => mine === generation && then(event);
  socket.onopen = only(() => command({ connect: {} }, welcomed));
  socket.onmessage = only((event) => hear(event.data));
  socket.onclose = only((event) => lose(event.code));
  timers.answer = setTimeout(() => mine === generation && lose(1006), ANSWER_WITHIN_MS);
}

function hangUp() {
  for (const name of ["silence", "answer"]) clearTimeout(timers[name]);
  waitingFor.clear();
  const old = socket;
  socket = null;
  if (!old) return;
  old.onopen = old.onmessage = old.onclose = null;
  old.close();
}

function lose(code) {
  generation += 1;
  hangUp();
  for (const subscription of subscriptions.values()) {
    clearTimeout(subscription.retry);
    if (subscription.state !== "refused") subscription.state = "new";
    subscription.wants = false;
  }
  saidHidden = false;
  lead(false);
  if (code === PUT_OUT) return leavePage();
  if ((code >= 3500 && code < 4000) || (code >= 4500 && code < 5000)) return become("stopped");
  attempt += 1;
  // Full jitter: after a restart of the server all tabs must not come back in the same moment.
  const waitMs = Math.random() * Math.min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** attempt);
  nextDialAt = Date.now() + waitMs;
  timers.dial = setTimeout(dial, waitMs);
  if (state === "waiting") tellWatchers();
  become("waiting");
}

/** What this page shows isn't this person's to see any more. The page that comes instead says why. */
function leavePage() {
  become("stopped");
  const before = Number(sessionStorage.getItem(PUT_OUT_AT) ?? 0);
  sessionStorage.setItem(PUT_OUT_AT, String(Date.now()));
  if (Date.now() - before > BLOCKED_AFTER_MS) location.reload(); // twice at once is no answer
}

function command(request, answered) {
  lastCommand += 1;
  if (answered) waitingFor.set(lastCommand, answered);
  send({ id: lastCommand, ...request });
}

function send(frame) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
}

function hear(message) {
  lastHeardAt = Date.now();
  clearTimeout(timers.silence);
  timers.silence = setTimeout(() => lose(1006), silenceMs);
  for (const line of message.split("\n")) {
    if (line === "") continue;
    const reply = JSON.parse(line);
    if (reply.id) {
      const answered = waitingFor.get(reply.id);
      waitingFor.delete(reply.id);
      answered?.(reply);
    } else if (reply.push) pushed(reply.push);
    else if (answersWithPong) send({});
  }
}

function welcomed(reply) {
  if (reply.error) return lose(1006);
  clearTimeout(timers.answer);
  const { ping = 0, pong = false } = reply.connect;
  answersWithPong = pong;
  silenceMs = (ping || 25) * 1000 + PING_SLACK_MS;
  wasTold = false;
  become("syncing");
  introduce();
  if (document.hidden) hide(); // before anything is shown, so that it isn't taken for a tab somebody sees
  for (const subscription of subscriptions.values()) {
    if (subscription.listeners.size > 0 && subscription.state !== "refused") ask(subscription);
  }
  settle();
}

/** Say which tab this is and whether somebody is at it; who, the tickets say. */
function introduce() {
  const { tab, isIdle } = currentPerson();
  if (tab) send({ send: { data: { tab, idle: isIdle } } });
}

/** A connection is one person's: when another takes over the tab, it gets one of its own. */
function turnTo({ isOther }) {
  if (!isOther) return introduce();
  clearTimeout(timers.person);
  timers.person = setTimeout(redial, REDIAL_AFTER_MS);
}

function redial() {
  if (!isOpen()) return;
  for (const subscription of subscriptions.values()) {
    clearTimeout(subscription.retry);
    if (subscription.state !== "refused") subscription.state = "new";
  }
  saidHidden = false;
  dial();
}

function ask(subscription) {
  subscription.state = "asking";
  const { channel, ticket } = subscription;
  command({ subscribe: { channel, token: ticket } }, (reply) => answered(subscription, ticket, reply));
}

function answered(subscription, ticket, { error, subscribe }) {
  if (!error) {
    subscription.state = "joined";
    subscription.tries = 0;
    if (subscription.wasRefused) asked = 0;
    subscription.wasRefused = false;
    const { epoch, v, full } = subscribe.data;
    // What the server says at joining is so, even if it is "older": a restarted server counts anew.
    if (epoch !== subscription.epoch || v > subscription.version) take(subscription, epoch, v, full);
  } else if (error.code === 105) {
    subscription.state = "joined";
    want(subscription);
  } else if (TICKET_REFUSED.has(error.code)) {
    subscription.state = "refused";
    subscription.wasRefused = true;
    if (ticket !== subscription.ticket) ask(subscription);
    else renew();
  } else {
    askLater(subscription, error.code);
  }
  settle();
}

/** Have reruns bring new tickets while any is refused. What a page asks for while it has no session is lost. */
function renew() {
  clearTimeout(timers.renew);
  const refused = [...subscriptions.values()].filter((each) => each.state === "refused" && each.listeners.size > 0);
  if (refused.length > 0) timers.renew = setTimeout(renew, askForTickets(refused));
}

/** Ask for a rerun: one for all, and the more seldom the oftener nothing came of it. Returns how long to wait then. */
function askForTickets(refused) {
  const waitMs = () => Math.min(ASK_AGAIN_MS * 2 ** asked, ASK_SELDOM_MS);
  const restMs = askedAt + waitMs() - Date.now();
  if (restMs > 0) return restMs;
  askedAt = Date.now();
  asked += 1;
  if (pageAsks) pageAsks();
  else {
    const { listeners } = refused[Math.floor(Math.random() * refused.length)]; // one may be where it isn't heard
    [...listeners][0]?.refused?.();
  }
  return waitMs();
}

/** Ask again, soon at first: a page that comes back with this tab is about to open what the ticket is for. */
function askLater(subscription, code) {
  const tries = subscription.tries++;
  subscription.state = "new";
  subscription.retry = setTimeout(() => {
    if (!isOpen() || subscription.state !== "new") return;
    // Behind a balancer the page may have come to another process than the channel; by now the cookie says to which.
    if (code === NOT_HERE && mayGoElsewhere(tries)) redial();
    else ask(subscription);
  }, waitMsAfter(tries));
}

/** Count as live once nothing that was asked for is outstanding, and something was given. */
function settle() {
  const states = new Set();
  for (const { state, listeners } of subscriptions.values()) if (state === "asking" || listeners.size > 0) states.add(state);
  if (states.has("asking") || (states.size > 0 && !states.has("joined"))) return;
  if (state === "syncing") become("live");
}

function pushed({ channel, pub, unsubscribe, disconnect, message }) {
  if (disconnect) return lose(disconnect.code);
  if (message) return heard(message.data);
  const subscription = subscriptions.get(channel);
  if (!subscription) return;
  if (unsubscribe) {
    subscription.state = "new";
    if (unsubscribe.code >= 2500) ask(subscription);
    else askForTickets([subscription]);
  } else if (pub) published(subscription, pub.data);
}

function heard(message) {
  if (typeof message.lead === "boolean") return lead(message.lead);
  if (typeof message.realtime === "boolean") return silence(!message.realtime);
  for (const watcher of messageWatchers) watcher(message);
}

function published(subscription, { v, full, base, patch }) {
  if (v <= subscription.version) return;
  if (patch === undefined) return take(subscription, subscription.epoch, v, full);
  if (base !== subscription.version) return want(subscription);
  take(subscription, subscription.epoch, v, applyPatch(subscription.value, patch));
}

function take(subscription, epoch, version, value) {
  subscription.epoch = epoch;
  subscription.version = version;
  subscription.value = value;
  subscription.wants = false;
  for (const listener of subscription.listeners) listener.changed(subscription);
}

/** Ask for the whole value, because something in between is missing; once, until it comes. */
function want(subscription) {
  if (subscription.wants) return;
  subscription.wants = true;
  tell({ want: subscription.channel });
}

function leave(subscription) {
  if (subscription.listeners.size > 0) return;
  clearTimeout(subscription.retry);
  subscriptions.delete(subscription.channel);
  if (isOpen() && (subscription.state === "joined" || subscription.state === "asking")) {
    command({ unsubscribe: { channel: subscription.channel } });
  }
}

function hideLater() {
  clearTimeout(timers.hidden);
  timers.hidden = setTimeout(hide, HIDDEN_AFTER_MS);
}

function hide() {
  if (document.hidden && tell({ visible: false })) saidHidden = true;
}

function comeBack() {
  clearTimeout(timers.hidden);
  if (saidHidden) {
    saidHidden = false;
    tell({ visible: true });
  }
  if (state === "waiting" || state === "stopped") dial();
  // After sleep a socket may look open and be dead: timers stood still as long as the machine did.
  else if (isOpen() && Date.now() - lastHeardAt > silenceMs) dial();
}

watchPerson(turnTo);
document.addEventListener("visibilitychange", () => (document.hidden ? hideLater() : comeBack()));
addEventListener("online", () => state === "waiting" && dial());
addEventListener("pagehide", () => {
  generation += 1;
  clearTimeout(timers.dial);
  hangUp();
});
addEventListener("pageshow", (event) => event.persisted && subscriptions.size > 0 && dial());
