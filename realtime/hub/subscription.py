"""Joins one connection to one channel without a hole. Pure: no sockets, clock or tasks.

Buffer what is broadcast, ask the backend, merge by offset, release (DESIGN.md, promise 3).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.errors import Disconnect
from realtime.hub.outgoing import WRAPPING_BYTES, Outgoing, publication_frame, raw_line
from realtime.hub.ports import Joined
from realtime.protocol.codes import DisconnectCode, hang_up
from realtime.protocol.frames import Command, SubscribeRequest, SubscribeResult


@dataclass(slots=True, eq=False)
class Subscription:
    """One connection's place in one channel. Joining until `release`, live from then on.

    `floor`: publications up to this offset are known to the client already; a broadcast of one is dropped.
    """

    channel: str
    request: SubscribeRequest
    is_joining: bool = True
    is_server_side: bool = False
    floor: int = 0
    expires_at: float | None = None
    held: list[Command] = field(default_factory=list)
    eviction: tuple[int, str] | None = None
    _buffer: list[Outgoing] = field(default_factory=list)
    _buffered_bytes: int = 0

    def hold(self, outgoing: Outgoing, *, limit_bytes: int) -> bool:
        """Keep a broadcast until the backend has answered. Returns False when that is more than may wait."""
        self._buffer.append(outgoing)
        self._buffered_bytes += outgoing.size_bytes + WRAPPING_BYTES
        return self._buffered_bytes <= limit_bytes

    def release(self, joined: Joined) -> list[Outgoing]:
        """Go live, and return what was broadcast after `joined` was read, in order.

        Raises Disconnect `insufficient state` when something between the two is missing: the client comes back and
        resumes (centrifuge, MergePublications).
        """
        self.is_joining = False
        self.expires_at = joined.expires_at
        buffered, self._buffer, self._buffered_bytes = self._buffer, [], 0
        if joined.position is None:
            return buffered
        top = self.floor = joined.position.offset
        kept: list[Outgoing] = []
        for outgoing in buffered:
            if 0 < outgoing.offset <= top:
                continue
            if outgoing.offset > 0:
                if joined.recoverable and outgoing.offset != top + 1:
                    raise _insufficient()
                top = outgoing.offset
            kept.append(outgoing)
        return kept

    def result(self, joined: Joined, *, ttl_s: int) -> SubscribeResult:
        """Build the reply. After a recovery the offset is the one asked for: the publications lead on from it."""
        position = joined.position
        is_recovered = joined.recovered and self.request.recover
        offset = 0 if position is None else position.offset
        return SubscribeResult(
            expires=joined.expires_at is not None,
            ttl=ttl_s,
            recoverable=joined.recoverable and position is not None,
            positioned=position is not None,
            epoch="" if position is None else position.epoch,
            offset=self.request.offset if is_recovered else offset,
            publications=[publication_frame(publication) for publication in joined.publications],
            recovered=is_recovered,
            was_recovering=self.request.recover,
            data=raw_line(joined.data),
        )


def _insufficient() -> Disconnect:
    return hang_up(DisconnectCode.INSUFFICIENT_STATE)
