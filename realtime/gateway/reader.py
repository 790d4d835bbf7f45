"""Reads the log: streams, documents, refusals, each from one consistent snapshot. No writing in here.

Threads: any; each read borrows a connection of its own.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from realtime.gateway.ports import PAGE_BYTES
from realtime.gateway.records import DocumentPage, DocumentRow, HistoryPage, Record, RefusalRow
from realtime.gateway.schema import document_key, documents_end, open_reader, place_of, storage_error
from realtime.protocol.positions import Position

_CONNECTIONS: Final = 8
_T = TypeVar("_T")
_IDS: Final = msgspec.json.Decoder(list[str | None])

# Whole pages come as one row: every row costs a fight for the interpreter lock (see batches.py), and encoded envelopes
# contain no newline, so they can be taken apart again. The running sum bounds a page in bytes, but for its first row.
PAGE: Final = """
SELECT count(*), group_concat(raw, x'0a'), group_concat(place), group_concat(time_ms), json_group_array(document_id)
FROM (SELECT * FROM (
    SELECT *, sum(length(raw)) OVER (ORDER BY place {order} ROWS UNBOUNDED PRECEDING) AS size_bytes,
           row_number() OVER (ORDER BY place {order} ROWS UNBOUNDED PRECEDING) AS number
    FROM (SELECT * FROM events WHERE {where} ORDER BY place {order} LIMIT :limit)
) WHERE size_bytes <= :most_bytes OR number = 1 ORDER BY place {order})
"""
_IN_STREAM: Final = "place BETWEEN :first AND :last"
_OF_DOCUMENT: Final = "document_id = :document AND place BETWEEN :first AND :last"
_FORWARD: Final = PAGE.format(order="ASC", where=_IN_STREAM)
_REVERSE: Final = PAGE.format(order="DESC", where=_IN_STREAM)
_DOCUMENT: Final = PAGE.format(order="DESC", where=_OF_DOCUMENT)
DOCUMENTS: Final = """
SELECT count(*), '[' || coalesce(group_concat(document, ','), '') || ']', group_concat(offset), max(id)
FROM (SELECT * FROM (
    SELECT *, sum(length(document)) OVER (ORDER BY key ROWS UNBOUNDED PRECEDING) AS size_bytes,
           row_number() OVER (ORDER BY key ROWS UNBOUNDED PRECEDING) AS number
    FROM (SELECT * FROM documents WHERE {where} ORDER BY key LIMIT :limit)
) WHERE size_bytes <= :most_bytes OR number = 1 ORDER BY key)
"""
_IN_COLLECTION: Final = DOCUMENTS.format(where="key > :after AND key < :end")


class Reader:
    """Lends connections and answers questions. Opens at most a handful of connections."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)

    def read(
        self, channel: str, *, unborn: Position, since: Position | None, limit: int, reverse: bool, most_bytes: int
    ) -> HistoryPage:
        """Read a part of a stream; `unborn` is the position of the channel if it doesn't exist yet."""
        with self._snapshot() as connection:
            key, top, trimmed_to = _channel(connection, channel, unborn=unborn)
            if since is not None and not _covers(since, top, trimmed_to=trimmed_to, reverse=reverse):
                return HistoryPage((), top, is_complete=False, reaches_top=False)
            first, last = trimmed_to + 1, top.offset
            if since is not None and reverse:
                last = min(last, since.offset - 1)
            elif since is not None:
                first = since.offset + 1
            records: tuple[Record, ...] = ()
            if limit > 0 and first <= last:
                records = _page(
                    connection,
                    _REVERSE if reverse else _FORWARD,
                    key,
                    first=first,
                    last=last,
                    limit=limit,
                    most_bytes=most_bytes,
                )
        ends_at = first - 1 if not records else max(records[0].offset, records[-1].offset)
        return HistoryPage(records, top, is_complete=True, reaches_top=ends_at >= top.offset)

    def document(self, key: int, identifier: str) -> DocumentRow | None:
        """Read one document of the channel with this key, or None."""
        with self._snapshot() as connection:
            row = connection.execute(
                "SELECT document, offset FROM documents WHERE key = ?", (document_key(key, identifier),)
            ).fetchone()
        return None if row is None else DocumentRow(identifier, bytes(row[0]), row[1])

    def documents(
        self, channel: str, *, unborn: Position, limit: int, cursor: str | None, most_bytes: int
    ) -> DocumentPage:
        """Read a part of a collection's documents, ordered by id, and the position they are of."""
        with self._snapshot() as connection:
            key, top, _ = _channel(connection, channel, unborn=unborn)
            known = {
                "after": document_key(key, cursor or ""),
                "end": documents_end(key),
                "limit": limit,
                "most_bytes": most_bytes,
            }
            count, documents, offsets, last = connection.execute(_IN_COLLECTION, known).fetchone()
            has_more = bool(count) and _has_document_after(connection, key, last)
        return DocumentPage(bytes(documents), numbers(offsets), last.decode() if has_more else None, top)

    def document_history(
        self, channel: str, identifier: str, *, unborn: Position, before: int | None, limit: int
    ) -> HistoryPage:
        """Read the retained events of one document, newest first."""
        with self._snapshot() as connection:
            key, top, trimmed_to = _channel(connection, channel, unborn=unborn)
            last = top.offset if before is None else min(top.offset, before - 1)
            records = _page(
                connection, _DOCUMENT, key,
                first=trimmed_to + 1, last=last, limit=limit, most_bytes=PAGE_BYTES, document=identifier,
            )  # fmt: skip
        return HistoryPage(records, top, is_complete=trimmed_to == 0, reaches_top=before is None)

    def refusals(self, *, limit: int, before: int | None) -> list[RefusalRow]:
        """Read kept refusals, newest first."""
        with self._snapshot() as connection:
            rows = connection.execute(
                "SELECT number, time_ms, item, code, reason, excerpt FROM refusals"
                " WHERE number < ? ORDER BY number DESC LIMIT ?",
                (before if before is not None else 1 << 62, limit),
            ).fetchall()
        return [
            RefusalRow(
                number=number, time_ms=time_ms, index=item,
                code=code.decode(), reason=reason.decode(), excerpt=excerpt.decode(),
            )
            for number, time_ms, item, code, reason, excerpt in rows
        ]  # fmt: skip

    def ask(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        """Answer a question from one consistent snapshot. Raises StorageError."""
        with self._snapshot() as connection:
            return question(connection)

    def close(self) -> None:
        """Close the connections that nobody holds."""
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            connection.close()

    @contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        with self._slots:
            with self._lock:
                connection = self._free.pop() if self._free else None
            connection = connection or open_reader(self._path)
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                connection.close()
                raise storage_error(error) from error
            except BaseException:
                connection.close()
                raise
            with self._lock:
                self._free.append(connection)


def _covers(since: Position, top: Position, *, trimmed_to: int, reverse: bool) -> bool:
    """Tell whether everything between `since` and the top is there. A position beyond the top is of a lost log."""
    if since.epoch != top.epoch or since.offset > top.offset + reverse:
        return False
    return reverse or since.offset >= trimmed_to


def _channel(connection: sqlite3.Connection, channel: str, *, unborn: Position) -> tuple[int, Position, int]:
    row = connection.execute("SELECT key, epoch, top, trimmed_to FROM channels WHERE name = ?", (channel,)).fetchone()
    if row is None:
        return -1, unborn, 0
    key, epoch, top, trimmed_to = row
    return key, Position(epoch.decode(), top), trimmed_to


def _page(
    connection: sqlite3.Connection,
    statement: str,
    channel: int,
    *,
    first: int,
    last: int,
    limit: int,
    most_bytes: int,
    document: str | None = None,
) -> tuple[Record, ...]:
    known: dict[str, Any] = {"limit": limit, "most_bytes": most_bytes, "document": document}
    known |= {"first": place_of(channel, first), "last": place_of(channel, last)}
    count, raw, places, times, documents = connection.execute(statement, known).fetchone()
    if not count:
        return ()
    start = place_of(channel, 0)
    return tuple(
        Record(place - start, one, time_ms, identifier)
        for place, one, time_ms, identifier in zip(
            numbers(places), bytes(raw).split(b"\n"), numbers(times), _IDS.decode(documents), strict=True
        )
    )


def numbers(joined: bytes | None) -> tuple[int, ...]:
    """Read numbers that SQLite has joined by commas."""
    return tuple(map(int, joined.split(b","))) if joined else ()


def _has_document_after(connection: sqlite3.Connection, channel: int, last: bytes) -> bool:
    found = connection.execute(
        "SELECT 1 FROM documents WHERE key > ? AND key < ? LIMIT 1",
        (document_key(channel, last.decode()), documents_end(channel)),
    ).fetchone()
    return found is not None
