"""Makes facts, notifications and commands for the tests, briefly."""

from __future__ import annotations

from typing import Any

from realtime.notifications.commands import Add
from realtime.notifications.facts import Fact, fact_of
from realtime.notifications.model import KINDS, Notification, Severity, Source
from realtime.protocol.events import Envelope, event_of

NOW = 1_800_000_000.0


def fact(type_: str, values: dict[str, Any], *, offset: int = 1, at: float = NOW, channel: str | None = None,
         before: dict[str, Any] | None = None, actor: str | None = None, critical: bool = False) -> Fact:  # fmt: skip
    """Make a fact of an event that says no time of its own."""
    envelope = Envelope(
        id=str(offset), source="/t", type=type_, specversion="1.0", actor=actor, critical=critical, data=values
    )
    where = channel or (f"collection:{values['collection']}" if "collection" in values else "system")
    return fact_of(envelope, event_of(envelope), source=Source(where, "e", offset), now=at, before=before)


def created(document: dict[str, Any], **more: Any) -> Fact:
    """Make a fact of a new order."""
    return fact("collection:created", {"collection": "orders", "document": document}, **more)


def updated(document: dict[str, Any], **more: Any) -> Fact:
    """Make a fact of a changed order."""
    return fact("collection:updated", {"collection": "orders", "id": document["id"], "document": document}, **more)


def deleted(identifier: str, **more: Any) -> Fact:
    """Make a fact of a deleted order."""
    return fact("collection:deleted", {"collection": "orders", "id": identifier}, **more)


def notice(
    key: str = "k", *, offset: int = 1, at: float = NOW, severity: Severity = "warning", **more: Any
) -> Notification:
    """Make a notification of an event in the orders' stream."""
    source = Source("collection:orders", "e", offset)
    words = {"title": f"{key} {offset}", "kind": KINDS[severity], "about": "collections", "collection": "orders"}
    return Notification(**{
        "id": f"orders:{offset}", "key": key, "severity": severity, "at": at, "source": source, **words, **more
    })  # fmt: skip


def adding(notification: Notification, *, at: float | None = None) -> Add:
    """Make the command that adds a notification."""
    return Add(id=f"add {notification.id}", at=notification.at if at is None else at, notification=notification)
