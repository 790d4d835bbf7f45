"""Events: the CloudEvents 1.0 envelope and one frozen class per event type. Pure.

An event is on the wire and in the log as one CloudEvents JSON object (the envelope). What it means
is one of the classes below. Unknown types are refused at the gateway, and kept by readers as `Unknown`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final, Literal, TypeAlias

import msgspec

from realtime.errors import EventError
from realtime.protocol.channels import SYSTEM, USERS, collection_channel, inbox_channel, is_known_channel

JsonObject: TypeAlias = dict[str, Any]
Severity: TypeAlias = Literal["low", "medium", "high"]

MAX_NAME_CHARS: Final = 256
EARLIEST_YEAR: Final = 1970
LATEST_YEAR: Final = 2200
FUTURE_AFTER_S: Final = 5.0
"""How far a producer's clock may be ahead of ours before its time isn't believed."""
LOCAL_PERSON: Final = "local"
"""Who is at a page of Tideboard without sign-in and without having said a name."""
_CONTAINERS: Final = (dict, list)
PEOPLE_SOURCE: Final = "/tideboard/people"
"""Where events about people at Tideboard's own pages come from, followed by the app's name. They say nothing about the
watched system, so they aren't counted as news of it."""


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A CloudEvents 1.0 envelope (JSON event format). `source` + `id` is the duplicate key.

    `actor` (who caused it) and `critical` (must be acknowledged) are Tideboard's extension attributes.
    `time` is RFC 3339; the gateway fills it in when the producer left it out.
    """

    id: str
    source: str
    type: str
    specversion: str
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    actor: str | None = None
    critical: bool = False
    data: Any = None

    @property
    def duplicate_key(self) -> tuple[str, str]:
        """Return what makes two postings the same event."""
        return (self.source, self.id)


class _Event(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    TYPE: ClassVar[str]


class CollectionCreated(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A document appeared. `document` is a JSON object with a string `id`."""

    TYPE: ClassVar[str] = "collection:created"
    collection: str
    document: JsonObject


class CollectionUpdated(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A document changed; `document` is all of it, not a part."""

    TYPE: ClassVar[str] = "collection:updated"
    collection: str
    id: str
    document: JsonObject


class CollectionDeleted(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A document is gone."""

    TYPE: ClassVar[str] = "collection:deleted"
    collection: str
    id: str


class UserLogin(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A person arrived."""

    TYPE: ClassVar[str] = "user:login"
    user_id: str
    timestamp: str


class UserLogout(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A person left."""

    TYPE: ClassVar[str] = "user:logout"
    user_id: str
    timestamp: str


class UserActivity(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """A person did something."""

    TYPE: ClassVar[str] = "user:activity"
    user_id: str
    action: str
    timestamp: str
    metadata: JsonObject | None = None


class SystemMaintenance(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Maintenance is planned. Critical."""

    TYPE: ClassVar[str] = "system:maintenance"
    message: str
    scheduled_time: str


class SystemFault(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Something in the watched system failed. Critical when severity is high."""

    TYPE: ClassVar[str] = "system:error"
    error: str
    severity: Severity


class ConnectionEstablished(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The client reached the gateway for the first time. Raised by the client itself."""

    TYPE: ClassVar[str] = "connection:established"
    timestamp: str


class ConnectionLost(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The client lost the gateway. Raised by the client itself."""

    TYPE: ClassVar[str] = "connection:lost"
    timestamp: str
    reason: str


class ConnectionRestored(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """The client is back and in sync; `downtime` is in seconds. Raised by the client itself."""

    TYPE: ClassVar[str] = "connection:restored"
    timestamp: str
    downtime: float


class ConnectionGap(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Events of a channel can't be had any more. Raised by the client itself.

    `first` to `last` are offsets of the channel's present life, 0 when unknown; `count` is None when nobody knows it.
    `since` and `until` are RFC 3339 times between which they were stored.
    """

    TYPE: ClassVar[str] = "connection:gap"
    timestamp: str
    channel: str
    first: int
    last: int
    count: int | None
    since: str
    until: str


class InboxCommand(_Event, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Something happened to a person's inbox. `command` is one of `realtime.notifications.commands`; its id is ours."""

    TYPE: ClassVar[str] = "inbox:command"
    user: str
    command: JsonObject


class Unknown(msgspec.Struct, frozen=True):
    """An event of a type this version doesn't know. Kept and counted, never raised."""

    type: str
    data: Any


CollectionEvent: TypeAlias = CollectionCreated | CollectionUpdated | CollectionDeleted
UserEvent: TypeAlias = UserLogin | UserLogout | UserActivity
SystemEvent: TypeAlias = SystemMaintenance | SystemFault
ConnectionEvent: TypeAlias = ConnectionEstablished | ConnectionLost | ConnectionRestored | ConnectionGap
Event: TypeAlias = CollectionEvent | UserEvent | SystemEvent | ConnectionEvent | InboxCommand | Unknown

_CLASSES: Final[tuple[type[_Event], ...]] = (
    CollectionCreated, CollectionUpdated, CollectionDeleted,
    UserLogin, UserLogout, UserActivity,
    SystemMaintenance, SystemFault,
    ConnectionEstablished, ConnectionLost, ConnectionRestored, ConnectionGap, InboxCommand,
)  # fmt: skip
EVENT_CLASSES: Final[dict[str, type[_Event]]] = {cls.TYPE: cls for cls in _CLASSES}
LOCAL_TYPES: Final = frozenset({"connection:established", "connection:lost", "connection:restored", "connection:gap"})
"""Types only the client raises; a producer can't post them."""

_ENVELOPE_DECODER: Final = msgspec.json.Decoder(Envelope)
_ENCODER: Final = msgspec.json.Encoder()


def read_envelope(raw: bytes | str | memoryview) -> Envelope:
    """Decode an envelope the gateway has already accepted. Cheap; checks shapes, not meaning.

    Raises EventError `bad_envelope` when the bytes aren't an envelope.
    """
    try:
        return _ENVELOPE_DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EventError("bad_envelope", f"Not a CloudEvents 1.0 JSON object: {error}") from error


def encode_envelope(envelope: Envelope) -> bytes:
    """Encode an envelope as compact UTF-8 JSON."""
    return _ENCODER.encode(envelope)


def event_of(envelope: Envelope) -> Event:
    """Return what an envelope means; `Unknown` when its type or shape isn't known."""
    cls = EVENT_CLASSES.get(envelope.type)
    if cls is None:
        return Unknown(envelope.type, envelope.data)
    try:
        return msgspec.convert(envelope.data, cls)  # type: ignore[return-value]  # the table maps to members of Event
    except msgspec.ValidationError:
        return Unknown(envelope.type, envelope.data)


def data_of(event: Event) -> JsonObject:
    """Return an event's `data` as it stands on the wire."""
    if isinstance(event, Unknown):
        return event.data if isinstance(event.data, dict) else {"value": event.data}
    built: JsonObject = msgspec.to_builtins(event)
    return built


def check_event(candidate: Any, *, max_depth: int) -> tuple[Envelope, Event]:
    """Judge one decoded JSON value a producer posted.

    Returns the envelope and its meaning. Raises EventError with one of the codes not_an_object, too_deep,
    missing_attribute, bad_attribute, bad_specversion, unknown_type, reserved_type, missing_id, bad_collection,
    id_mismatch, bad_data, bad_time. Source: CloudEvents 1.0, "Context Attributes"; DESIGN.md section 2.
    """
    if not isinstance(candidate, dict):
        raise EventError("not_an_object", "An event is a JSON object; wrap it as CloudEvents 1.0.")
    if depth_exceeds(candidate, max_depth):
        raise EventError("too_deep", f"Nested deeper than {max_depth} levels; flatten it.")
    envelope = _check_attributes(candidate)
    return envelope, _check_meaning(envelope)


def _check_attributes(candidate: JsonObject) -> Envelope:
    for name in ("specversion", "id", "source", "type"):
        if name not in candidate:
            raise EventError("missing_attribute", f"The attribute '{name}' is missing (CloudEvents 1.0 requires it).")
        value = candidate[name]
        if not isinstance(value, str) or not value or len(value) > MAX_NAME_CHARS:
            raise EventError("bad_attribute", f"'{name}' has to be a string of 1 to {MAX_NAME_CHARS} characters.")
    if candidate["specversion"] != "1.0":
        raise EventError("bad_specversion", "'specversion' has to be \"1.0\".")
    try:
        envelope = msgspec.convert(candidate, Envelope)
    except msgspec.ValidationError as error:
        raise EventError("bad_attribute", f"An attribute has the wrong type: {error}.") from error
    if envelope.time is not None:
        check_time(envelope.time, name="time")
    return envelope


def _check_meaning(envelope: Envelope) -> Event:
    if envelope.type in LOCAL_TYPES:
        raise EventError("reserved_type", f"'{envelope.type}' is raised by the client itself and can't be posted.")
    cls = EVENT_CLASSES.get(envelope.type)
    if cls is None:
        known = ", ".join(name for name in EVENT_CLASSES if name not in LOCAL_TYPES)
        raise EventError("unknown_type", f"The type {envelope.type[:80]!r} isn't known; use one of {known}.")
    _check_document(envelope)
    try:
        event: Event = msgspec.convert(envelope.data, cls)  # type: ignore[assignment]  # the table maps to members of Event
    except msgspec.ValidationError as error:
        raise EventError("bad_data", f"'data' doesn't fit {envelope.type}: {error}.") from error
    if isinstance(event, CollectionCreated | CollectionUpdated | CollectionDeleted):
        collection_channel(event.collection)
    if isinstance(event, CollectionUpdated) and event.document["id"] != event.id:
        raise EventError("id_mismatch", "'data.id' and 'data.document.id' differ; they name the same document.")
    if isinstance(event, UserLogin | UserLogout | UserActivity):
        check_time(event.timestamp, name="data.timestamp")
    if isinstance(event, InboxCommand):
        _check_command(envelope, event)
    return event


def _check_command(envelope: Envelope, event: InboxCommand) -> None:
    """Look at whom and which; what it says is for `notifications.commands` to judge."""
    if not is_known_channel(inbox_channel(event.user)):
        raise EventError("bad_data", "'data.user' has to be a person's id of 1 to 249 characters.")
    if event.command.get("id") != envelope.id:
        raise EventError("id_mismatch", "'id' and 'data.command.id' differ; they name the same command.")


def _check_document(envelope: Envelope) -> None:
    """Name a missing document id first: it is the commonest mistake and deserves its own code."""
    if not envelope.type.startswith("collection:") or not isinstance(envelope.data, dict):
        return
    if envelope.type == CollectionDeleted.TYPE:
        check_document_id(envelope.data.get("id"), where="data.id")
        return
    document = envelope.data.get("document")
    if isinstance(document, dict):
        check_document_id(document.get("id"), where="data.document.id")


def check_document_id(value: Any, *, where: str) -> None:
    """Raise EventError `missing_id` unless `value` can be a document's id: a string of 1 to 256 characters."""
    if not isinstance(value, str) or not value or len(value) > MAX_NAME_CHARS:
        raise EventError("missing_id", f"'{where}' has to be a string of 1 to {MAX_NAME_CHARS} characters.")


def check_time(value: str, *, name: str) -> None:
    """Raise EventError `bad_time` unless `value` is RFC 3339 with an offset, in the years 1970 to 2200."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise EventError("bad_time", f"'{name}' isn't an RFC 3339 time like 2026-01-31T12:00:00Z.") from None
    if moment.tzinfo is None:
        raise EventError("bad_time", f"'{name}' needs an offset, such as Z or +01:00.")
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise EventError(
            "bad_time", f"'{name}' is in the year {moment.year}; {EARLIEST_YEAR} to {LATEST_YEAR} is accepted."
        )


def depth_exceeds(value: Any, limit: int) -> bool:
    """Tell whether a JSON value nests deeper than `limit`, without recursing. A scalar has depth 0."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(limit):
        if not level:
            return False
        # One flat comprehension and no union built per member: this runs over every value of every event.
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, _CONTAINERS)
        ]
    return bool(level)


def channel_of(event: Event) -> str:
    """Return the channel an event is published in."""
    if isinstance(event, CollectionCreated | CollectionUpdated | CollectionDeleted):
        return collection_channel(event.collection)
    if isinstance(event, UserLogin | UserLogout | UserActivity):
        return USERS
    if isinstance(event, InboxCommand):
        return inbox_channel(event.user)
    return SYSTEM


def document_id_of(event: Event) -> str | None:
    """Return the id of the document an event is about, or None."""
    if isinstance(event, CollectionCreated):
        identifier = event.document.get("id")
        return identifier if isinstance(identifier, str) else None
    if isinstance(event, CollectionUpdated | CollectionDeleted):
        return event.id
    return None


def is_critical(envelope: Envelope, event: Event) -> bool:
    """Tell whether an event must be acknowledged (DESIGN.md section 2)."""
    if isinstance(event, SystemFault):
        return envelope.critical or event.severity == "high"
    return envelope.critical or isinstance(event, SystemMaintenance)
