"""Keeps what follows from the log beside it, in the writer's transactions: folded inboxes, the notifier's memory.

Threads: `folded_to` any; the rest is the writer's. What reads the tables is asked through the log's reader.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from realtime.gateway.batches import execute_rows
from realtime.gateway.records import Along

OWN_SOURCE: Final = "/tideboard/notices/"
"""What the gateway says itself. Were it anybody's, a notice could be called a repeat before it was told."""
INBOX_RETENTION: Final = 1_000
"""Commands kept of an inbox's stream, for those who resume; what they made of the inbox is in its snapshot."""


class Shelf:
    """What is kept along with appends. Its memory is as of the open transaction; `reload` it after a rollback."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reload()

    def reload(self) -> None:
        """Read what the last commit left."""
        self._folded: dict[str, int] = dict(self._connection.execute("SELECT channel, offset FROM inboxes"))

    def folded_to(self, channel: str) -> int:
        """Return up to which offset the snapshot of an inbox goes; 0 when there is none."""
        return self._folded.get(channel, 0)

    def keep(self, along: Along) -> None:
        """Keep all that comes along with an append."""
        for channel, (offset, inbox) in along.inboxes.items():
            self.keep_inbox(channel, offset=offset, inbox=inbox)
        self.keep_judged(along.judged)
        self.keep_notes(along.notes, gone=along.gone)

    def keep_inbox(self, channel: str, *, offset: int, inbox: bytes) -> None:
        """Put a snapshot in place of an older one."""
        if offset <= self.folded_to(channel):
            return
        self._connection.execute("INSERT OR REPLACE INTO inboxes VALUES (?, ?, ?)", (channel, offset, inbox))
        self._folded[channel] = offset

    def keep_judged(self, offsets: Mapping[str, int]) -> None:
        """Note up to where channels were judged."""
        execute_rows(self._connection, "INSERT OR REPLACE INTO judged VALUES {rows}", list(offsets.items()))

    def keep_notes(self, notes: Mapping[str, bytes], *, gone: Iterable[str] = ()) -> None:
        """Put notes in place of those of their names, and throw others away."""
        execute_rows(self._connection, "INSERT OR REPLACE INTO notebook VALUES {rows}", list(notes.items()))
        execute_rows(self._connection, "DELETE FROM notebook WHERE name IN (VALUES {rows})", [(name,) for name in gone])


def read_inbox_row(channel: str, connection: sqlite3.Connection) -> tuple[int, bytes] | None:
    """Read an inbox's snapshot: up to which offset, and the fold."""
    row = connection.execute("SELECT offset, inbox FROM inboxes WHERE channel = ?", (channel,)).fetchone()
    return None if row is None else (row[0], bytes(row[1]))


def read_judged(connection: sqlite3.Connection) -> dict[str, int]:
    """Read up to where channels were judged."""
    return {channel.decode(): offset for channel, offset in connection.execute("SELECT channel, offset FROM judged")}


def read_notes(connection: sqlite3.Connection) -> dict[str, bytes]:
    """Read all notes, by name."""
    return {name.decode(): bytes(value) for name, value in connection.execute("SELECT name, value FROM notebook")}
