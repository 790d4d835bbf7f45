"""Reads out of Redis what a copy lacks, a page at a time, so that what comes meanwhile isn't held up.

A part of a stream where the copy only was away; the documents, and then what is retained of the stream, where it is new
or was away for longer than that. Threads: the copy's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from realtime.errors import StorageError
from realtime.gateway.nodes.copy_file import NOTHING_YET, CopyFile, Row
from realtime.gateway.nodes.own import accepted_of
from realtime.gateway.nodes.reader import Reader
from realtime.gateway.nodes.replies import StreamPart
from realtime.protocol.channels import collection_of

_PAGE_EVENTS = 500
_PAGE_DOCUMENTS = 500
_PAGE_BYTES = 2_097_152


class _Named(msgspec.Struct):
    id: str


_NAMED = msgspec.json.Decoder(_Named)
_DOCUMENTS = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass
class _Walk:
    """How far the documents of a channel are read: those of `top` and later."""

    channel: str
    top: int
    cursor: str | None = None
    seen: set[str] = field(default_factory=set)


class CatchingUp:
    """What is missing, and how far it is read."""

    def __init__(self, file: CopyFile, reader: Reader) -> None:
        self._file = file
        self._reader = reader
        self._walk: _Walk | None = None

    def step(self) -> None:
        """Read one page of one channel. Raises StorageError, sqlite3.Error."""
        name = self._walk.channel if self._walk and self._walk.channel in self._file.behind else min(self._file.behind)
        kept = self._file.channels[name]
        if kept.solid == NOTHING_YET:
            self._read_documents(name)
            return
        part = self._part(name, since=kept.solid)
        if not part.is_covered:
            with self._file.writing():
                self._file.caught_up(name, solid=NOTHING_YET)
            return
        self._keep(name, part)

    def _part(self, name: str, *, since: int) -> StreamPart:
        part = self._reader.part(name, since=since, limit=_PAGE_EVENTS, most_bytes=_PAGE_BYTES)
        self._check(part.seed)
        return part

    def _check(self, seed: str) -> None:
        if seed != self._file.at.seed:
            raise StorageError("Everything has begun anew meanwhile.")

    def _keep(self, name: str, part: StreamPart) -> None:
        rows = [Row(name, one.offset, one.time_ms, accepted_of(name, one.raw.encode())) for one in part.entries]
        with self._file.writing():
            self._file.add(rows, is_in_turn=False)
            self._file.caught_up(name, solid=rows[-1].offset if rows else part.top)

    def _read_documents(self, name: str) -> None:
        collection = collection_of(name)
        if collection is None:
            self._begin_events(name, before=None)
            return
        walk = self._walk
        cursor = walk.cursor if walk is not None and walk.channel == name else None
        page = self._reader.page(collection, limit=_PAGE_DOCUMENTS, cursor=cursor, most_bytes=_PAGE_BYTES)
        if walk is None or walk.channel != name:
            walk = self._walk = _Walk(name, page.position.offset)
        documents = [
            (_NAMED.decode(one).id, offset, bytes(one))
            for one, offset in zip(_DOCUMENTS.decode(page.documents), page.offsets, strict=True)
        ]
        walk.seen.update(identifier for identifier, _, _ in documents)
        walk.cursor = page.cursor
        with self._file.writing():
            self._file.add_documents(name, documents)
        if page.cursor is None:
            self._walk = None
            self._begin_events(name, before=walk)

    def _begin_events(self, name: str, *, before: _Walk | None) -> None:
        """Go on with the stream, unless what happened while documents were read is trimmed already: then once more."""
        part = self._part(name, since=-1)
        if before is not None and part.trimmed_to > before.top:
            return
        with self._file.writing():
            if before is not None:
                self._file.drop_documents(name, upto=before.top, but=before.seen)
            self._file.caught_up(name, solid=part.trimmed_to, trimmed_to=part.trimmed_to)
        self._keep(name, part)
