"""Renders one document, its last changes and its history. Pure; times are unix milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from realtime.protocol.channels import collection_channel
from realtime.protocol.events import JsonObject
from realtime.views.registry import Value, view
from realtime.views.words import KIND_SYMBOLS, KIND_TONES, KIND_WORDS

if TYPE_CHECKING:
    from realtime.store import Store

_MISSING = object()


def _topics(*, collection: str, **_others: Any) -> tuple[str, ...]:
    return (collection_channel(collection),)


@view(kind="record", topics=_topics)
def record(store: Store, *, now: float, collection: str, id: str) -> Value:  # noqa: ARG001  # every view is given the time
    """Render one document with when, how and by whom it was last changed; `exists` is false once it is deleted."""
    state = store.document(collection, id)
    if state is None:
        return {"id": id, "exists": False, "document": {}, "version": 0, "changedAt": None, "actor": None, "kind": None}
    return {
        "id": id,
        "exists": True,
        "document": state.document,
        "version": state.offset,
        "changedAt": None if state.changed_at is None else round(state.changed_at * 1000),
        "actor": state.actor,
        "kind": state.kind,
        "changed": list(state.changed),
    }


def diff(old: JsonObject, new: JsonObject) -> list[dict[str, Any]]:
    """List the fields that differ, in the new document's order, removed ones last.

    Each is `{"field", "old", "new", "kind"}`; `kind` is added, removed or changed; a missing side is None.
    """
    found = []
    for name, value in new.items():
        before = old.get(name, _MISSING)
        if before is _MISSING:
            found.append({"field": name, "old": None, "new": value, "kind": "added"})
        elif before != value or type(before) is not type(value):
            found.append({"field": name, "old": before, "new": value, "kind": "changed"})
    found += [
        {"field": name, "old": value, "new": None, "kind": "removed"} for name, value in old.items() if name not in new
    ]
    return found


def history(events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Write a document's retained events, newest first, each with what it changed against the one before.

    `events` are as `GET …/documents/{id}/history` answers them: `{"offset", "storedAt", "event": <envelope>}`,
    newest first. The oldest retained change has nothing to be compared with: its `changes` is None.
    """
    rows: list[dict[str, Any]] = []
    for index, event in enumerate(events):
        envelope = event.get("event") or {}
        older = events[index + 1].get("event") if index + 1 < len(events) else None
        kind = str(envelope.get("type", "")).rpartition(":")[2]
        rows.append(
            {
                "version": event.get("offset"),
                "at": _time(envelope.get("time") or event.get("storedAt")),
                "actor": envelope.get("actor"),
                "symbol": KIND_SYMBOLS.get(kind, "?"),
                "word": KIND_WORDS.get(kind, kind or "Unknown"),
                "tone": KIND_TONES.get(kind, "quiet"),
                "changes": _changes(kind, envelope, older),
            }
        )
    return rows


def _changes(kind: str, envelope: Mapping[str, Any], older: Mapping[str, Any] | None) -> list[dict[str, Any]] | None:
    document = _document(envelope)
    if kind != "updated" or document is None:
        return []
    before = _document(older) if older is not None else None
    return None if before is None else diff(before, document)


def _document(envelope: Mapping[str, Any]) -> JsonObject | None:
    data = envelope.get("data")
    document = data.get("document") if isinstance(data, dict) else None
    return document if isinstance(document, dict) else None


def _time(text: Any) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
