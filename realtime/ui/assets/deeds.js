// What the buttons of notifications do, in the words that an inbox understands. Over the tab's channel; a tab without one
// asks the page. Draws nothing.

import { act as overChannel, newId } from "./acts.js";

export const HOUR_MS = 3600000;

/** Do something to the inbox of whoever is at the page; returns the id under which it can be undone. */
export function act(component, value) {
  const command = { id: newId(), ...value };
  if (!overChannel(command)) component.setTriggerValue("act", command);
  return command.id;
}

/**
 * Tell something that isn't worth a rerun of the page where there is no channel: a toast is held, the centre was opened.
 * Returns whether it was told.
 */
export function mention(value) {
  return overChannel(value);
}

/** Do what a button of a notification says. `row` needs `key`; see `actions_of` in realtime/views/notices_words.py. */
export function run(component, row, { name, argument }) {
  const keys = [row.key];
  const untilS = Math.round((Date.now() + (Number(argument) * 1000 || HOUR_MS)) / 1000);
  if (name === "open") component.setTriggerValue("open", { document: argument, at: Date.now() });
  else if (name === "centre") openCentre(component);
  else if (name === "acknowledge") return act(component, { do: "acknowledge", keys });
  else if (name === "snooze") return act(component, { do: "snooze", keys, until: untilS });
  else if (name === "mute") return act(component, { do: "mute", what: argument, until: Math.round((Date.now() + HOUR_MS) / 1000) });
  else if (name === "read" || name === "done") return act(component, { do: "set", keys, mark: name });
  return null;
}

/** Go to the centre, where all notifications are. */
export function openCentre(component, tab = "") {
  mention({ do: "centre-opened" });
  component.setTriggerValue("open", { centre: true, tab, at: Date.now() });
}
