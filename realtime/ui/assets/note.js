// One line about what somebody has just done: what it was, with "Undo" for as long as that is possible, or why it was refused.

import { make, say } from "./dom.js";

const UNDO_MS = 8000;
const REFUSED_MS = 12000;

export class Note {
  /** `place` is where it is drawn; it stays there, so that what it says is heard. */
  constructor(place) {
    this.root = make("div", "note");
    this.root.hidden = true;
    this.polite = make("span", "text");
    this.polite.setAttribute("role", "status");
    this.urgent = make("span", "text");
    this.urgent.setAttribute("role", "alert");
    for (const text of [this.polite, this.urgent]) text.dir = "auto";
    this.button = make("button", "", "Undo");
    this.button.type = "button";
    this.button.onclick = () => this.undo();
    this.close = make("button", "close", "✕");
    this.close.type = "button";
    this.close.setAttribute("aria-label", "Close");
    this.close.onclick = () => this.hide();
    this.root.append(this.polite, this.urgent, this.button, this.close);
    place.append(this.root);
  }

  /** Say what was done; `undo` takes it back. A newer one replaces it. */
  done(text, undo) {
    this.show("done", text, UNDO_MS);
    this.takeBack = undo;
    this.button.hidden = false;
  }

  /** Say that something wasn't done, and why. */
  refused(text) {
    this.show("refused", `■ ${text}`, REFUSED_MS);
  }

  /** Take back what was done last, if that is still offered; tell whether it was. */
  undo() {
    if (this.root.hidden || !this.takeBack) return false;
    this.takeBack();
    this.show("done", "Taken back.", 2000);
    return true;
  }

  show(kind, text, forMs) {
    this.takeBack = null;
    this.root.hidden = false;
    this.root.className = `note ${kind}`;
    say(this.polite, kind === "done" ? text : "");
    say(this.urgent, kind === "done" ? "" : text);
    this.button.hidden = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.hide(), forMs);
  }

  hide() {
    clearTimeout(this.timer);
    this.takeBack = null;
    this.root.hidden = true;
    say(this.polite, "");
    say(this.urgent, "");
  }
}

export const noteCss = `
.note { pointer-events: auto; box-sizing: border-box; display: flex; align-items: center; gap: 12px; max-width: 100%; padding: 7px 8px 7px 14px; border-radius: var(--st-base-radius, 8px);
  background: var(--st-text-color); color: var(--surface); box-shadow: 0 4px 18px rgb(0 0 0 / 0.25); font-size: 13px; }
.note[hidden] { display: none; }
.note .text { overflow-wrap: anywhere; min-width: 0; } .note .text:empty { display: none; }
.note button { color: inherit; font-weight: 700; line-height: 24px; padding: 0 10px; border: 1px solid color-mix(in srgb, var(--surface) 45%, transparent); border-radius: var(--st-button-radius, 8px); }
.note button:hover { border-color: var(--surface); }
.note button[hidden] { display: none; }
.note button:focus-visible { outline: 2px solid var(--surface); outline-offset: 1px; }
.note .close { border: 0; padding: 0; width: 24px; text-align: center; font-weight: 400; color: inherit; } .note .close:hover { background: transparent; color: inherit; }
`;
