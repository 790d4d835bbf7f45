"""Reads streams, documents and refusals out of Redis, each part at one moment, by script. No writing in here.

Threads: any. Everything raises StorageError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from realtime.errors import StorageError
from realtime.gateway.nodes.log_keys import key_text
from realtime.gateway.nodes.replies import DocumentHistory, DocumentsPart, EntryAt, RecordsPart, StreamPart
from realtime.gateway.nodes.server import PUT_BACK, Server, whole
from realtime.gateway.ports import PAGE_BYTES
from realtime.gateway.records import DocumentPage, DocumentRow, HistoryPage, Record, RefusalRow, Repeat
from realtime.gateway.schema import epoch_of
from realtime.protocol.channels import collection_channel
from realtime.protocol.positions import Position

_IDS_AT_ONCE: Final = 500
_OFFSETS_AT_ONCE: Final = 1_000


class RefusalAt(msgspec.Struct, array_like=True, frozen=True):
    """A refusal as it is kept."""

    time_ms: int
    index: int
    code: str
    reason: str
    excerpt: str


class Reader:
    """Reads what nodes have stored."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._keys = server.keys

    def part(
        self, channel: str, *, since: int, limit: int, reverse: bool = False, most_bytes: int = PAGE_BYTES
    ) -> StreamPart:
        """Read a part of a stream after (reversed: before) an offset, -1 for from its end, and of which seed it is."""
        keys = self._keys
        names = [keys.meta, keys.tops, keys.trims, keys.stream(channel)]
        part = self._server.run("read", names, [channel, since, max(limit, 0), reverse, most_bytes], StreamPart)
        whole(part.seed)
        return part

    def read(self, channel: str, *, since: Position | None, limit: int, reverse: bool, most_bytes: int) -> HistoryPage:
        """Read a part of a stream."""
        offset = -1 if since is None else since.offset
        part = self.part(channel, since=offset, limit=limit, reverse=reverse, most_bytes=most_bytes)
        top = Position(epoch_of(part.seed, channel), part.top)
        if since is not None and (since.epoch != top.epoch or not part.is_covered):
            return HistoryPage((), top, is_complete=False, reaches_top=False)
        records = tuple(map(_record, part.entries))
        first = part.trimmed_to + 1 if since is None or reverse else since.offset + 1
        ends_at = first - 1 if not records else max(records[0].offset, records[-1].offset)
        return HistoryPage(records, top, is_complete=True, reaches_top=ends_at >= top.offset)

    def document(self, collection: str, identifier: str) -> DocumentRow | None:
        """Read one document, or None."""
        key = self._keys.documents(collection_channel(collection))
        _, [kept] = self._server.read(lambda pipeline: pipeline.hget(key, identifier))
        if kept is None:
            return None
        offset, document = _taken_apart(kept)
        return DocumentRow(identifier, document, offset)

    def page(self, collection: str, *, limit: int, cursor: str | None, most_bytes: int) -> DocumentPage:
        """Read a part of a collection's documents, ordered by id, and the position they are of."""
        channel, keys = collection_channel(collection), self._keys
        names = [keys.meta, keys.tops, keys.documents(channel), keys.ids(channel)]
        part = self._server.run("documents", names, [channel, cursor or "", max(limit, 0), most_bytes], DocumentsPart)
        whole(part.seed)
        found = [_taken_apart(one.encode()) for one in part.documents]
        return DocumentPage(
            b"[" + b",".join(document for _, document in found) + b"]",
            tuple(offset for offset, _ in found),
            part.last if part.has_more and isinstance(part.last, str) else None,
            Position(epoch_of(part.seed, channel), part.top),
        )

    def document_history(self, channel: str, identifier: str, *, before: int | None, limit: int) -> HistoryPage:
        """Read the retained events of one document, newest first."""
        keys = self._keys
        names = [
            keys.meta, keys.tops, keys.trims, keys.stream(channel), keys.documents(channel), keys.gone(channel)
        ]  # fmt: skip
        request = [channel, identifier, -1 if before is None else before, limit, PAGE_BYTES]
        found = self._server.run("history", names, request, DocumentHistory)
        whole(found.seed)
        top = Position(epoch_of(found.seed, channel), found.top)
        records = tuple(map(_record, found.entries))
        return HistoryPage(records, top, is_complete=found.trimmed_to == 0, reaches_top=before is None)

    def records(self, channel: str, offsets: Sequence[int], *, most_bytes: int) -> list[Record]:
        """Read those events of a channel that are still there, in the order asked for."""
        found: list[Record] = []
        names = [self._keys.meta, self._keys.stream(channel)]
        for start in range(0, len(offsets), _OFFSETS_AT_ONCE):
            request = [list(offsets[start : start + _OFFSETS_AT_ONCE]), most_bytes]
            part = self._server.run("records", names, request, RecordsPart)
            whole(part.seed)
            for entry in part.entries:
                most_bytes -= len(entry.raw)
                if most_bytes < 0 and found:
                    return found
                found.append(_record(entry))
        return found

    def documents(self, channel: str, ids: Sequence[str], *, most_bytes: int) -> list[tuple[dict[str, Any], int]]:
        """Read those documents of a channel that are still there, in the order asked for, with their offsets."""
        key = self._keys.documents(channel)
        found: list[tuple[dict[str, Any], int]] = []
        for start in range(0, len(ids), _IDS_AT_ONCE):
            some = list(ids[start : start + _IDS_AT_ONCE])
            _, [kept] = self._server.read(_asking_for(key, some))
            for one in kept:
                if one is None:
                    continue
                offset, document = _taken_apart(one)
                most_bytes -= len(document)
                if most_bytes < 0 and found:
                    return found
                found.append((msgspec.json.decode(document), offset))
        return found

    def left_alone(self, channel: str) -> tuple[int, list[tuple[bytes, int]]]:
        """Return up to where a stream is trimmed, and the documents (JSON, offset) unchanged since.

        One that changes while it is read is left out: its event is in the stream.
        """
        seed, [kept] = self._server.read(lambda pipeline: pipeline.hget(self._keys.trims, channel))
        trimmed_to = int(kept or 0)
        found: list[tuple[bytes, int]] = []
        if trimmed_to == 0:
            return 0, found
        key, cursor = self._keys.documents(channel), 0
        seen: dict[bytes, tuple[bytes, int]] = {}
        while True:
            now, [(cursor, some)] = self._server.read(partial(_scan, key, cursor))
            if now != seed:
                raise StorageError(PUT_BACK)
            for identifier, one in some.items():
                offset, document = _taken_apart(one)
                if offset <= trimmed_to:
                    seen[identifier] = (document, offset)
            if cursor == 0:
                return trimmed_to, list(seen.values())

    def repeat_of(self, duplicate_key: bytes) -> Repeat | None:
        """Find where an event stands that was stored before, None when it wasn't."""
        keys = self._keys
        seed, [kept] = self._server.read(lambda pipeline: pipeline.hget(keys.dups, key_text(duplicate_key)))
        if kept is None:
            return None
        offset, time_ms, name = kept.split(b" ", 2)
        channel = name.decode()
        return Repeat(channel, Position(epoch_of(seed, channel), int(offset)), int(time_ms))

    def refusals(self, *, limit: int, before: int | None) -> list[RefusalRow]:
        """Read kept refusals, newest first."""
        if before is not None and before <= 1:
            return []
        newest = "+" if before is None else str(before - 1)
        _, [entries] = self._server.read(
            lambda pipeline: pipeline.xrevrange(self._keys.refusals, newest, "-", count=max(limit, 1))
        )
        return [_refusal(place, fields) for place, fields in entries]


def _asking_for(key: str, ids: list[str]) -> Callable[[Any], object]:
    return lambda pipeline: pipeline.hmget(key, ids)


def _scan(key: str, cursor: int, pipeline: Any) -> object:
    return pipeline.hscan(key, cursor, count=_IDS_AT_ONCE)


def _refusal(place: bytes, fields: dict[bytes, bytes]) -> RefusalRow:
    one = msgspec.json.decode(fields[b"b"], type=RefusalAt)
    return RefusalRow(
        number=int(place.split(b"-")[0]), time_ms=one.time_ms, index=one.index,
        code=one.code, reason=one.reason, excerpt=one.excerpt,
    )  # fmt: skip


def _record(entry: EntryAt) -> Record:
    identifier = entry.document_id if isinstance(entry.document_id, str) else None
    return Record(entry.offset, entry.raw.encode(), entry.time_ms, identifier)


def _taken_apart(kept: bytes) -> tuple[int, bytes]:
    offset, document = kept.split(b" ", 1)
    return int(offset), document
