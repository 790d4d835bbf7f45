// What a person's act makes of a row, before the inbox has said so: how it looks, and whether it still belongs to its tab.
// The same rules as realtime/notifications/inbox.py and centre.py, for the one moment in between.

const MARKS = { read: ["read", "Read"], unread: ["unseen", "New"], done: ["done", "Done"], undone: ["read", "Read"] };

/** Return the row as it looks after a step. */
export function stepped(row, step) {
  if (step === "acknowledge") {
    const taken = { who: "you", at: Date.now(), why: "" };
    return { ...row, needsAck: false, state: "read", mark: "read", markWord: "Read", taken };
  }
  if (row.needsAck && (step === "done" || step === "snooze")) return row; // put aside: only its banner goes
  if (step === "snooze") return { ...row, state: "snoozed" };
  if (step === "wake") return { ...row, state: row.mark, snoozedUntil: null };
  const [mark, markWord] = MARKS[step] ?? [row.mark, row.markWord];
  return { ...row, mark, markWord, state: row.needsAck ? "needs-ack" : mark };
}

/** Tell whether a row leaves the tab with this step. One that was read stays until the reader moves on. */
export function leaves(tab, row, step) {
  if (tab === "needs-ack") return !row.needsAck;
  if (step === "snooze" || step === "done") return !row.needsAck && tab !== (step === "done" ? "done" : "snoozed");
  if (step === "wake") return tab === "snoozed";
  return tab === "done" && row.state !== "done";
}
