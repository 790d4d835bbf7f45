// The sheet that tells the keys. A dialog of the browser's own: it keeps the focus while it is open, and gives it back.

import { make } from "./dom.js";

const KEYS = [
  ["j  k", "next, previous row"],
  ["Enter", "open or close a row; it counts as read"],
  ["x", "select a row; what follows is then about all selected"],
  ["e", "done"],
  ["u", "read or unread"],
  ["h", "snooze: choose until when"],
  ["a", "acknowledge what is critical"],
  ["z", "take back, within 8 s"],
  ["/", "search"],
  ["Esc", "close, then deselect, then catch up"],
  ["F6", "to the toasts and back"],
  ["?", "this sheet"],
];

export class HelpSheet {
  constructor() {
    this.element = make("dialog", "help-sheet");
    this.element.setAttribute("aria-label", "Keys");
    const list = make("dl");
    for (const [key, what] of KEYS) {
      const name = make("dt");
      for (const each of key.split("  ")) name.append(make("kbd", "", each));
      list.append(name, make("dd", "", what));
    }
    const close = make("button", "", "Close");
    close.type = "button";
    close.onclick = () => this.element.close();
    const note = make("p", "", "They work while the focus is in the list; a click or Tab puts it there.");
    this.element.append(make("h2", "", "Keys"), list, note, close);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "?") this.element.close();
      event.stopPropagation();
    });
  }

  get isOpen() {
    return this.element.open;
  }

  open() {
    this.element.showModal();
  }
}
