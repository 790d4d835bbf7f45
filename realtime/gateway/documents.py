"""Changes documents by making the events that say so. No HTTP in here.

Every change is conditional on the version that was read, so that what is merged is what was there.
Threads: the event loop's only.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec

from realtime.errors import ConflictError, EventError
from realtime.gateway.ingest import Ingest
from realtime.gateway.lens import Lens
from realtime.gateway.records import MUST_BE_NEW, Stored
from realtime.gateway.rights import EVERYTHING, Profile
from realtime.protocol.channels import collection_channel
from realtime.protocol.events import CollectionCreated, CollectionUpdated, JsonObject, check_document_id

SOURCE: Final = "/tideboard/documents"
_ATTEMPTS: Final = 8
_NEVER: Final = -1
"""A version no document has: a delete of what isn't there is a conflict, unless it is a repeat."""


class Version(msgspec.Struct, frozen=True):
    """A document and the offset of the event that made it so. `document` is None when it is gone."""

    id: str
    document: JsonObject | None
    offset: int


class Change(msgspec.Struct, frozen=True):
    """What a caller wants: under which condition, by whom with which rights, and the key that makes a repeat the same.

    `expected`: the version that the caller saw; `MUST_BE_NEW`: there may be none; None: whatever is there.
    `must_exist`: refuse to make a new document.
    """

    collection: str
    id: str
    expected: int | None = None
    must_exist: bool = False
    actor: str | None = None
    key: str | None = None
    profile: Profile = EVERYTHING


class Documents:
    """Reads and changes single documents as their reader and writer may: versions are as they know them."""

    def __init__(self, lens: Lens, ingest: Ingest) -> None:
        self._lens = lens
        self._ingest = ingest

    async def read(self, collection: str, identifier: str, *, profile: Profile = EVERYTHING) -> Version:
        """Read one document. Raises EventError `not_found`, of one that is hidden as of one that isn't there."""
        found = await self._find(collection, identifier, profile)
        if found is None:
            raise _not_found(collection, identifier)
        return found

    async def create(self, change: Change, document: Any) -> tuple[Version, Stored]:
        """Make a new document. Raises EventError `exists` when there is one, and those of judging."""
        try:
            stored = await self._store(change, document, kind="created", expected=MUST_BE_NEW)
        except ConflictError:
            raise EventError("exists", f"There is a document {change.id!r} already; PUT or PATCH it.") from None
        return self._made(change, stored), stored

    async def replace(self, change: Change, document: Any) -> tuple[Version, Stored, bool]:
        """Put a document in place of what is there; True when there was none. Raises ConflictError, EventError."""
        version, stored = await self._change(change, lambda _: document)
        return version, stored, stored.accepted.envelope.type == "collection:created"

    async def merge(self, change: Change, patch: Any) -> tuple[Version, Stored]:
        """Apply a JSON merge patch (RFC 7396). Raises ConflictError, EventError (`not_found` included)."""
        if not isinstance(patch, dict):
            raise EventError("bad_data", "A merge patch is a JSON object (RFC 7396).")
        return await self._change(change, lambda found: merge_patch(found, patch))

    async def delete(self, change: Change) -> Stored:
        """Delete a document. Raises ConflictError, EventError `not_found`."""
        for _ in range(_ATTEMPTS):
            found = await self._find(change.collection, change.id, change.profile)
            # With a key it may be the repeat of a delete that worked: only the log knows.
            if found is None and change.key is None:
                raise _missing(change)
            try:
                return await self._store(change, None, kind="deleted", expected=_expected(change, found) or _NEVER)
            except ConflictError as conflict:
                if change.expected is not None or conflict.actual is None:
                    raise _missing(change) if conflict.actual is None else conflict from None
        raise _busy()

    async def _change(self, change: Change, make: Callable[[Any], Any]) -> tuple[Version, Stored]:
        for _ in range(_ATTEMPTS):
            found = await self._find(change.collection, change.id, change.profile)
            if found is None and change.must_exist:
                raise _missing(change)
            document = make(found.document if found is not None else {})
            kind = "created" if found is None else "updated"
            try:
                stored = await self._store(change, document, kind=kind, expected=self._expected(change, found))
            except ConflictError:
                if change.expected is not None:
                    raise
                continue
            if stored.is_duplicate:
                return await self.read(change.collection, change.id, profile=change.profile), stored
            return self._made(change, stored), stored
        raise _busy()

    def _expected(self, change: Change, found: Version | None) -> int | None:
        if change.profile.sight(collection_channel(change.collection)) is None:
            return change.expected  # who can't read doesn't know whether there is one
        return _expected(change, found)

    def _made(self, change: Change, stored: Stored) -> Version:
        """Return what a change made, as its writer may see it."""
        event = stored.accepted.event
        assert isinstance(event, CollectionCreated | CollectionUpdated)
        sight = change.profile.sight(stored.channel)
        # Who may write and not read hears nothing that they didn't say.
        shown = None if sight is None else sight.shown(event.document)
        return Version(change.id, shown or {"id": change.id}, stored.position.offset)

    async def _find(self, collection: str, identifier: str, profile: Profile) -> Version | None:
        sight = profile.sight(collection_channel(collection))
        row = None if sight is None else await self._lens.document(sight, collection, identifier)
        return None if row is None else Version(identifier, msgspec.json.decode(row.document), row.offset)

    async def _store(self, change: Change, document: Any, *, kind: str, expected: int | None) -> Stored:
        collection_channel(change.collection)
        content: JsonObject = {"collection": change.collection}
        if kind != "created":
            content["id"] = change.id
        if kind != "deleted":
            content["document"] = _checked(document, change.id)
        accepted = self._ingest.judge(
            {
                "specversion": "1.0",
                "id": change.key or uuid.uuid4().hex,
                "source": SOURCE,
                "type": f"collection:{kind}",
                "data": content,
            },
            actor=change.actor,
        )
        return await self._ingest.store_as(change.profile, accepted, expected=expected)


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396, section 2) and return the result; changes neither."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def _checked(document: Any, identifier: str) -> Any:
    if not isinstance(document, dict):
        raise EventError("bad_data", "A document is a JSON object.")
    check_document_id(document.get("id"), where="id")
    if document["id"] != identifier:
        raise EventError(
            "id_mismatch", "The 'id' of the document and of the address differ; they name the same document."
        )
    return document


def _expected(change: Change, found: Version | None) -> int:
    if change.expected is not None:
        return change.expected
    return MUST_BE_NEW if found is None else found.offset


def _missing(change: Change) -> ConflictError | EventError:
    if change.expected is not None:
        return ConflictError(expected=change.expected, actual=None)
    return _not_found(change.collection, change.id)


def _not_found(collection: str, identifier: str) -> EventError:
    return EventError("not_found", f"There is no document {identifier[:80]!r} in {collection[:64]!r}.")


def _busy() -> EventError:
    return EventError("busy", "The document changed again and again meanwhile; send it again in a moment.")
