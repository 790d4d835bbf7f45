"""Remembers which positions of which streams were taken in, a bit each, bounded. Pure and immutable.

What lies below all that a stream still remembers counts as taken in: a replay from far back must never tell twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

STREAMS_KEPT: Final = 256
CHUNKS_KEPT: Final = 128
CHUNK: Final = 1024
_CHUNK_BYTES: Final = CHUNK // 8


class Stream(msgspec.Struct, frozen=True):
    """One stream's positions: those below `floor` count as taken in; `chunks` has a bit for each of the others."""

    floor: int = 0
    chunks: dict[int, bytes] = {}

    def has(self, offset: int) -> bool:
        """Tell whether a position was taken in."""
        number, place = divmod(offset, CHUNK)
        if number < self.floor:
            return True
        bits = self.chunks.get(number)
        return bits is not None and bool(bits[place >> 3] >> (place & 7) & 1)

    def take(self, offsets: Iterable[int]) -> Stream:
        """Return the stream with positions taken in."""
        chunks, floor = dict(self.chunks), self.floor
        for offset in offsets:
            number, place = divmod(offset, CHUNK)
            if number >= floor:
                bits = int.from_bytes(chunks.get(number, b""), "little") | 1 << place
                chunks[number] = bits.to_bytes(_CHUNK_BYTES, "little")
        while len(chunks) > CHUNKS_KEPT:
            lowest = min(chunks)
            del chunks[lowest]
            floor = lowest + 1
        return Stream(floor, chunks)


class Seen(msgspec.Struct, frozen=True):
    """The streams by name, the one heard of last at the end."""

    streams: dict[str, Stream] = {}

    def fresh(self, stream: str, offsets: Iterable[int]) -> tuple[int, ...]:
        """Return the positions that were not taken in yet, ascending."""
        known = self.streams.get(stream)
        return tuple(sorted({offset for offset in offsets if known is None or not known.has(offset)}))

    def take(self, stream: str, offsets: Iterable[int]) -> Seen:
        """Return this with positions taken in. O(streams + chunks), however many positions were."""
        streams = dict(self.streams)
        streams[stream] = streams.pop(stream, Stream()).take(offsets)
        while len(streams) > STREAMS_KEPT:
            del streams[next(iter(streams))]
        return Seen(streams)
