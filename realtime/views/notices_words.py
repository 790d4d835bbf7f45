"""Says a notification's severity, state and buttons in words, the same wherever it is shown. Pure."""

from __future__ import annotations

from typing import Any, Final

from realtime.notifications.centre import REOPENS_S
from realtime.notifications.model import Action, Notification, Row, State
from realtime.notifications.text import clip

MESSAGE_CHARS: Final = 1_000
"""What a list carries of a message; the rest is fetched when somebody asks for it."""
SEVERITY_WORDS: Final[dict[str, str]] = {
    "info": "Info", "success": "Success", "warning": "Warning", "error": "Error", "critical": "Critical",
}  # fmt: skip
_STATE_WORDS: Final[dict[State, str]] = {
    State.UNSEEN: "New", State.SEEN: "Seen", State.READ: "Read", State.DONE: "Done",
}  # fmt: skip
_DOABLE: Final = frozenset({"open", "acknowledge", "snooze", "mute", "read", "done", "centre"})
_NO_RULE: Final = "It was sent to you by this dashboard itself."


def ms(moment: float | None) -> int | None:
    """Return Unix milliseconds, as JavaScript counts them."""
    return None if moment is None else round(moment * 1000)


def words_of(notification: Notification, *, limit: int = MESSAGE_CHARS) -> dict[str, Any]:
    """Render what a notification says; `isCut`: there is more of the message than that."""
    message = notification.message
    return {
        "title": notification.title,
        "message": clip(message, limit),
        "isCut": len(message) > limit,
        "why": notification.why or _NO_RULE,
    }


def state_of(row: Row, *, now: float) -> str:
    """Name the one state a row is shown in: the last thing that became of it."""
    if row.marks.state is State.DONE:
        return "done"
    if row.is_snoozed(now):
        return "snoozed"
    if row.needs_acknowledgement:
        return "needs-ack"
    return str(row.marks.state)


def row_value(row: Row, *, now: float, limit: int = MESSAGE_CHARS) -> dict[str, Any]:
    """Render one row of the centre. Times are Unix milliseconds."""
    newest, marks = row.newest, row.marks
    taken = marks.acknowledged
    return {
        "key": row.key,
        **words_of(newest, limit=limit),
        "severity": row.severity,
        "severityWord": SEVERITY_WORDS[row.severity],
        "state": state_of(row, now=now),
        "mark": str(marks.state),
        "markWord": _STATE_WORDS[marks.state],
        "count": row.count,
        "total": row.total,
        "at": ms(row.last_at),
        "firstAt": ms(row.first_at),
        "snoozedUntil": ms(marks.snoozed_until) if row.is_snoozed(now) else None,
        "taken": None if taken is None else {"who": taken.who, "at": ms(taken.at), "why": taken.why},
        "asideUntil": aside_until(row, now=now),
        "over": None if row.cleared_at is None else {"at": ms(row.cleared_at), "why": row.cleared_why},
        "needsAck": row.needs_acknowledgement,
        "isStorm": row.is_storm,
        "collection": newest.collection,
        "actor": newest.actor,
        "rule": newest.rule,
        "audience": newest.audience,
        "actions": actions_of(newest, needs_acknowledgement=row.needs_acknowledgement),
    }


def actions_of(notification: Notification, *, needs_acknowledgement: bool) -> list[dict[str, str]]:
    """Render the buttons that do something, at most two; what has to be acknowledged can be, right there."""
    own = [each for each in notification.actions if each.name in _DOABLE]
    if needs_acknowledgement and not any(each.name == "acknowledge" for each in own):
        own = [Action("Acknowledge", "acknowledge"), *own]
    if not needs_acknowledgement:
        own = [each for each in own if each.name != "acknowledge"]
    return [{"label": each.label, "name": each.name, "argument": each.argument} for each in own[:2]]


def aside_until(row: Row, *, now: float) -> int | None:
    """Return when a banner that was put aside comes back; None when it isn't aside."""
    closed_at = row.marks.closed_at
    if closed_at is None or not row.needs_acknowledgement or now >= closed_at + REOPENS_S:
        return None
    return ms(closed_at + REOPENS_S)


def mute_label(what: str) -> str:
    """Say what a mute is about: `collection:flights` is "collection flights"."""
    first, _, rest = what.partition(":")
    return f"everything about {rest}" if first == "about" else f"{first} {rest}"
