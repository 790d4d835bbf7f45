// The bell: how much is unread, what is still for now and until when, and the two quick switches. The same in every tab,
// since it shows the inbox itself. A hidden tab carries the count in its title.

import { act, openCentre } from "./deeds.js";
import { css } from "./bell.css.js";
import { SmallBell } from "./bell_small.js";
import { follow } from "./channel.js";
import { everySecond, make, say } from "./dom.js";
import { exact, span } from "./format.js";
import { icon } from "./icons.js";
import { allowSound, playSound } from "./sound.js";
import { countInTitle } from "./title.js";

const MANY = 999;
const bells = new WeakMap();

/** Mount or update the bell; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component;
  let bell = bells.get(parentElement);
  if (!bell) bells.set(parentElement, (bell = new Bell(parentElement)));
  bell.update(component);
  return () => {
    bell.dispose();
    bells.delete(parentElement);
  };
}

class Bell {
  constructor(parent) {
    this.root = make("div", "tb");
    this.root.dataset.tideboard = "bell";
    this.button = make("button", "bell");
    this.button.type = "button";
    this.button.onclick = () => openCentre(this.component);
    this.count = make("span", "count");
    this.count.setAttribute("aria-hidden", "true");
    this.word = make("span", "word");
    this.button.append(icon("bell"), this.word, this.count);
    this.switches = make("div", "switches");
    this.toasts = this.makeSwitch("Toasts", "Short messages at the edge of the page", "toasts");
    this.sound = this.makeSwitch("Sound", "Two soft notes with what is serious", "sound");
    this.switches.append(this.toasts, this.sound);
    this.still = make("ul", "still");
    this.still.setAttribute("aria-label", "Still for now");
    this.more = make("button", "link", "Preferences");
    this.more.type = "button";
    this.more.onclick = () => this.component.setTriggerValue("open", { centre: true, show: "preferences", at: Date.now() });
    this.root.append(this.button, this.switches, this.still, this.more);
    parent.append(make("style", "", css), this.root);
    this.small = new SmallBell(this.button, () => openCentre(this.component));
    this.stopTicking = everySecond(() => this.tick());
  }

  makeSwitch(label, title, name) {
    const made = make("button", "switch");
    made.type = "button";
    made.title = title;
    made.setAttribute("role", "switch");
    made.setAttribute("aria-checked", "false");
    made.append(make("span", "track"), make("span", "", label));
    made.onclick = () => {
      const isOn = made.getAttribute("aria-checked") !== "true";
      made.setAttribute("aria-checked", String(isOn));
      // Browsers let a page be heard once somebody has clicked: this is the click, and what it will sound like.
      if (name === "sound" && isOn) {
        allowSound();
        playSound();
      }
      act(this.component, { do: "prefer", changes: { [name]: isOn } });
    };
    return made;
  }

  update(component) {
    this.component = component;
    this.unfollow = follow(this.root, component.data, (value) => this.paint(value), {
      ignoresHold: true,
      whileHidden: true,
    });
  }

  paint(value) {
    this.value = value;
    const { unread, needsAck } = value;
    say(this.count, unread > MANY ? `${MANY}+` : String(unread));
    this.count.hidden = unread === 0;
    this.count.classList.toggle("bad", needsAck > 0);
    say(this.word, unread === 0 ? "Nothing unread" : "unread");
    const urgent = needsAck ? `, ${needsAck} to be acknowledged` : "";
    const label = `Notifications: ${unread === 0 ? "nothing" : unread} unread${urgent}`;
    this.button.setAttribute("aria-label", label);
    this.small.fill({ text: unread ? this.count.textContent : "", label, isBad: needsAck > 0 });
    this.root.dataset.unread = String(unread);
    this.toasts.setAttribute("aria-checked", String(value.toasts));
    this.sound.setAttribute("aria-checked", String(value.sound));
    this.fillStill();
    countInTitle(unread);
  }

  /** Everything that is still ends by itself, and says when. */
  fillStill() {
    const { mutes, snoozed, moreSnoozed, quietUntil } = this.value;
    const key = JSON.stringify([mutes, snoozed, moreSnoozed, quietUntil]);
    if (key === this.stillKey) return;
    this.stillKey = key;
    const lines = mutes.map(({ what, label, until }) =>
      this.line("mute", `Muted: ${label}`, until, "Unmute", () => act(this.component, { do: "unmute", what })),
    );
    lines.push(
      ...snoozed.map(({ key: row, title, until }) =>
        this.line("snooze", `Snoozed: ${title}`, until, "Wake", () => act(this.component, { do: "snooze", keys: [row], until: null })),
      ),
    );
    if (moreSnoozed) {
      const all = make("button", "link", `and ${moreSnoozed} more snoozed`);
      all.type = "button";
      all.onclick = () => openCentre(this.component, "snoozed");
      const item = make("li");
      item.append(all);
      lines.push(item);
    }
    if (quietUntil) lines.push(this.line("quiet", "Quiet hours", quietUntil));
    this.still.replaceChildren(...lines);
    this.still.hidden = lines.length === 0;
    this.tick();
  }

  line(kind, text, until, label, click) {
    const item = make("li", kind);
    const words = make("span", "words", text);
    words.dir = "auto";
    words.title = text;
    const end = make("span", "until");
    end.at = until;
    end.title = `Until ${exact(until)}`;
    item.append(words, end);
    if (label) {
      const button = make("button", "", label);
      button.type = "button";
      button.setAttribute("aria-label", `${label}: ${text}`);
      button.onclick = click;
      item.append(button);
    }
    return item;
  }

  tick() {
    for (const end of this.still.querySelectorAll(".until")) {
      say(end, `${span(Math.max(0, Math.ceil((end.at - Date.now()) / 1000)))} left`);
    }
  }

  dispose() {
    this.unfollow();
    this.stopTicking();
    this.small.dispose();
    countInTitle(0);
  }
}
