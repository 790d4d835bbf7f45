"""Reads who is owed which critical event, and the dead letters, over a reader's connection. No writing in here.

Threads: any; the connection is the caller's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import msgspec

from realtime.gateway.records import DeadLetter, Owed, Redelivery
from realtime.gateway.schema import channel_and_offset, slot_of

_OWED: Final = """
SELECT name, place, time_ms FROM unacked JOIN criticals ON number = slot - :first
JOIN channels ON channels.key = place >> 40 WHERE slot BETWEEN :first AND :last ORDER BY slot
"""
_LETTERS: Final = """
SELECT number, time_ms, stored_ms, consumer, name, epoch, place, reason, raw
FROM dead_letters JOIN channels ON channels.key = place >> 40
WHERE number < ? ORDER BY number DESC LIMIT ?
"""


def owed_to(consumer: str, connection: sqlite3.Connection) -> list[Owed]:
    """List what a consumer has yet to acknowledge, oldest first."""
    key = _key_of(consumer, connection)
    if key is None:
        return []
    known = {"first": slot_of(key, 0), "last": slot_of(key + 1, 0) - 1}
    return [
        Owed(channel.decode(), channel_and_offset(place)[1], time_ms)
        for channel, place, time_ms in connection.execute(_OWED, known).fetchall()
    ]


def redeliveries(
    consumer: str, wanted: Sequence[tuple[str, int]], *, most_bytes: int, connection: sqlite3.Connection
) -> list[Redelivery]:
    """Read those of `wanted` (channel, offset) that a consumer is still owed, in that order.

    They end early once they have `most_bytes`, but for the first.
    """
    key = _key_of(consumer, connection)
    if key is None:
        return []
    found: list[Redelivery] = []
    room = most_bytes
    for channel, offset in wanted:
        row = connection.execute(
            "SELECT epoch, raw FROM channels JOIN criticals ON place = (channels.key << 40) | ?"
            " JOIN unacked ON slot = ? | number WHERE name = ?",
            (offset, slot_of(key, 0), channel),
        ).fetchone()
        if row is None:
            continue
        epoch, raw = row
        room -= len(raw)
        if room < 0 and found:
            break
        found.append(Redelivery(channel, epoch.decode(), offset, msgspec.Raw(raw)))
    return found


def dead_letters(connection: sqlite3.Connection, *, limit: int, before: int | None) -> list[DeadLetter]:
    """Read dead letters, newest first, from before the number `before`."""
    rows = connection.execute(_LETTERS, (before if before is not None else 1 << 62, limit)).fetchall()
    return [
        DeadLetter(
            number=number, time_ms=time_ms, stored_ms=stored_ms, consumer=consumer.decode(), channel=channel.decode(),
            epoch=epoch.decode(), offset=channel_and_offset(place)[1], reason=reason.decode(), event=msgspec.Raw(raw),
        )
        for number, time_ms, stored_ms, consumer, channel, epoch, place, reason, raw in rows
    ]  # fmt: skip


def dead_letter_count(connection: sqlite3.Connection) -> int:
    """Count the dead letters that are kept."""
    (count,) = connection.execute("SELECT count(*) FROM dead_letters").fetchone()
    return int(count)


def _key_of(consumer: str, connection: sqlite3.Connection) -> int | None:
    row = connection.execute("SELECT key FROM consumers WHERE name = ?", (consumer,)).fetchone()
    return None if row is None else int(row[0])
