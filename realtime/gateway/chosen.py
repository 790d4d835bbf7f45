"""Reads events and documents that were chosen one by one, over a reader's connection. No writing, no rights in here.

Threads: any; the connection is the caller's.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from realtime.gateway.reader import DOCUMENTS, PAGE, numbers
from realtime.gateway.records import Record, Repeat
from realtime.gateway.schema import channel_and_offset, document_key, documents_end, place_of
from realtime.protocol.positions import Position

_WHERE: Final = "place IN (SELECT value FROM json_each(:places))"
_FORWARD: Final = PAGE.format(order="ASC", where=_WHERE)
_REVERSE: Final = PAGE.format(order="DESC", where=_WHERE)
_DOCUMENTS: Final = DOCUMENTS.format(where="key IN (SELECT value FROM json_each(:keys))")
_IDS: Final = msgspec.json.Decoder(list[str | None])


def records(
    channel: str, offsets: Sequence[int], *, reverse: bool, most_bytes: int, connection: sqlite3.Connection
) -> list[Record]:
    """Read those events of a channel that are still there, in order, up to `most_bytes` of them, at least one."""
    key = _key_of(channel, connection)
    if key is None or not offsets:
        return []
    known = {
        "places": _json([place_of(key, offset) for offset in offsets]), "limit": len(offsets), "most_bytes": most_bytes,
    }  # fmt: skip
    count, raw, places, times, documents = connection.execute(_REVERSE if reverse else _FORWARD, known).fetchone()
    if not count:
        return []
    start = place_of(key, 0)
    parts = zip(numbers(places), bytes(raw).split(b"\n"), numbers(times), _IDS.decode(documents), strict=True)
    return [Record(place - start, one, time_ms, identifier) for place, one, time_ms, identifier in parts]


def documents(
    channel: str, ids: Sequence[str], *, most_bytes: int, connection: sqlite3.Connection
) -> list[tuple[dict[str, Any], int]]:
    """Read those documents of a channel that are still there, by id, with their offsets, up to `most_bytes`."""
    key = _key_of(channel, connection)
    if key is None or not ids:
        return []
    keys = _json([document_key(key, identifier) for identifier in ids])
    known = {"keys": keys, "limit": len(ids), "most_bytes": most_bytes}
    _, found, offsets, _ = connection.execute(_DOCUMENTS, known).fetchone()
    return list(zip(msgspec.json.decode(bytes(found)), numbers(offsets), strict=True))


def left_alone(channel: str, connection: sqlite3.Connection) -> tuple[int, list[tuple[bytes, int]]]:
    """Return up to where a channel's stream is trimmed, and the documents (JSON, offset) unchanged since then."""
    row = connection.execute("SELECT key, trimmed_to FROM channels WHERE name = ?", (channel,)).fetchone()
    if row is None:
        return 0, []
    key, trimmed_to = row
    found = connection.execute(
        "SELECT document, offset FROM documents WHERE key > ? AND key < ? AND offset <= ?",
        (document_key(key, ""), documents_end(key), trimmed_to),
    )
    return trimmed_to, [(bytes(document), offset) for document, offset in found.fetchall()]


def repeat_of(duplicate_key: bytes, connection: sqlite3.Connection) -> Repeat | None:
    """Find where an event stands that was stored before, None when it wasn't."""
    row = connection.execute(
        "SELECT name, epoch, place, time_ms FROM events JOIN channels ON channels.key = place >> 40"
        " WHERE duplicate_key = ?",
        (duplicate_key,),
    ).fetchone()
    if row is None:
        return None
    name, epoch, place, time_ms = row
    return Repeat(name.decode(), Position(epoch.decode(), channel_and_offset(place)[1]), time_ms)


def _key_of(channel: str, connection: sqlite3.Connection) -> int | None:
    row = connection.execute("SELECT key FROM channels WHERE name = ?", (channel,)).fetchone()
    return None if row is None else int(row[0])


def _json(values: Sequence[Any]) -> str:
    return msgspec.json.encode(values).decode()
