"""Decides when which critical event is given again to which connected consumer. No sockets, storage or clock.

The log knows who is owed what; this is the part of it that is due at some moment, and can be made anew from the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Place: TypeAlias = tuple[str, int]
"""A channel and an offset."""


class Pending:
    """What connected consumers have yet to acknowledge. Unix seconds.

    Each consumer's places are in the order they are due, since whatever is put at the end is due last.
    """

    def __init__(self, *, again_s: float, kept: int) -> None:
        """`again_s`: how long an acknowledgement may take; `kept`: how much one consumer may be owed."""
        self._again_s = again_s
        self._kept = kept
        self._due: dict[str, dict[Place, float]] = {}

    @property
    def consumers(self) -> tuple[str, ...]:
        """Name who is connected."""
        return tuple(self._due)

    def connected(self, consumer: str) -> None:
        """Note from now on what a consumer is sent; what an earlier connection was sent may be lost with it."""
        self._due[consumer] = {}

    def loaded(self, consumer: str, owed: Iterable[Place], *, now: float) -> None:
        """Take in what the log says it is owed from before: due at once, but for what it is being sent just now."""
        known = self._due.get(consumer)
        if known is not None:
            earlier = {place: now for place in owed if place not in known}
            self._due[consumer] = self._bounded({**earlier, **known})

    def gone(self, consumer: str) -> None:
        """Forget a consumer that left; the log remembers."""
        self._due.pop(consumer, None)

    def stored(self, place: Place, *, now: float) -> None:
        """Take in that a critical event goes out to everybody now."""
        for consumer, due in self._due.items():
            due[place] = now + self._again_s
            if len(due) > self._kept:
                self._due[consumer] = self._bounded(due)

    def settled(self, consumer: str, places: Iterable[Place]) -> None:
        """Take in what was acknowledged, or isn't owed for another reason."""
        due = self._due.get(consumer)
        if due is not None:
            for place in places:
                due.pop(place, None)

    def due(self, consumer: str, *, now: float, at_most: int) -> list[Place]:
        """List what is to be given again now, the longest due first."""
        found: list[Place] = []
        for place, at in self._due.get(consumer, {}).items():
            if at > now or len(found) == at_most:
                break
            found.append(place)
        return found

    def given(self, consumer: str, places: Sequence[Place], *, now: float) -> None:
        """Take in that these went out; they come again when they aren't acknowledged in time."""
        due = self._due.get(consumer)
        if due is not None:
            for place in places:
                if due.pop(place, None) is not None:
                    due[place] = now + self._again_s

    @property
    def next_due(self) -> float | None:
        """Return when something is due next, None when nothing is."""
        return min((next(iter(due.values())) for due in self._due.values() if due), default=None)

    def _bounded(self, due: dict[Place, float]) -> dict[Place, float]:
        """Drop the oldest of what is too much; the log made dead letters of them."""
        return dict(list(due.items())[-self._kept :])
