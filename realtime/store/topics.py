"""Counts versions of topics by one rising tick. Pure; the store's lock guards it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable


class Topics:
    """Remembers at which tick each topic last changed, newest last, so that finding changes costs what changed."""

    def __init__(self) -> None:
        self.tick = 0
        self._last: OrderedDict[str, int] = OrderedDict()

    def bump(self, topics: Iterable[str]) -> int:
        """Advance the tick once and give it to every topic in `topics`; return it."""
        self.tick += 1
        last = self._last
        for topic in topics:
            last[topic] = self.tick
            last.move_to_end(topic)
        return self.tick

    def forget(self, topic: str) -> None:
        """Forget a topic that nobody reads any more; changed again, it is newer than it ever was."""
        self._last.pop(topic, None)

    def version(self, topic: str) -> int:
        """Return the tick of a topic's last change, 0 if it never changed."""
        return self._last.get(topic, 0)

    def since(self, after: int) -> frozenset[str]:
        """Return the topics that changed after tick `after`. O(how many those are)."""
        changed = []
        for topic in reversed(self._last):
            if self._last[topic] <= after:
                break
            changed.append(topic)
        return frozenset(changed)
