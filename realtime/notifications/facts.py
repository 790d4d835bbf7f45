"""Says what rules look at: one event, the document before it, and the values in both by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from realtime.notifications.model import About, Source
from realtime.protocol.events import (
    FUTURE_AFTER_S,
    CollectionCreated,
    CollectionDeleted,
    CollectionUpdated,
    Envelope,
    Event,
    JsonObject,
    data_of,
    document_id_of,
    is_critical,
)

_ABOUTS: Final[dict[str, About]] = {"collection": "collections", "user": "people", "connection": "connection"}


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One event as rules see it. `at` is the producer's time, or the arrival when there is none or it lies ahead.

    `document` is what the event brought, `before` the document as it was, None when that isn't known.
    """

    type: str
    source: Source
    at: float
    received_at: float
    actor: str | None = None
    is_critical: bool = False
    collection: str | None = None
    id: str | None = None
    document: JsonObject | None = None
    before: JsonObject | None = None
    values: JsonObject = {}

    @property
    def about(self) -> About:
        """Return the row of the preferences it falls under."""
        return _ABOUTS.get(self.type.partition(":")[0], "system")

    def look(self, path: str) -> Any:
        """Return the value of a name, None when there is no such value.

        It is one of `collection`, `id`, `actor`, `type`, `channel`, `critical`, `about`; or a field of the document (of
        the one before, when there is none now), else of the event; or of `document.`, `before.`, `data.` only.
        """
        if path in ATTRIBUTES:
            return ATTRIBUTES[path](self)
        first, _, rest = path.partition(".")
        if rest and first in ("document", "before", "data"):
            return inside({"document": self.document, "before": self.before, "data": self.values}[first], rest)
        found = inside(self.document if self.document is not None else self.before, path)
        return inside(self.values, path) if found is None else found


ATTRIBUTES: Final = {
    "collection": lambda fact: fact.collection,
    "id": lambda fact: fact.id,
    "actor": lambda fact: fact.actor,
    "type": lambda fact: fact.type,
    "channel": lambda fact: fact.source.channel,
    "critical": lambda fact: fact.is_critical,
    "about": lambda fact: fact.about,
}


def inside(value: Any, path: str) -> Any:
    """Walk down objects by a dotted path. A name with a dot in it is found, too."""
    if not isinstance(value, Mapping):
        return None
    if path in value:
        return value[path]
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def fact_of(envelope: Envelope, event: Event, *, source: Source, now: float, before: JsonObject | None = None) -> Fact:
    """Make a fact of an event that arrived `now`."""
    has_document = isinstance(event, CollectionCreated | CollectionUpdated)
    is_about_document = isinstance(event, CollectionCreated | CollectionUpdated | CollectionDeleted)
    values = _values_of(event)
    at = moment(envelope.time)
    return Fact(
        type=envelope.type,
        source=source,
        at=now if at is None or at > now + FUTURE_AFTER_S else at,
        received_at=now,
        actor=envelope.actor or _person(values),
        is_critical=is_critical(envelope, event),
        collection=event.collection if is_about_document else None,  # type: ignore[union-attr]
        id=document_id_of(event),
        document=event.document if has_document else None,  # type: ignore[union-attr]
        before=before,
        values=values,
    )


def _values_of(event: Event) -> JsonObject:
    """Return an event's `data` but for its document, which isn't copied for that."""
    if isinstance(event, CollectionCreated):
        return {"collection": event.collection}
    if isinstance(event, CollectionUpdated | CollectionDeleted):
        return {"collection": event.collection, "id": event.id}
    return {name: value for name, value in data_of(event).items() if name != "document"}


def moment(text: Any) -> float | None:
    """Read an RFC 3339 time as Unix seconds; None when it isn't one."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read.timestamp() if read.tzinfo is not None else None


def _person(values: JsonObject) -> str | None:
    user = values.get("userId")
    return user if isinstance(user, str) else None
