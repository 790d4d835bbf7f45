"""Keeps one collection's documents. Pure; the store's lock guards it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

import msgspec

from realtime.protocol.events import (
    CollectionCreated,
    CollectionDeleted,
    CollectionEvent,
    CollectionUpdated,
    JsonObject,
)
from realtime.protocol.positions import Position
from realtime.store.freshness import UsualGap
from realtime.store.model import ChangeKind, CollectionSnapshot, DocumentState


def changed_fields(old: JsonObject, new: JsonObject) -> tuple[str, ...]:
    """Name the top-level fields that were added, removed or changed, in the new document's order, removed ones last."""
    if old == new:
        return ()
    missing = object()
    changed = [name for name, value in new.items() if old.get(name, missing) != value]
    changed.extend(name for name in old if name not in new)
    return tuple(changed)


class Documents:
    """A collection's documents by id, in order of their last change, newest last."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.created = 0
        self.updated = 0
        self.deleted = 0
        self.last_change_at: float | None = None
        self.gap = UsualGap()
        self._states: dict[str, DocumentState] = {}
        self._snapshot: CollectionSnapshot | None = None

    def __len__(self) -> int:
        return len(self._states)

    def change(self, event: CollectionEvent, *, offset: int, at: float, actor: str | None) -> tuple[str, ...]:
        """Apply one event and return the fields it changed. An older event than the document's last changes nothing."""
        if isinstance(event, CollectionDeleted):
            self.deleted += 1
            state = self._states.get(event.id)
            if state is not None and state.offset < offset:
                del self._states[event.id]
            return ()
        kind: ChangeKind = "updated" if isinstance(event, CollectionUpdated) else "created"
        if isinstance(event, CollectionCreated):
            self.created += 1
            identifier = str(event.document.get("id", ""))
        else:
            self.updated += 1
            identifier = event.id
        old = self._states.get(identifier)
        changed: tuple[str, ...] = ()
        if old is not None:
            if old.offset >= offset:
                return ()
            changed = changed_fields(old.document, event.document)
            del self._states[identifier]  # to be put in last: the dict is in order of change
        self._states[identifier] = DocumentState(identifier, event.document, offset, at, actor, kind, changed)
        return changed

    def count_past(self, event: CollectionEvent, *, offset: int, at: float, actor: str | None) -> None:
        """Take from an event that a snapshot already contains what the snapshot doesn't tell: when, who, how."""
        if isinstance(event, CollectionDeleted):
            self.deleted += 1
            return
        is_update = isinstance(event, CollectionUpdated)
        self.updated += is_update
        self.created += not is_update
        identifier = event.id if isinstance(event, CollectionUpdated) else str(event.document.get("id", ""))
        state = self._states.get(identifier)
        if state is None or state.document != event.document:
            return
        kind: ChangeKind = "updated" if is_update else "created"
        del self._states[identifier]
        self._states[identifier] = msgspec.structs.replace(
            state, offset=min(state.offset, offset), changed_at=at, actor=actor, kind=kind
        )

    def changed_at(self, at: float) -> None:
        """Note the time of a run of changes, once a run."""
        self.last_change_at = max(at, self.last_change_at or at)
        self.gap.seen(at)

    def clear(self) -> None:
        """Forget every document: they belong to a stream that no longer exists."""
        self._states = {}

    def replace(self, states: dict[str, DocumentState]) -> None:
        """Take over what a snapshot holds."""
        self._states = states

    def snapshot(self, *, version: int, position: Position | None) -> CollectionSnapshot:
        """Return all documents at `version`; copied once a version, on the first reader's account."""
        cached = self._snapshot
        if cached is None or cached.version != version:
            cached = self._snapshot = CollectionSnapshot(self.name, version, position, self._states.copy())
        return cached

    def recent(self, limit: int) -> tuple[DocumentState, ...]:
        """Return the documents changed last, newest first. O(limit)."""
        return tuple(islice(reversed(self._states.values()), max(limit, 0)))

    def get(self, identifier: str) -> DocumentState | None:
        """Return one document, or None."""
        return self._states.get(identifier)


def states_of(
    documents: Iterable[tuple[JsonObject, int | None]], *, offset: int, known: Mapping[str, DocumentState]
) -> dict[str, DocumentState]:
    """Build the states a snapshot stands for; `offset` is for documents that came without their own.

    A document that is just as it was keeps what is known of its last change, and its place before those that changed.
    """
    same: dict[str, DocumentState] = {}
    fresh: dict[str, DocumentState] = {}
    for document, own in documents:
        identifier = str(document["id"])
        version = offset if own is None else own
        old = known.get(identifier)
        if old is not None and old.document == document:
            same[identifier] = msgspec.structs.replace(old, offset=version)
        else:
            fresh[identifier] = DocumentState(identifier, document, version)
    if not same:
        return fresh
    kept = {identifier: same[identifier] for identifier in known if identifier in same}
    return kept | fresh
