"""Makes envelopes for the store's tests."""

from __future__ import annotations

from typing import Any

from realtime.protocol.events import Envelope

ORDERS = "collection:orders"
NOW = 1_800_000_000.0


def envelope(
    kind: str, data: Any, *, identifier: str = "e", time: str | None = None, actor: str | None = None
) -> Envelope:
    """Make an envelope of any type."""
    return Envelope(id=identifier, source="/t", type=kind, specversion="1.0", time=time, actor=actor, data=data)


def created(identifier: str, *, actor: str | None = None, time: str | None = None, **fields: Any) -> Envelope:
    """Make the event that adds a document to `orders`."""
    data = {"collection": "orders", "document": {"id": identifier, **fields}}
    return envelope("collection:created", data, actor=actor, time=time)


def updated(identifier: str, *, actor: str | None = None, **fields: Any) -> Envelope:
    """Make the event that replaces a document of `orders`."""
    data = {"collection": "orders", "id": identifier, "document": {"id": identifier, **fields}}
    return envelope("collection:updated", data, actor=actor)


def deleted(identifier: str) -> Envelope:
    """Make the event that removes a document of `orders`."""
    return envelope("collection:deleted", {"collection": "orders", "id": identifier})


def login(person: str) -> Envelope:
    """Make the event that a person arrived."""
    return envelope("user:login", {"userId": person, "timestamp": "2026-01-01T00:00:00Z"})


def logout(person: str) -> Envelope:
    """Make the event that a person left."""
    return envelope("user:logout", {"userId": person, "timestamp": "2026-01-01T00:00:00Z"})


def acted(person: str, action: str) -> Envelope:
    """Make the event that a person did something."""
    return envelope("user:activity", {"userId": person, "action": action, "timestamp": "2026-01-01T00:00:00Z"})


def fault(text: str, *, severity: str = "low") -> Envelope:
    """Make the event that something failed."""
    return envelope("system:error", {"error": text, "severity": severity})
