"""Reads what the gateway answers: events, and refusals in words for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from realtime.errors import EventError
from realtime.protocol.events import (
    CollectionCreated,
    CollectionDeleted,
    CollectionUpdated,
    ConnectionEvent,
    Envelope,
    JsonObject,
    data_of,
    document_id_of,
    event_of,
    read_envelope,
)
from realtime.protocol.frames import ErrorFrame, Publication, Reply


def envelope_in(publication: Publication, channel: str) -> Envelope:
    """Decode a publication's event; one that can't be read is kept as an event of an unknown type."""
    try:
        return read_envelope(publication.data)
    except EventError as error:
        return Envelope(
            id=f"{channel}-{publication.offset}",
            source="/tideboard/client",
            type="unreadable",
            specversion="1.0",
            data={"reason": str(error)},
        )


def documents_told(history: Iterable[tuple[Envelope, int]]) -> list[tuple[JsonObject, int | None]]:
    """Return the documents that events tell of, oldest first, each with its newest event's offset."""
    told: dict[str, tuple[JsonObject, int | None]] = {}
    for envelope, offset in history:
        event = event_of(envelope)
        identifier = document_id_of(event)
        if identifier is not None and isinstance(event, CollectionCreated | CollectionUpdated | CollectionDeleted):
            told.pop(identifier, None)
            if not isinstance(event, CollectionDeleted):
                told[identifier] = (event.document, offset)
    return list(told.values())


def local_envelope(event: ConnectionEvent, *, identifier: str) -> Envelope:
    """Wrap an event that the client raises itself, for whoever asked for its type."""
    return Envelope(
        id=identifier,
        source="/tideboard/client",
        type=event.TYPE,
        specversion="1.0",
        time=event.timestamp,
        data=data_of(event),
    )


def error_of(reply: Reply) -> ErrorFrame:
    """Return why a command was refused."""
    return reply.error or ErrorFrame(code=0, message="an answer without content", temporary=True)


def words_of(error: ErrorFrame) -> str:
    """Say a refusal for people."""
    return f"The gateway refused: {error.message or 'no reason given'} (code {error.code})."
