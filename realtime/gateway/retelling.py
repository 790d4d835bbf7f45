"""Reads back from the log what a reader of commits needs after a pause: events it missed, documents as they were.

Threads: any. Everything raises StorageError.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from realtime.gateway.ports import Log
from realtime.gateway.records import Accepted, Stored
from realtime.notifications.recall import DOCUMENTS_KEPT
from realtime.protocol.events import CollectionCreated, CollectionUpdated, JsonObject, event_of, read_envelope
from realtime.protocol.positions import Position

_PAGE: Final = 500


def pages_since(log: Log, channel: str, offset: int, *, upto: int) -> Iterator[list[Stored]]:
    """Read a stream after an offset, up to another, page by page. It ends early where it was trimmed meanwhile."""
    epoch = log.position(channel).epoch
    while offset < upto:
        page = log.read(channel, since=Position(epoch, offset), limit=_PAGE)
        found = [one for one in page.publications if one.offset <= upto]
        if not found:
            return
        yield [_stored(channel, epoch, one.offset, one.raw, one.time_ms) for one in found]
        if page.reaches_top:
            return
        offset = found[-1].offset


def remembered(log: Log, collection: str, *, upto: int) -> Iterator[JsonObject]:
    """Read the documents of a collection that haven't changed since an offset, as many as are remembered at all."""
    return islice(_documents(log, collection, upto), DOCUMENTS_KEPT)


def earlier_document(log: Log, collection: str, identifier: str, *, before: int) -> JsonObject | None:
    """Read what a document was before an event, as far as events tell that are still kept."""
    for one in log.document_history(collection, identifier, before=before, limit=1).publications:
        event = event_of(read_envelope(one.raw))
        if isinstance(event, CollectionCreated | CollectionUpdated):
            return event.document
    return None


def _documents(log: Log, collection: str, upto: int) -> Iterator[JsonObject]:
    cursor: str | None = None
    while True:
        page = log.page(collection, limit=_PAGE, cursor=cursor)
        documents: list[Any] = msgspec.json.decode(page.documents)
        yield from (one for one, offset in zip(documents, page.offsets, strict=True) if offset <= upto)
        cursor = page.cursor
        if cursor is None:
            return


def _stored(channel: str, epoch: str, offset: int, raw: bytes, time_ms: int) -> Stored:
    envelope = read_envelope(raw)
    accepted = Accepted(envelope, event_of(envelope), channel, raw)
    return Stored(channel, Position(epoch, offset), False, accepted, time_ms)
