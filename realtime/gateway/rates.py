"""Counts what somebody asked for lately, by the `limits` library: a sliding window, here in memory, bounded.

Threads: the event loop's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from math import floor
from typing import Final

from limits import RateLimitItemPerSecond
from limits.aio.storage import Storage
from limits.aio.storage.base import SlidingWindowCounterSupport
from limits.aio.strategies import SlidingWindowCounterRateLimiter

_LOG: Final = logging.getLogger(__name__)
MOST_COUNTED: Final = 100_000
"""Keys kept in memory; beyond it the longest unused are forgotten, and whoever they are starts anew."""


class LibraryRates:
    """The `Rates` of a gate, over any storage of the library (`MemoryWindows` here; its Redis one for many nodes)."""

    def __init__(self, storage: Storage) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._windows = storage
        self._items: dict[tuple[int, int], RateLimitItemPerSecond] = {}

    async def take(self, what: str, who: str, *, most: int, window_s: int, cost: int = 1) -> float:
        """Count `cost` if at most `most` then fell into the window; returns 0, or in how many seconds it would fit."""
        item = self._items.setdefault((most, window_s), RateLimitItemPerSecond(most, window_s))
        assert isinstance(self._windows, SlidingWindowCounterSupport)
        try:
            if await self._limiter.hit(item, what, who, cost=cost):
                return 0.0
            before, before_s, now, now_s = await self._windows.get_sliding_window(item.key_for(what, who), window_s)
        except self._windows.base_exceptions as error:
            _LOG.warning("Requests can't be counted now, so they are let through: %s", error)
            return 0.0
        return fits_in(most, before=before, before_s=before_s, now=now, now_s=now_s, window_s=window_s, cost=cost)


def fits_in(most: int, *, before: int, before_s: float, now: int, now_s: float, window_s: int, cost: int = 1) -> float:
    """Return in how many seconds `cost` more fits, when nothing else comes.

    `before` was counted in the window before, whose share fades within `before_s`; `now` in this one, which is
    forgotten in `now_s` (a window of its own after it has ended).
    """
    room = most - cost + 1  # the weighted count is rounded down before it is compared
    left_s = max(0.0, now_s - window_s)
    if now < room:
        fades_in = before_s - (room - now) * window_s / before if before else 0.0
        if fades_in <= left_s:
            return max(0.001, fades_in + 0.001)
    return max(0.001, left_s + window_s * (1 - room / now) + 0.001) if now else left_s + 0.001


class MemoryWindows(Storage, SlidingWindowCounterSupport):
    """A storage for the library that is told the time and bounded; the library's own is neither."""

    def __init__(self, clock: Callable[[], float] = time.time, *, most_keys: int = MOST_COUNTED) -> None:
        super().__init__()
        self._clock = clock
        self._most_keys = most_keys
        self._windows: dict[str, tuple[int, int, int]] = {}
        """Key → number of the window, count in it, count in the one before. The longest unused come first."""

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` if at most `limit` then fell into the window."""
        index, here, before = self._window(key, expiry)
        weight = before * (1 - (self._clock() / expiry) % 1)
        if floor(weight + here) + amount > limit:
            return False
        self._windows.pop(key, None)
        self._windows[key] = (index, here + amount, before)
        if len(self._windows) > self._most_keys:
            del self._windows[next(iter(self._windows))]
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return the count before and how long it fades yet, the count now and how long it will be remembered."""
        _, here, before = self._window(key, expiry)
        left_s = (1 - (self._clock() / expiry) % 1) * expiry
        return before, left_s if before else 0.0, here, left_s + expiry

    async def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002  # the library's signature
        """Forget a key."""
        self._windows.pop(key, None)

    def _window(self, key: str, expiry: int) -> tuple[int, int, int]:
        index = int(self._clock() // expiry)
        kept, here, before = self._windows.get(key, (index, 0, 0))
        if kept == index:
            return index, here, before
        return index, 0, here if kept == index - 1 else 0

    # The rest of what the library wants of a storage

    @property
    def base_exceptions(self) -> type[Exception]:
        """Name what may go wrong: nothing of its own."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count without a limit."""
        index, here, before = self._window(key, expiry)
        self._windows[key] = (index, here + amount, before)
        return here + amount

    async def get(self, key: str) -> int:
        """Return what was counted last."""
        return self._windows.get(key, (0, 0, 0))[1]

    async def get_expiry(self, key: str) -> float:  # noqa: ARG002  # the library's signature
        """Return when a key is forgotten: never before its place is needed."""
        return self._clock()

    async def check(self) -> bool:
        """Tell that it works."""
        return True

    async def reset(self) -> int:
        """Forget everything."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget a key."""
        self._windows.pop(key, None)
