"""Elects, for each person, the one tab that shows toasts: of those that can be seen, the one active last. Pure.

What a tab is doesn't matter here, as long as it can be told from others.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Election(Generic[T]):
    """The visible tabs of each person, the one active last at the end. Facts in; who leads now, and who not, out."""

    def __init__(self) -> None:
        self._visible: dict[str, dict[T, None]] = {}

    def leader(self, person: str) -> T | None:
        """Return the tab that shows a person's toasts, None when none of theirs can be seen."""
        visible = self._visible.get(person)
        return next(reversed(visible)) if visible else None

    def seen(self, person: str, tab: T) -> list[tuple[T, bool]]:
        """Take in that a tab can be seen and someone did something there; return whom to tell what."""
        before = self.leader(person)
        visible = self._visible.setdefault(person, {})
        visible.pop(tab, None)
        visible[tab] = None
        return self._changes(before, tab)

    def gone(self, person: str, tab: T) -> list[tuple[T, bool]]:
        """Take in that a tab is hidden, closed, or another person's now; return whom to tell what."""
        before = self.leader(person)
        visible = self._visible.get(person, {})
        visible.pop(tab, None)
        if not visible:
            self._visible.pop(person, None)
        return self._changes(before, self.leader(person))

    def __len__(self) -> int:
        """Return how many people have a tab that can be seen."""
        return len(self._visible)

    @staticmethod
    def _changes(before: T | None, now: T | None) -> list[tuple[T, bool]]:
        if before == now:
            return []
        told = [(before, False), (now, True)]
        return [(tab, is_leader) for tab, is_leader in told if tab is not None]
