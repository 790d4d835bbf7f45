"""Stores what somebody writes who may not write everything: one event at a time, against the document as it is.

Rows are judged before and after, and what the writer can't see stays as it was. Answers in the writer's own positions.
Threads: the event loop's only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from realtime.errors import ConflictError, EventError
from realtime.gateway.lens import Lens
from realtime.gateway.masks import weave
from realtime.gateway.plan import duplicate_key
from realtime.gateway.ports import Log
from realtime.gateway.records import MUST_BE_NEW, Accepted, DocumentRow, Stored
from realtime.gateway.rights import Action, Profile
from realtime.protocol.channels import inbox_of
from realtime.protocol.events import (
    CollectionCreated,
    CollectionDeleted,
    CollectionEvent,
    CollectionUpdated,
    JsonObject,
    encode_envelope,
)
from realtime.protocol.positions import Position

_ATTEMPTS: Final = 8
NOWHERE: Final = Position("", 0)
"""The position that is told to who may not read the channel."""
Append = Callable[[Sequence[Accepted], int | None], Awaitable[list[Stored]]]


class Restricted:
    """Judges by the rights of a profile, then appends."""

    def __init__(self, log: Log, lens: Lens, append: Append) -> None:
        self._log = log
        self._lens = lens
        self._append = append

    async def store(self, profile: Profile, accepted: Accepted, *, expected: int | None = None) -> Stored:
        """Store one event as somebody may. `expected` is a version as they know it, `MUST_BE_NEW` for none.

        Raises EventError `forbidden`, `not_found`, `exists`; ConflictError in the writer's own versions; StorageError.
        """
        if not isinstance(accepted.event, CollectionEvent):
            if not profile.may_post(accepted.channel):
                raise profile.refusal("ingest", accepted.channel)
            [stored] = await self._append([accepted], None)
            return await self.placed(profile, stored)
        repeat = await self._repeat(accepted)
        if repeat is not None:
            return await self.placed(profile, repeat)
        for _ in range(_ATTEMPTS):
            row = await asyncio.to_thread(self._log.get, accepted.event.collection, _id(accepted))
            await self._check_version(profile, accepted, row, expected)
            woven = _judged(profile, accepted, row)
            try:
                [stored] = await self._append([woven], MUST_BE_NEW if row is None else row.offset)
            except ConflictError:
                continue
            return await self.placed(profile, stored)
        raise EventError("busy", "The document changed again and again meanwhile; send it again in a moment.")

    async def placed(self, profile: Profile, stored: Stored) -> Stored:
        """Return where an event stands as somebody knows it; nowhere for who doesn't see it."""
        sight = profile.sight(stored.channel)
        if inbox_of(stored.channel) is not None or (sight is not None and sight.is_plain):
            return stored
        if sight is not None:
            top = await self._lens.position(sight, stored.channel)
            offset = await self._lens.own_offset(sight, stored.channel, stored.position.offset)
            if offset is not None:
                return msgspec.structs.replace(stored, position=Position(top.epoch, offset))
        # The first of a repeat may be anywhere: all that is told of it is what was said just now.
        return msgspec.structs.replace(stored, position=NOWHERE, channel=stored.accepted.channel)

    async def _repeat(self, accepted: Accepted) -> Stored | None:
        found = await asyncio.to_thread(self._log.repeat_of, duplicate_key(accepted))
        return None if found is None else Stored(found.channel, found.position, True, accepted, found.time_ms)

    async def _check_version(
        self, profile: Profile, accepted: Accepted, row: DocumentRow | None, expected: int | None
    ) -> None:
        if expected is None:
            return
        event = accepted.event
        assert isinstance(event, CollectionEvent)
        sight = profile.sight(accepted.channel)
        if sight is None:
            # Whoever doesn't read knows no versions, but may well insist that there is none yet.
            actual = None if row is None else row.offset
            if expected != MUST_BE_NEW:
                raise ConflictError(expected=expected, actual=None)
        else:
            actual = None if row is None else await self._lens.version(sight, event.collection, row)
        if (expected or None) != actual:
            raise ConflictError(expected=expected, actual=None if sight is None else actual)


def _judged(profile: Profile, accepted: Accepted, row: DocumentRow | None) -> Accepted:
    """Return what is to be stored; raise EventError when it isn't the writer's to write."""
    event = accepted.event
    assert isinstance(event, CollectionEvent)
    new = None if isinstance(event, CollectionDeleted) else event.document
    old: JsonObject | None = None if row is None else msgspec.json.decode(row.document)
    action: Action = "delete" if new is None else "create" if old is None else "update"
    documents = [document for document in (old, new) if document is not None]
    settable = profile.writing(action, event.collection, *documents)
    sight = profile.sight(accepted.channel)
    is_visible = old is not None and sight is not None and sight.sees(old)
    if settable is None:
        if is_visible or (old is None and new is not None):
            raise profile.refusal(action, event.collection)
        raise _unseen(profile, event, new)
    if new is None:
        if old is None:
            raise _not_found(event)
        return accepted
    reading = sight.masks(old) if is_visible and sight is not None and old is not None else ()
    woven = weave(old, new, reading=reading, writing=settable)
    return accepted if woven == new else _with_document(accepted, woven)


def _unseen(profile: Profile, event: CollectionEvent, new: JsonObject | None) -> EventError:
    """Refuse a write to a document the writer doesn't see, in the words for one that isn't there, as far as can be."""
    if new is None:
        may_delete = profile.may("delete", event.collection) or profile.may("ingest", event.collection)
        return _not_found(event) if may_delete else profile.refusal("delete", event.collection)
    if profile.writing("create", event.collection, new) is None:
        return profile.refusal("create", event.collection)
    return EventError("exists", f"There is a document {new['id']!r} already; choose another id.")


def _not_found(event: CollectionEvent) -> EventError:
    return EventError("not_found", f"There is no document {_id_of(event)!r} in {event.collection!r}.")


def _with_document(accepted: Accepted, document: JsonObject) -> Accepted:
    event = accepted.event
    assert isinstance(event, CollectionCreated | CollectionUpdated)
    changed = msgspec.structs.replace(event, document=document)
    envelope = msgspec.structs.replace(accepted.envelope, data={**accepted.envelope.data, "document": document})
    return Accepted(envelope, changed, accepted.channel, encode_envelope(envelope))


def _id(accepted: Accepted) -> str:
    assert accepted.document_id is not None
    return accepted.document_id


def _id_of(event: CollectionEvent) -> str:
    return event.document["id"] if isinstance(event, CollectionCreated) else event.id
