"""Fills a store by hand, as the client would."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from realtime.protocol.channels import collection_channel
from realtime.protocol.events import Envelope
from realtime.store import ConnectionState, ConnectionStatus, Store

EPOCH = "e1"
NOON = 1_800_000_000.0


class Filler:
    """Applies events to a store, numbering them per channel."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self._offsets: dict[str, int] = {}

    def created(
        self, collection: str, document: dict[str, Any], *, now: float = NOON, actor: str | None = None
    ) -> None:
        """Let a document appear."""
        self._collection("created", collection, {"collection": collection, "document": document}, now=now, actor=actor)

    def updated(
        self, collection: str, document: dict[str, Any], *, now: float = NOON, actor: str | None = None
    ) -> None:
        """Let a document change."""
        content = {"collection": collection, "id": document["id"], "document": document}
        self._collection("updated", collection, content, now=now, actor=actor)

    def deleted(self, collection: str, identifier: str, *, now: float = NOON) -> None:
        """Let a document go."""
        self._collection("deleted", collection, {"collection": collection, "id": identifier}, now=now, actor=None)

    def many(self, collection: str, documents: Iterable[dict[str, Any]], *, now: float = NOON) -> None:
        """Let many documents appear, one after another."""
        for document in documents:
            self.created(collection, document, now=now)

    def system(self, channel: str, type_name: str, content: dict[str, Any], *, now: float = NOON) -> None:
        """Apply an event of another channel."""
        self._apply(channel, type_name, content, now=now, actor=None, at=now)

    def connected(self, *, state: ConnectionState = ConnectionState.CONNECTED, since: float = NOON) -> None:
        """Set the connection's state."""
        self.store.set_connection(ConnectionStatus(state=state, since=since, connected_since=since), now=since)

    def _collection(
        self, verb: str, collection: str, content: dict[str, Any], *, now: float, actor: str | None
    ) -> None:
        self._apply(collection_channel(collection), f"collection:{verb}", content, now=now, actor=actor, at=now)

    def _apply(
        self, channel: str, type_name: str, content: dict[str, Any], *, now: float, actor: str | None, at: float
    ) -> None:
        offset = self._offsets[channel] = self._offsets.get(channel, 0) + 1
        envelope = Envelope(
            id=f"{channel}-{offset}", source="/tests", type=type_name, specversion="1.0", actor=actor,
            time=datetime.fromtimestamp(at, UTC).isoformat(), data=content,
        )  # fmt: skip
        self.store.apply(channel, [(envelope, offset)], epoch=EPOCH, now=now)
