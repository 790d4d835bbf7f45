"""Lets those who ask for the same share one reading of it. Knows nothing of what is read.

Threads: the event loop's only.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedReads(Generic[T]):
    """Readings under way, and the last few that were done, by what is read."""

    def __init__(self, *, kept: int = 8) -> None:
        self._kept = kept
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}
        self._done: OrderedDict[Hashable, T] = OrderedDict()

    async def read(self, key: Hashable, read: Callable[[], Awaitable[T]], *, is_fresh: Callable[[T], bool]) -> T:
        """Return what an earlier reading brought, if that `is_fresh` enough for the caller, or else read anew."""
        known = self._done.get(key)
        if known is not None and is_fresh(known):
            self._done.move_to_end(key)
            return known
        while True:
            task = self._under_way.get(key)
            is_own = task is None
            if task is None:
                task = self._under_way[key] = asyncio.ensure_future(self._once(key, read))
            # One who leaves doesn't take the reading away from the others.
            found = await asyncio.shield(task)
            if is_own or is_fresh(found):
                return found

    async def _once(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        try:
            found = await read()
        finally:
            del self._under_way[key]
        self._done[key] = found
        self._done.move_to_end(key)
        if len(self._done) > self._kept:
            self._done.popitem(last=False)
        return found
