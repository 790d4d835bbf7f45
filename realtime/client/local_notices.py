"""Judges what the client itself raises (its connection was lost, came back, left a gap): the gateway never hears of it.

Threads: one at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from realtime.client.facts import fact_from
from realtime.notifications.model import Signal
from realtime.notifications.rules import Rule
from realtime.notifications.watch import Watch
from realtime.protocol.events import LOCAL_TYPES
from realtime.store import Store
from realtime.store.contents import CONNECTION

_READ_AT_ONCE = 500
_TICK_S = 10.0


class LocalNotices:
    """The rules at work on the client's own events, each judged once."""

    def __init__(self, store: Store, rules: Sequence[Rule]) -> None:
        self._store = store
        self._watch = Watch([rule for rule in rules if _is_local(rule)])
        self._process = uuid.uuid4().hex[:12]  # what was raised before this start is another's
        self._sequence = store.sequence
        self._has_rates = any(rule.rate for rule in self._watch.rules)
        self._tick_at: float | None = None

    @property
    def due_at(self) -> float | None:
        """Return when a rate may be over by time alone, None when nothing is counted."""
        return self._tick_at

    def judge(self, now: float) -> list[Signal]:
        """Return what deserves notice of all that was raised since the last time."""
        entries = [
            entry
            for entry in self._store.feed(limit=_READ_AT_ONCE, channels=(CONNECTION,))
            if entry.sequence > self._sequence
        ]
        signals: list[Signal] = []
        for entry in reversed(entries):
            self._sequence = entry.sequence
            signals += self._watch.take(fact_from(entry, epoch="", process=self._process))
        if self._tick_at is not None and now >= self._tick_at:
            signals += self._watch.tick(now)
        self._tick_at = now + _TICK_S if self._has_rates and self._watch.size else None
        return signals


def _is_local(rule: Rule) -> bool:
    return any(pattern.names(type_, None) for pattern in rule.patterns() for type_ in LOCAL_TYPES)
