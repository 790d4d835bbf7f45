"""What the centre and the banner show of an inbox at a moment: tabs with counts, search, banners. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import Row, State

REOPENS_S: Final = 120.0


class Tab(StrEnum):
    """A tab of the centre, in the order they stand."""

    UNREAD = "unread"
    ALL = "all"
    NEEDS_ACK = "needs-ack"
    SNOOZED = "snoozed"
    DONE = "done"


_BELONGS: Final[dict[Tab, Callable[[Row, float], bool]]] = {
    Tab.UNREAD: lambda row, now: row.is_unread(now),
    Tab.ALL: lambda row, now: row.marks.state is not State.DONE and not row.is_snoozed(now),
    Tab.NEEDS_ACK: lambda row, _: row.needs_acknowledgement,
    Tab.SNOOZED: lambda row, now: row.is_snoozed(now),
    Tab.DONE: lambda row, _: row.marks.state is State.DONE,
}


def rows(inbox: Inbox, tab: Tab, *, now: float, text: str = "") -> tuple[Row, ...]:
    """Return the rows of a tab that hold every word of `text`: those that need someone first, then the newest."""
    words = text.casefold().split()
    belongs = _BELONGS[tab]
    found = [row for row in inbox.rows.values() if belongs(row, now) and _holds(row, words)]
    return tuple(sorted(found, key=lambda row: (not row.needs_acknowledgement, -row.last_at, row.key)))


def counts(inbox: Inbox, *, now: float) -> dict[Tab, int]:
    """Return how many rows each tab has."""
    return {tab: sum(belongs(row, now) for row in inbox.rows.values()) for tab, belongs in _BELONGS.items()}


def unread_count(inbox: Inbox, *, now: float) -> int:
    """Return the one number all tabs show: rows with news that weren't read."""
    return sum(row.is_unread(now) for row in inbox.rows.values())


def banners(inbox: Inbox, *, now: float) -> tuple[Row, ...]:
    """Return the critical rows to be shown on every page, newest first; one put aside is back after two minutes."""
    return tuple(row for row in rows(inbox, Tab.NEEDS_ACK, now=now) if not _is_aside(row, now))


def next_change_at(inbox: Inbox, *, now: float) -> float | None:
    """Return when time alone will change what is shown (a snooze ends, a banner comes back); None: never."""
    moments = [row.marks.snoozed_until for row in inbox.rows.values() if row.is_snoozed(now)]
    moments += [
        row.marks.closed_at + REOPENS_S
        for row in inbox.rows.values()
        if row.marks.closed_at is not None and _is_aside(row, now) and row.needs_acknowledgement
    ]
    return min((moment for moment in moments if moment is not None), default=None)


def _is_aside(row: Row, now: float) -> bool:
    closed_at = row.marks.closed_at
    return closed_at is not None and now < closed_at + REOPENS_S


def _holds(row: Row, words: Iterable[str]) -> bool:
    newest = row.newest
    text = f"{newest.title}\n{newest.message}\n{row.severity}\n{newest.collection}\n{newest.rule}\n{row.key}".casefold()
    return all(word in text for word in words)
