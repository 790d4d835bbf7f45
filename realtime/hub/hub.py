"""Accepts sockets, keeps the list of connections, and broadcasts. What a channel holds is the backend's.

Threads: the event loop's.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Collection
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.websockets import WebSocket

from realtime.hub.connection import Connection
from realtime.hub.door import Door
from realtime.hub.effects import Limits
from realtime.hub.fanout import Fanout
from realtime.hub.gate import Gate, Refusal, Seat
from realtime.hub.outgoing import Outgoing, outgoing_publication
from realtime.hub.ports import Backend, Member, Others, OutPublication, Peer
from realtime.hub.session import Session
from realtime.hub.tally import Tally
from realtime.metrics import CONNECTIONS, DELIVERIES
from realtime.protocol.codes import DisconnectCode, hang_up
from realtime.protocol.frames import ClientInfo

_LOG = logging.getLogger(__name__)
SUBPROTOCOL: Final = "centrifuge-json"
_FOREIGN_SUBPROTOCOL: Final = "centrifuge-protobuf"
SHUTDOWN_WITHIN_S: Final = 1.5
PONG_WITHIN_S: Final = 8.0
SHUT: Final = Refusal(503, "not_running", "The server is stopping.", retry_s=1)


class Hub:
    """The server side of the wire for one backend."""

    def __init__(
        self,
        backend: Backend,
        *,
        name: str,
        subject: str = "",
        ping_s: float = 25.0,
        queue_bytes: int = 1_048_576,
        max_frame_bytes: int = 2_097_152,
        connect_within_s: float = 10.0,
        expired_grace_s: float = 25.0,
        pong_within_s: float = PONG_WITHIN_S,
        clock: Callable[[], float] = time.time,
        door: Door | None = None,
        gate: Gate | None = None,
        others: Others | None = None,
    ) -> None:
        """Prepare a hub; sizes in bytes, times in seconds, `clock` gives Unix seconds. `name` labels its metrics.

        `subject` is what the pulse counts its answers as; its name if it isn't given. `others` are
        the other nodes, where there are any.
        """
        self._door = door or Door()
        self._gate = gate or Gate()
        self._tally = Tally(name)
        self.name = name
        self._subject = subject or name
        self._backend = backend
        self._queue_bytes = queue_bytes
        self._max_frame_bytes = max_frame_bytes
        self._clock = clock
        self._others = others
        self._limits = Limits(
            ping_s=ping_s,
            pong_within_s=min(pong_within_s, ping_s * 0.8),
            connect_within_s=connect_within_s,
            expired_grace_s=expired_grace_s,
        )
        self._tick_s = max(0.01, min(1.0, ping_s / 4, connect_within_s / 4))
        self._fanout = Fanout(queue_bytes=queue_bytes)
        self._connections: dict[Connection, None] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._is_shut = False
        self._newest: tuple[str, OutPublication, Outgoing] | None = None
        self._deliveries = DELIVERIES.labels(name)
        self._open = CONNECTIONS.labels(name)

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one socket from the handshake to its end.

        Refuses a foreign page's socket with 403, one too many with 429, one that only speaks Protobuf with 3506.
        """
        peer = self._gate.peer_of(websocket.scope)
        refusal = SHUT if self._is_shut else self._gate.objection(peer)
        seat = refusal or self._gate.enter(peer)
        if isinstance(seat, Refusal):
            self._gate.notes.note(
                "connect", actor="", outcome="refused", target=self.name, origin=peer.address, detail=seat.code
            )
            await _turn_away(websocket, seat)
            return
        try:
            await self._serve(websocket, peer, seat)
        finally:
            seat.leave()

    async def _serve(self, websocket: WebSocket, peer: Peer, seat: Seat) -> None:
        offered = websocket.scope.get("subprotocols") or []
        await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        connection = self._connection(websocket, peer, seat)
        self._connections[connection] = None
        self._open.inc()
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick())
        if _FOREIGN_SUBPROTOCOL in offered and SUBPROTOCOL not in offered:
            connection.disconnect(hang_up(DisconnectCode.INAPPROPRIATE_PROTOCOL))
        try:
            await connection.read()
        finally:
            del self._connections[connection]
            if self._others is not None:
                self._others.touch()
            self._open.dec()
            if not self._connections:
                self._tally.tell(waiting=0)  # nobody ticks any more

    def broadcast(self, channel: str, publication: OutPublication, *, group: str = "", may_wait: bool = False) -> None:
        """Send a publication to every subscriber of a group; encoded once, and not at all when there is none.

        `may_wait`: more will follow in this turn of the loop, let them go together.
        """
        if group in self._fanout.groups(channel):
            outgoing = self._encoded(channel, publication)
            self._deliveries.inc(self._fanout.broadcast(channel, outgoing, group=group, may_wait=may_wait))

    def groups(self, channel: str) -> Collection[str]:
        """List the groups of those who are in a channel or joining it."""
        return tuple(self._fanout.groups(channel))

    def _encoded(self, channel: str, publication: OutPublication) -> Outgoing:
        """Encode a publication, unless it is the very one that another group was just given."""
        if self._newest is None or self._newest[0] != channel or self._newest[1] is not publication:
            self._newest = (channel, publication, outgoing_publication(channel, publication))
        return self._newest[2]

    def subscribers(self, channel: str) -> Collection[Member]:
        """List who is subscribed to a channel."""
        return self._fanout.live(channel)

    def channels(self) -> Collection[str]:
        """List the channels someone is subscribed to."""
        return [channel for channel in self._fanout.channels() if self._fanout.live(channel)]

    @property
    def members(self) -> Collection[Member]:
        """List all connections, those not let in yet included."""
        return list(self._connections)

    @property
    def is_shut(self) -> bool:
        """Tell whether it lets nobody in any more."""
        return self._is_shut

    def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Say who is subscribed to a channel, by client id."""
        return {one.client: one.client_info() for one in self._fanout.live(channel)}

    async def shutdown(self) -> None:
        """End every connection with 3001, which means come back, within two seconds; accept no more.

        Call it before the ASGI server closes its sockets: uvicorn sends its own 1012 to those it still finds open.
        """
        self._is_shut = True
        leaving = list(self._connections)
        for connection in leaving:
            connection.disconnect(hang_up(DisconnectCode.SHUTDOWN))
        deadline = time.monotonic() + SHUTDOWN_WITHIN_S
        while self._connections and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.give_up()
        if self._ticking is not None:
            self._ticking.cancel()

    def _connection(self, websocket: WebSocket, peer: Peer, seat: Seat) -> Connection:
        identity = uuid.uuid4()
        session = Session(
            str(identity),
            now=self._clock(),
            limits=self._limits,
            stagger=(identity.int & 0xFFFF) / 0xFFFF,
            log=_LOG.debug,
        )
        return Connection(
            websocket,
            session,
            backend=self._backend,
            fanout=self._fanout,
            peer=peer,
            door=self._door,
            seat=seat,
            tally=self._tally,
            hub=self.name,
            subject=self._subject,
            queue_bytes=self._queue_bytes,
            max_frame_bytes=self._max_frame_bytes,
            clock=self._clock,
            others=self._others,
        )

    async def _tick(self) -> None:
        while self._connections:
            await asyncio.sleep(self._tick_s)
            self._tally.tell(waiting=self._door.waiting)
            now = self._clock()
            for connection in list(self._connections):
                if connection.session.next_due <= now:
                    connection.tick(now)


async def _turn_away(websocket: WebSocket, refusal: Refusal) -> None:
    """Answer the handshake: with a bare 403, or with when to come back, where the server can."""
    if not refusal.retry_s or "websocket.http.response" not in websocket.scope.get("extensions", {}):
        await websocket.close()
        return
    headers = {"Retry-After": str(refusal.retry_s)}
    content = {"error": {"code": refusal.code, "reason": refusal.reason}}
    response = Response(msgspec.json.encode(content), refusal.status, headers=headers, media_type="application/json")
    await websocket.send_denial_response(response)
