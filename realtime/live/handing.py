"""Takes publications from the caster's threads to the event loop, in order; what one pass has made goes over together.

No sockets, no views. Threads: `put` and `hand_over` any, publishing happens on the loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

HOLD_S: Final = 0.01
"""How long something may wait for what the same pass is still rendering."""
Publish = Callable[[str, bytes], None]


class Handing:
    """What waits for the loop. `publish(channel, data)` is called there, and `spent(seconds)` with what it took since
    rendering began; `on_closed` when the loop is no more.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        publish: Publish,
        *,
        spent: Callable[[float], None],
        on_closed: Callable[[], None],
        timer: Callable[[], float],
    ) -> None:
        self._loop = loop
        self._publish = publish
        self._spent = spent
        self._on_closed = on_closed
        self._timer = timer
        self._waiting: deque[tuple[str, bytes, float]] = deque()
        self._held_since: float | None = None

    def put(self, channel: str, data: bytes, began: float, *, may_wait: bool) -> None:
        """Add a publication that was begun then. `may_wait`: more may follow at once, and somebody will hand over."""
        self._waiting.append((channel, data, began))
        if self._held_since is None:
            self._held_since = self._timer()
        if not may_wait or self._timer() - self._held_since > HOLD_S:
            self.hand_over()

    def hand_over(self) -> None:
        """Have the loop publish what waits."""
        self._held_since = None
        try:
            if self._waiting:
                self._loop.call_soon_threadsafe(self._publish_waiting)
        except RuntimeError:
            self._on_closed()  # nobody is left to send to

    def _publish_waiting(self) -> None:
        """Publish, each channel once in a turn of the loop: of two versions together a tab would lack the first."""
        seen: set[str] = set()
        while self._waiting:
            if self._waiting[0][0] in seen:
                self._loop.call_soon(self._publish_waiting)
                return
            channel, data, began = self._waiting.popleft()
            seen.add(channel)
            self._publish(channel, data)
            self._spent(self._timer() - began)
