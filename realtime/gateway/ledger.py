"""Keeps who has yet to acknowledge which critical event, inside the writer's transactions. Delivers nothing itself.

Threads: the writer's, everything. Without a consumer, or without a critical event, it costs nothing.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, Final

from realtime import metrics
from realtime.gateway.batches import execute_rows
from realtime.gateway.schema import channel_and_offset, consumer_and_number, slot_of

_LOG: Final = logging.getLogger(__name__)
MAX_CONSUMERS: Final = 100
LETTERS_KEPT: Final = 1000
OVERFLOW: Final = "overflow"
FORGOTTEN: Final = "forgotten"
_MOST_LOGGED: Final = 20
_BURY: Final = """
INSERT INTO dead_letters (time_ms, consumer, place, stored_ms, reason, raw)
SELECT :now, consumers.name, place, criticals.time_ms, :reason, raw
FROM unacked JOIN criticals ON number = slot - :first JOIN consumers ON consumers.key = :consumer
WHERE slot BETWEEN :first AND :last ORDER BY slot LIMIT :count
"""


class Ledger:
    """Who is owed what. What is in memory is as of the open transaction; `reload` it after a rollback."""

    def __init__(self, connection: sqlite3.Connection, *, kept: int) -> None:
        """`kept`: how many critical events one consumer may be owed."""
        self._connection = connection
        self._kept = kept
        self.reload()

    def reload(self) -> None:
        """Read what the last commit left."""
        self._keys: dict[str, int] = dict(self._connection.execute("SELECT name, key FROM consumers"))
        self._waiting: dict[int, int] = dict.fromkeys(self._keys.values(), 0)
        for slot, count in self._connection.execute("SELECT min(slot), count(*) FROM unacked GROUP BY slot >> 40"):
            self._waiting[consumer_and_number(slot)[0]] = count
        self._buried: list[tuple[str, str, str, int]] = []

    def note(self, criticals: Sequence[tuple[int, int, bytes]], *, now_ms: int) -> None:
        """Take in critical events `(place, time_ms, raw)` that are being stored: every consumer is owed them."""
        if not self._keys:
            return
        (before,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM criticals").fetchone()
        count = len(self._keys)
        statement = "INSERT INTO criticals (place, time_ms, waiting, raw) VALUES {rows}"
        execute_rows(self._connection, statement, [(place, ms, count, raw) for place, ms, raw in criticals])
        self._connection.execute(
            "INSERT INTO unacked SELECT (consumers.key << 40) | number FROM criticals, consumers WHERE number > ?",
            (before,),
        )
        for key in self._waiting:
            self._waiting[key] += len(criticals)
            if self._waiting[key] > self._kept:
                self._bury(key, self._waiting[key] - self._kept, reason=OVERFLOW, now_ms=now_ms)

    def meet(self, consumer: str, *, present: Collection[str], now_ms: int) -> None:
        """Know a consumer from now on; when there are too many, the one longest unseen that isn't `present` goes."""
        if consumer in self._keys:
            self._connection.execute("UPDATE consumers SET seen_ms = ? WHERE name = ?", (now_ms, consumer))
            return
        while len(self._keys) >= MAX_CONSUMERS and self._forget_one(present, before_ms=None, now_ms=now_ms):
            pass
        if len(self._keys) >= MAX_CONSUMERS:
            _LOG.warning("%d consumers are connected; for %r nothing is kept", MAX_CONSUMERS, consumer)
            return
        statement = "INSERT INTO consumers (name, first_seen_ms, seen_ms) VALUES (?, ?, ?) RETURNING key"
        (key,) = self._connection.execute(statement, (consumer, now_ms, now_ms)).fetchone()
        self._keys[consumer] = key
        self._waiting[key] = 0

    def acknowledge(self, consumer: str, places: Sequence[int], *, now_ms: int) -> list[tuple[int, int]]:
        """Take in what a consumer has; returns `(place, time_ms)` of what it was owed of that."""
        key = self._keys.get(consumer)
        if key is None or not places:
            return []
        statement = "SELECT number, place, time_ms FROM criticals WHERE place IN (VALUES {rows})"
        found = execute_rows(self._connection, statement, [(place,) for place in places])
        gone = self._remove(key, [number for number, _, _ in found])
        self._connection.execute("UPDATE consumers SET seen_ms = ? WHERE key = ?", (now_ms, key))
        return [(place, time_ms) for number, place, time_ms in found if number in gone]

    def tend(self, *, present: Collection[str], before_ms: int, now_ms: int) -> None:
        """Note who is here, and forget who wasn't seen since `before_ms`."""
        for name in present:
            self._connection.execute("UPDATE consumers SET seen_ms = ? WHERE name = ?", (now_ms, name))
        while self._forget_one(present, before_ms=before_ms, now_ms=now_ms):
            pass

    def try_writing(self) -> None:
        """Take the room of an event or two, and give it back. Raises sqlite3.Error when there is none."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('room', zeroblob(65536))")
        self._connection.execute("DELETE FROM meta WHERE name = 'room'")

    def committed(self) -> None:
        """Tell of the dead letters that are durable now."""
        buried, self._buried = self._buried, []
        for consumer, reason, channel, offset in buried[:_MOST_LOGGED]:
            _LOG.warning("dead letter (%s): %s %d was never acknowledged by %s", reason, channel, offset, consumer)
        if len(buried) > _MOST_LOGGED:
            _LOG.warning("… and %d dead letters more", len(buried) - _MOST_LOGGED)
        for _, reason, _, _ in buried:
            metrics.DEAD_LETTERS.labels(reason).inc()

    def _forget_one(self, present: Collection[str], *, before_ms: int | None, now_ms: int) -> bool:
        seen: list[Any] = self._connection.execute(
            "SELECT name, key FROM consumers WHERE seen_ms < ? ORDER BY seen_ms",
            (1 << 62 if before_ms is None else before_ms,),
        ).fetchall()
        absent = next(((name, key) for name, key in seen if name not in present), None)
        if absent is None:
            return False
        name, key = absent
        self._bury(key, self._waiting[key], reason=FORGOTTEN, now_ms=now_ms)
        self._connection.execute("DELETE FROM consumers WHERE key = ?", (key,))
        del self._keys[name], self._waiting[key]
        return True

    def _bury(self, key: int, count: int, *, reason: str, now_ms: int) -> None:
        """Move the oldest `count` that a consumer is owed to the dead letters."""
        if count <= 0:
            return
        known = {"consumer": key, "first": slot_of(key, 0), "last": slot_of(key + 1, 0) - 1, "count": count}
        slots = self._connection.execute(
            "SELECT slot FROM unacked WHERE slot BETWEEN :first AND :last ORDER BY slot LIMIT :count", known
        ).fetchall()
        self._connection.execute(_BURY, known | {"now": now_ms, "reason": reason})
        self._buried += self._letters(count, reason=reason)
        self._remove(key, [consumer_and_number(slot)[1] for (slot,) in slots])
        self._connection.execute(
            "DELETE FROM dead_letters WHERE number <= (SELECT max(number) FROM dead_letters) - ?", (LETTERS_KEPT,)
        )

    def _letters(self, count: int, *, reason: str) -> list[tuple[str, str, str, int]]:
        rows = self._connection.execute(
            "SELECT consumer, name, place FROM dead_letters JOIN channels ON channels.key = place >> 40"
            " ORDER BY number DESC LIMIT ?",
            (count,),
        ).fetchall()
        return [(consumer, reason, channel, channel_and_offset(place)[1]) for consumer, channel, place in rows[::-1]]

    def _remove(self, key: int, numbers: Sequence[int]) -> set[int]:
        """Owe a consumer these no more; returns which of them it was owed."""
        statement = "DELETE FROM unacked WHERE slot IN (VALUES {rows}) RETURNING slot"
        slots = execute_rows(self._connection, statement, [(slot_of(key, number),) for number in numbers])
        gone = [(consumer_and_number(slot)[1],) for (slot,) in slots]
        self._waiting[key] -= len(gone)
        execute_rows(
            self._connection, "UPDATE criticals SET waiting = waiting - 1 WHERE number IN (VALUES {rows})", gone
        )
        execute_rows(self._connection, "DELETE FROM criticals WHERE waiting <= 0 AND number IN (VALUES {rows})", gone)
        return {number for (number,) in gone}
