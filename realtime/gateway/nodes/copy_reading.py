"""Reads a node's copy as of one moment, to put back what Redis has lost. Writes nothing.

Threads: whose a reading is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from realtime.gateway.nodes.copy_file import At, Kept, Side, unretained_of
from realtime.gateway.schema import connect, place_of


@dataclass(frozen=True)
class Reading:
    """A copy as of one moment, for putting it back."""

    at: At
    channels: Mapping[str, Kept]
    connection: sqlite3.Connection

    @classmethod
    @contextmanager
    def of(cls, path: Path) -> Iterator[Reading]:
        """Read a file as it is now, whatever is written meanwhile. Raises sqlite3.Error."""
        connection = connect(path)
        try:
            connection.execute("BEGIN")
            (packed,) = connection.execute("SELECT at FROM facts").fetchone()
            rows = connection.execute("SELECT key, name, top, solid, trimmed_to FROM channels ORDER BY key").fetchall()
            channels = {name: Kept(key, name, top, solid, trim, trim) for key, name, top, solid, trim in rows}
            yield cls(msgspec.json.decode(packed, type=At), channels, connection)
        finally:
            connection.close()

    def side(self) -> Side | None:
        """Return the side tables."""
        found = self.connection.execute("SELECT side FROM sides").fetchone()
        return None if found is None else msgspec.msgpack.decode(found[0], type=Side)

    def judgements(self) -> list[tuple[str, int, bytes]]:
        """List what was judged since the side tables were read, in order: seed, place in the feed, judgement."""
        rows = self.connection.execute("SELECT seed, seq, packed FROM judgements ORDER BY number")
        return [(seed, seq, bytes(packed)) for seed, seq, packed in rows]

    def folds(self) -> list[tuple[str, int, bytes]]:
        """List the folds of inboxes."""
        return [
            (channel, offset, bytes(fold)) for channel, offset, fold in self.connection.execute("SELECT * FROM folds")
        ]

    def unretained(self, channel: str) -> list[tuple[str, int, bytes]]:
        """List the documents of a channel whose events aren't here any more."""
        return unretained_of(self.connection, self.channels[channel])

    def events(self, channel: str, *, after: int, limit: int) -> list[tuple[int, int, bytes]]:
        """List events of a channel in order: offset, time, envelope."""
        key = self.channels[channel].key
        first = place_of(key, max(after, self.channels[channel].trimmed_to))
        rows: list[Any] = self.connection.execute(
            "SELECT place, time_ms, raw FROM events WHERE place > ? AND place < ? ORDER BY place LIMIT ?",
            (first, place_of(key + 1, 0), limit),
        ).fetchall()
        return [(place - place_of(key, 0), time_ms, bytes(raw)) for place, time_ms, raw in rows]
