"""Brings what is committed from the writer thread to the hub, in order. Nothing that isn't durable gets here.

Threads: `committed` any; the rest is the event loop's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from realtime.gateway.records import Stored
from realtime.hub.ports import OutPublication
from realtime.protocol.channels import inbox_of
from realtime.protocol.events import CollectionUpdated

_SLICE: Final = 200


class Announcer:
    """Broadcasts commits, one wake-up of the loop per commit, a long one in slices so that others get their turn."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        broadcast: Callable[[Stored], None],
        introduce: Callable[[Stored], None],
        expect_ack: Callable[[Stored], None],
    ) -> None:
        """`introduce` is told of every channel that came into being, but not of inboxes, before its first event is
        broadcast.

        `expect_ack` is told of every critical event, likewise.
        """
        self._loop = loop
        self._broadcast = broadcast
        self._introduce = introduce
        self._expect_ack = expect_ack
        self._waiting: deque[Stored] = deque()
        self._is_scheduled = False

    def committed(self, stored: Sequence[Stored]) -> None:
        """Take a commit. Threads: any."""
        self._loop.call_soon_threadsafe(self._take, stored)

    def _take(self, stored: Sequence[Stored]) -> None:
        self._waiting.extend(stored)
        if not self._is_scheduled:
            self._work_off()

    def _work_off(self) -> None:
        for _ in range(min(_SLICE, len(self._waiting))):
            stored = self._waiting.popleft()
            if stored.is_first_of_channel and inbox_of(stored.channel) is None:
                self._introduce(stored)
            if stored.accepted.is_critical:
                self._expect_ack(stored)
            self._broadcast(stored)
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            self._loop.call_soon(self._work_off)


def publication_of(stored: Stored) -> OutPublication:
    """Return a stored event as it goes out. Only an uncritical update may be replaced by a later one (promise 8)."""
    accepted = stored.accepted
    is_update = isinstance(accepted.event, CollectionUpdated)
    return OutPublication(
        data=accepted.raw,
        offset=stored.position.offset,
        key=accepted.document_id,
        can_coalesce=is_update and not accepted.is_critical,
        time_ms=stored.time_ms,
    )
