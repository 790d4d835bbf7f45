"""Holds what one connection hasn't been sent yet, bounded in bytes. Pure: no sockets, clock or tasks.

A later update supersedes an undelivered earlier one where that can't look like a gap (DESIGN.md, promise 8).
"""

from __future__ import annotations

from collections import OrderedDict

from realtime.hub.outgoing import WRAPPING_BYTES, Outgoing


class Backlog:
    """A queue of lines, oldest first."""

    __slots__ = ("_latest", "_lines", "_next", "coalesced", "limit_bytes", "size_bytes")

    def __init__(self, *, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self.coalesced = 0
        self._next = 0
        self._lines: OrderedDict[int, Outgoing] = OrderedDict()
        self._latest: dict[tuple[str, str], int] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, outgoing: Outgoing) -> bool:
        """Append a line, and drop the one it supersedes. Returns False when more waits than may."""
        self._next += 1
        key = outgoing.supersedes
        if key is not None:
            earlier = self._latest.get(key)
            if earlier is not None:
                self._forget(earlier)
                self.coalesced += 1
            self._latest[key] = self._next
        self._lines[self._next] = outgoing
        self.size_bytes += outgoing.size_bytes + WRAPPING_BYTES
        return self.size_bytes <= self.limit_bytes or len(self._lines) == 1  # a single one has to go somehow

    def take(self, *, limit_bytes: int) -> Outgoing:
        """Remove the oldest lines, at least one and about `limit_bytes` of them, as one message; empty for none."""
        lines: list[bytes] = []
        taken_bytes = 0
        while self._lines and taken_bytes < limit_bytes:
            outgoing = self._forget(next(iter(self._lines)))
            if outgoing.supersedes is not None:
                del self._latest[outgoing.supersedes]
            if not self._lines and not lines:
                return outgoing  # alone, it is the very one that others are sent, too
            lines.append(outgoing.line)
            taken_bytes += outgoing.size_bytes
        return Outgoing(b"\n".join(lines))

    def clear(self) -> None:
        """Forget everything."""
        self._lines.clear()
        self._latest.clear()
        self.size_bytes = 0

    def _forget(self, number: int) -> Outgoing:
        outgoing = self._lines.pop(number)
        self.size_bytes -= outgoing.size_bytes + WRAPPING_BYTES
        return outgoing
