"""Says what an inbox holds, and how much. Pure; `inbox.apply` alone makes new ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from realtime.notifications.model import Kind, Marks, Row, Severity, Source, State
from realtime.notifications.preferences import Preferences
from realtime.notifications.seen import Seen

ROWS_KEPT: Final = 1_000
ROWS_DROPPED: Final = 50
"""How many leave at once, so that the search for those who leave isn't made for each."""
CRITICAL_KEPT: Final = 500
"""Rows that need an acknowledgement; what comes beyond is counted in one storm row."""
HISTORY_KEPT: Final = 1_000
COMMANDS_KEPT: Final = 256
FAMILIES_KEPT: Final = 256
UNDOABLE_KEPT: Final = 20
UNDO_S: Final = 8.0
UNDO_GRACE_S: Final = 2.0
"""How late an undo may be given that was clicked in time."""


class Past(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the history. `at` is when it happened, `noted_at` when it came into the inbox."""

    at: float
    noted_at: float
    key: str
    kind: Kind
    severity: Severity
    title: str
    message: str = ""
    why: str = ""
    what: str = "told"
    count: int = 1
    source: Source | None = None


class Undoable(msgspec.Struct, frozen=True):
    """What a command changed: the marks before, and after with the row's revision."""

    id: str
    at: float
    before: dict[str, Marks]
    after: dict[str, tuple[Marks, int]]


class Inbox(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything an inbox is. Rows by key; `dropped` counts events in rows that left to make room.

    `seen` knows which events are in, `families` when the newest of each kind and collection came, for storms.
    """

    revision: int = 0
    rows: dict[str, Row] = {}
    seen: Seen = Seen()
    families: dict[str, tuple[float, ...]] = {}
    history: tuple[Past, ...] = ()
    applied: tuple[str, ...] = ()
    undoable: tuple[Undoable, ...] = ()
    dropped: int = 0
    preferences: Preferences = Preferences()

    @property
    def total(self) -> int:
        """Return how many events were ever taken in."""
        return self.dropped + sum(row.total for row in self.rows.values())

    @property
    def alarms(self) -> tuple[tuple[str, str], ...]:
        """Return rule and key of each alarm that stands, for `Watch.adopt`."""
        return tuple(
            (row.newest.rule, key)
            for key, row in self.rows.items()
            if row.newest.is_alarm and row.cleared_at is None and not row.is_storm
        )


def with_rows(inbox: Inbox, changed: Mapping[str, Row]) -> Inbox:
    """Return an inbox with rows replaced or added; over the bound those leave that matter least."""
    rows = {**inbox.rows, **changed}
    if len(rows) <= ROWS_KEPT:
        return msgspec.structs.replace(inbox, rows=rows)
    newest = max((row.revision for row in changed.values()), default=0)
    leaving = sorted(
        (row for row in rows.values() if not row.needs_acknowledgement and row.revision != newest), key=_worth
    )[: len(rows) - ROWS_KEPT + ROWS_DROPPED]
    for row in leaving:
        del rows[row.key]
    dropped = inbox.dropped + sum(row.total for row in leaving)
    return msgspec.structs.replace(inbox, rows=rows, dropped=dropped)


def _worth(row: Row) -> tuple[int, float, str]:
    """Order rows by who leaves first: done, read, all others; the oldest first."""
    rank = 0 if row.marks.state is State.DONE else 1 if row.marks.state is State.READ else 2
    return (rank, row.last_at, row.key)
