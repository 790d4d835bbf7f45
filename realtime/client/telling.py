"""Tells the store, and whoever listens, how the connection stands. Decides nothing itself.

Threads: driver only.
"""

from __future__ import annotations

from typing import Final

from realtime.client.answers import local_envelope
from realtime.client.connection import Connection
from realtime.client.handlers import Handlers
from realtime.client.wire import Wire
from realtime.metrics import CLIENT_STALE
from realtime.protocol.events import ConnectionEvent
from realtime.store import ConnectionStatus, Store

_AGAIN_S: Final = 1.0


class Telling:
    """What was told last, so that nothing is told twice."""

    def __init__(self, *, connection: Connection, wire: Wire, store: Store, handlers: Handlers) -> None:
        self._connection = connection
        self._wire = wire
        self._store = store
        self._handlers = handlers
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0
        self._stale_told = 0

    def status(self, now: float, *, problem: str | None) -> None:
        """Hand the status to the store when it changed, and the running numbers once a second."""
        connection, poll_s = self._connection, self._wire.polling.interval_s
        reason = connection.reason or problem
        told = (connection.phase, connection.since, connection.generation, connection.next_dial_at, reason, poll_s)
        if told == self._told and 0 <= now - self._told_at < _AGAIN_S:
            return
        self._told, self._told_at = told, now
        CLIENT_STALE.inc(connection.stale_facts - self._stale_told)
        self._stale_told = connection.stale_facts
        self._store.set_connection(self._status(reason, poll_s), now=now)

    def news(self, event: ConnectionEvent, now: float) -> None:
        """Put an event of our own into the feed, and hand it to whoever asked for its type."""
        self._store.raise_local(event, now=now)
        envelope = local_envelope(event, identifier=f"local-{self._connection.generation}")
        self._handlers.call((envelope,))

    def _status(self, reason: str | None, poll_s: float | None) -> ConnectionStatus:
        connection, wire = self._connection, self._wire
        return ConnectionStatus(
            state=connection.state,
            transport=connection.over,
            since=connection.since,
            attempts=connection.attempts,
            next_dial_at=connection.next_dial_at,
            connected_since=connection.connected_since,
            downtime_s=connection.downtime_s,
            reason=reason,
            dials=connection.generation,
            reconnects=connection.reconnects,
            bytes_in=wire.transport.bytes_in + wire.polling.bytes_in,
            bytes_out=wire.transport.bytes_out + wire.polling.bytes_out,
            poll_s=poll_s,
        )
