"""Reads the log as somebody may see it: positions, events, documents, through the sight of a profile.

Who sees all of a channel reads its stream, with fields kept back; who sees some rows reads a stream derived from it.
Their epochs differ, so that nobody resumes in what was shown to others.
Threads: the event loop's only; reading goes to threads.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from realtime.gateway.derived import Derived, Entry, as_seen
from realtime.gateway.derived_file import DerivedFile
from realtime.gateway.following import Following
from realtime.gateway.ports import PAGE_BYTES, Log
from realtime.gateway.records import DocumentPage, DocumentRow, HistoryPage, Record, Redelivery, Stored
from realtime.gateway.rights import Profile, Sight, redacted
from realtime.protocol.channels import collection_channel, collection_of
from realtime.protocol.events import JsonObject
from realtime.protocol.positions import Position

_MOST_PAGES: Final = 50


class Lens:
    """Reads for everybody. What is asked of a plain sight goes to the log as it is."""

    def __init__(self, log: Log, *, file: DerivedFile | None = None, now: Callable[[], float]) -> None:
        self._log = log
        self.following = Following(log, file=file, now=now)

    # -- live --------------------------------------------------------------------------------------------------

    def shown(self, sight: Sight, stored: Stored) -> tuple[bytes, int] | None:
        """Return a committed event as it goes out, and its offset there; None when it isn't seen."""
        raw = stored.accepted.raw
        if sight.is_plain:
            return raw, stored.position.offset
        if sight.is_whole:
            seen = redacted(sight, raw)
            return None if seen is None else (seen, stored.position.offset)
        derived = self.following.find(sight, stored.channel)
        if derived is None:
            return None
        entry = derived.at(stored.position.offset)
        return None if entry is None else (as_seen(sight, raw, entry.kind), entry.offset)

    def epoch(self, sight: Sight, channel: str) -> str:
        """Return the epoch of a channel that is followed, or seen whole."""
        epoch = self._log.position(channel).epoch
        if sight.is_whole:
            return _own(sight, Position(epoch, 0)).epoch
        derived = self.following.find(sight, channel)
        return epoch if derived is None else _placed(sight, epoch, derived).epoch

    # -- positions ---------------------------------------------------------------------------------------------

    async def position(self, sight: Sight, channel: str) -> Position:
        """Return the top of a channel."""
        top = self._log.position(channel)
        if sight.is_whole:
            return _own(sight, top)
        derived = await self.following.derived(sight, channel)
        return _placed(sight, top.epoch, derived)

    async def own_offset(self, sight: Sight, channel: str, offset: int) -> int | None:
        """Return the own offset of an event that is seen, None when it isn't, or when it isn't retained."""
        if sight.is_whole:
            return offset
        entry = (await self.following.derived(sight, channel)).at(offset)
        return None if entry is None else entry.offset

    async def origin(self, sight: Sight, channel: str, *, epoch: str, offset: int) -> Position | None:
        """Return where the event at an own position stands in the log; None when nothing is known to be there."""
        top = self._log.position(channel)
        if (await self.position(sight, channel)).epoch != epoch:
            return None
        if sight.is_whole:
            return Position(top.epoch, offset)
        entry = (await self.following.derived(sight, channel)).entry(offset)
        return None if entry is None else Position(top.epoch, entry.origin)

    async def version(self, sight: Sight, collection: str, row: DocumentRow) -> int | None:
        """Return the version of a document as it stands in the log, None when it isn't seen."""
        if sight.is_whole:
            return row.offset
        if not sight.sees(msgspec.json.decode(row.document)):
            return None
        derived = await self.following.derived(sight, collection_channel(collection), upto=row.offset)
        return derived.version(row.id)

    async def again(self, sight: Sight | None, one: Redelivery) -> Redelivery | None:
        """Return a critical event that is given again as a sight shows it, if it does. Raises StorageError."""
        if sight is None or sight.is_plain:
            return one if sight is not None else None
        position = await self.position(sight, one.channel)
        if sight.is_whole:
            raw = redacted(sight, bytes(one.event))
            return None if raw is None else Redelivery(one.channel, position.epoch, one.offset, msgspec.Raw(raw))
        entry = (await self.following.derived(sight, one.channel)).at(one.offset)
        if entry is None:
            return None
        raw = as_seen(sight, bytes(one.event), entry.kind)
        return Redelivery(one.channel, position.epoch, entry.offset, msgspec.Raw(raw))

    # -- events ------------------------------------------------------------------------------------------------

    async def read(
        self,
        sight: Sight,
        channel: str,
        *,
        since: Position | None = None,
        limit: int,
        reverse: bool = False,
        most_bytes: int = PAGE_BYTES,
    ) -> HistoryPage:
        """Read a part of a stream, as `Log.read` does. Raises StorageError."""
        read = partial(self._log.read, channel, limit=limit, reverse=reverse, most_bytes=most_bytes)
        if sight.is_plain:
            return await asyncio.to_thread(read, since=since)
        if sight.is_whole:
            epoch = self._log.position(channel).epoch
            if since is not None:
                if since.epoch != _own(sight, Position(epoch, 0)).epoch:
                    return HistoryPage((), _own(sight, self._log.position(channel)), False, False)
                since = Position(epoch, since.offset)
            return await asyncio.to_thread(_read_redacted, sight, partial(read, since=since))
        return await self._read_derived(
            sight, channel, since=since, limit=limit, reverse=reverse, most_bytes=most_bytes
        )

    async def _read_derived(
        self, sight: Sight, channel: str, *, since: Position | None, limit: int, reverse: bool, most_bytes: int
    ) -> HistoryPage:
        derived = await self.following.derived(sight, channel)
        self.following.forget_trimmed(channel, derived)
        top = _placed(sight, self._log.position(channel).epoch, derived)
        first, last = derived.base + 1, top.offset
        if since is not None:
            is_beyond = since.offset > top.offset + reverse
            if since.epoch != top.epoch or is_beyond or not (reverse or since.offset >= derived.base):
                return HistoryPage((), top, is_complete=False, reaches_top=False)
            first, last = (first, min(last, since.offset - 1)) if reverse else (since.offset + 1, last)
        entries = (
            derived.entries(max(first, last - limit + 1), last)
            if reverse
            else derived.entries(first, min(last, first + limit - 1))
        )
        wanted = entries[::-1] if reverse else entries
        records = await self._records(sight, channel, wanted, reverse=reverse, most_bytes=most_bytes)
        if records is None:
            # Trimmed while we looked. Who reads forward from there has missed something; backwards it is the end.
            return HistoryPage((), top, is_complete=reverse or since is None, reaches_top=False)
        ends_at = first - 1 if not records else max(records[0].offset, records[-1].offset)
        return HistoryPage(tuple(records), top, is_complete=True, reaches_top=ends_at >= top.offset)

    async def document_history(
        self, sight: Sight, collection: str, identifier: str, *, before: int | None = None, limit: int = 100
    ) -> HistoryPage:
        """Read the retained events of one document, newest first, from before an own offset. Raises StorageError."""
        channel = collection_channel(collection)
        read = partial(self._log.document_history, collection, identifier)
        if sight.is_whole:
            return await asyncio.to_thread(_read_redacted, sight, partial(read, before=before, limit=limit))
        derived = await self.following.derived(sight, channel)
        top = _placed(sight, self._log.position(channel).epoch, derived)
        origin = None
        if before is not None and before <= derived.top:
            entry = derived.entry(before)
            if entry is None:
                return HistoryPage((), top, is_complete=derived.base == 0, reaches_top=False)
            origin = entry.origin
        found: list[Record] = []
        for _ in range(_MOST_PAGES):
            page = await asyncio.to_thread(read, before=origin, limit=limit)
            for record in page.publications:
                entry = derived.at(record.offset)
                if entry is not None:
                    found.append(_seen(sight, record, entry))
            if len(page.publications) < limit or len(found) >= limit:
                break
            origin = page.publications[-1].offset
        return HistoryPage(tuple(found[:limit]), top, is_complete=derived.base == 0, reaches_top=before is None)

    # -- documents ---------------------------------------------------------------------------------------------

    async def document(self, sight: Sight, collection: str, identifier: str) -> DocumentRow | None:
        """Read one document as it is seen, None when it isn't; its offset is its version there. Raises StorageError."""
        row = await asyncio.to_thread(self._log.get, collection, identifier)
        if row is None or sight.is_plain:
            return row
        shown = sight.shown(msgspec.json.decode(row.document))
        version = await self.version(sight, collection, row)
        if shown is None or version is None:
            return None
        return DocumentRow(identifier, msgspec.json.encode(shown), version)

    async def page(self, sight: Sight, collection: str, *, limit: int, cursor: str | None = None) -> DocumentPage:
        """Read a collection's documents by id, as `Log.page` does. Raises StorageError."""
        if sight.is_whole:
            page = await asyncio.to_thread(self._log.page, collection, limit=limit, cursor=cursor)
            if sight.is_plain:
                return page
            documents = await asyncio.to_thread(_redact_documents, sight, page.documents)
            return DocumentPage(documents, page.offsets, page.cursor, _own(sight, page.position))
        channel = collection_channel(collection)
        derived = await self.following.derived(sight, channel)
        position = _placed(sight, self._log.position(channel).epoch, derived)
        ids = derived.ids_after(cursor or "", limit + 1)
        found = await asyncio.to_thread(self._log.documents, channel, ids[:limit], most_bytes=PAGE_BYTES)
        derived = await self.following.derived(sight, channel, upto=max((offset for _, offset in found), default=0))
        shown: list[JsonObject] = []
        offsets: list[int] = []
        for document, _ in found:
            seen, version = sight.shown(document), derived.version(document["id"])
            if seen is not None and version is not None:
                shown.append(seen)
                offsets.append(version)
        has_more = len(ids) > limit or (bool(found) and found[-1][0]["id"] < ids[-1])
        last = found[-1][0]["id"] if found else ids[-1] if ids else None
        return DocumentPage(msgspec.json.encode(shown), tuple(offsets), last if has_more else None, position)

    async def collections(self, profile: Profile) -> list[dict[str, Any]]:
        """List the collections of which something is seen: name, documents in view, position. Raises StorageError."""
        listed: list[dict[str, Any]] = []
        for row in self._log.channels():
            name = collection_of(row.name)
            sight = None if name is None else profile.sight(row.name)
            if sight is None:
                continue
            count, position = row.documents, _own(sight, row.position)
            if not sight.is_whole:
                derived = await self.following.derived(sight, row.name)
                count, position = derived.count, _placed(sight, row.position.epoch, derived)
            # A collection of which nothing was ever seen isn't there.
            if position.offset:
                listed.append({"name": name, "documents": count, "position": msgspec.to_builtins(position)})
        return listed

    async def _records(
        self, sight: Sight, channel: str, entries: Sequence[Entry], *, reverse: bool, most_bytes: int
    ) -> list[Record] | None:
        """Read entries out of the log, as many as there is room for; None when the first of them is trimmed."""
        origins = [entry.origin for entry in entries]
        found = await asyncio.to_thread(self._log.records, channel, origins, reverse=reverse, most_bytes=most_bytes)
        if entries and (not found or found[0].offset != entries[0].origin):
            return None
        by_origin = {entry.origin: entry for entry in entries}
        return [_seen(sight, record, by_origin[record.offset]) for record in found]


def _seen(sight: Sight, record: Record, entry: Entry) -> Record:
    return Record(entry.offset, as_seen(sight, record.raw, entry.kind), record.time_ms, record.document_id)


def _read_redacted(sight: Sight, read: Callable[[], HistoryPage]) -> HistoryPage:
    page = read()
    top = _own(sight, page.top)
    if sight.is_plain:
        return page
    records = tuple(
        msgspec.structs.replace(record, raw=redacted(sight, record.raw) or b"{}") for record in page.publications
    )
    return HistoryPage(records, top, page.is_complete, page.reaches_top)


def _redact_documents(sight: Sight, documents: bytes) -> bytes:
    return msgspec.json.encode([sight.shown(document) for document in msgspec.json.decode(documents)])


def _own(sight: Sight, position: Position) -> Position:
    """Return a position of a channel as a sight that sees all of its events knows it."""
    return position if sight.is_plain else Position(_epoch(position.epoch, sight.key), position.offset)


def _placed(sight: Sight, epoch: str, derived: Derived) -> Position:
    return Position(_epoch(epoch, f"{sight.key}/{derived.nonce}"), derived.top)


def _epoch(epoch: str, key: str) -> str:
    return hashlib.blake2b(f"{epoch}/{key}".encode(), digest_size=6).hexdigest()
