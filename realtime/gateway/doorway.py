"""The door into uvicorn's HTTP: bounds bare TCP connections, which no route ever sees, and keeps who really connected.

A connection that says nothing, or says its headers byte by byte, costs a file descriptor and reaches no handler; some
thousands of them would keep everybody out. So each address may have so many, and a request's head has to be there in
time. Where we make the server (`Doorway.protocol`) that is a class of its own; in Streamlit's, `Doorway.install` puts
the same into the class that is there. Threads: the event loop's.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

import uvicorn.config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from realtime.hub.gate import Gate
from realtime.hub.peers import REAL_CLIENT, network_of
from realtime.hub.straight import SERVER_SEND
from realtime.metrics import LIMITED

HEAD_WITHIN_S: Final = 10.0
SENT_WITHIN_S: Final = 1.0
TAKEN_WITHIN_S: Final = 3.0
_LOOK_S: Final = 0.05
_SWEEP_S: Final = 2.0
_COUNT_AGAIN_S: Final = 0.1
_MOST_FILES: Final = 65_536
_HARMLESS: Final = "ASGI callable returned without completing handshake."
_LOG: Final = logging.getLogger(__name__)
_Protocol: Any = AutoHTTPProtocol
_made: Callable[..., None] = _Protocol.connection_made


class Doorway:
    """Counts the connections of each address, and hangs up on those that keep it waiting."""

    def __init__(self, gate: Gate, *, head_within_s: float = HEAD_WITHIN_S) -> None:
        self._gate = gate
        self._most = gate.quotas.connections_per_address
        self._head_within_s = head_within_s
        self._by_network: dict[str, set[Any]] = {}
        self._heads: WeakKeyDictionary[Any, float] = WeakKeyDictionary()
        """HTTP connections without a request under way, and since when: the loop's time."""
        self._sweeping: asyncio.TimerHandle | None = None
        self._told: set[str] = set()
        self._counted_at: dict[str, float] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """Make the class for `uvicorn.Config(http=…)`."""
        doorway = self

        def connection_made(protocol: Any, transport: Any) -> None:
            _made(protocol, transport)
            doorway.met(protocol, transport)

        guarded: type[asyncio.Protocol] = type("Guarded", (_Protocol,), {"connection_made": connection_made})
        return guarded

    def install(self) -> None:
        """Guard the servers of this process that use uvicorn's own class; replaces an earlier guard."""
        doorway = self

        def connection_made(protocol: Any, transport: Any) -> None:
            _made(protocol, transport)
            doorway.met(protocol, transport)

        _Protocol.connection_made = connection_made
        setattr(uvicorn.config, "ProxyHeadersMiddleware", _Remembering)  # noqa: B010  # its name, looked up at the start

    def met(self, protocol: Any, transport: Any) -> None:
        """Learn of a new connection; one too many of its address is hung up at once."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        loop = asyncio.get_running_loop()
        if not self._gate.is_proxy(address):
            network = network_of(address)
            open_ones = self._by_network.setdefault(network, set())
            if len(open_ones) >= self._most and self._may_count_anew(network, loop.time()):
                open_ones = self._by_network[network] = {one for one in open_ones if not one.is_closing()}
            if len(open_ones) >= self._most:
                self._refuse(network, transport)
                return
            open_ones.add(transport)
        self._heads[protocol] = loop.time()
        if self._sweeping is None:
            self._sweeping = loop.call_later(min(_SWEEP_S, self._head_within_s / 2), self._sweep)

    def _may_count_anew(self, network: str, now: float) -> bool:
        """Tell whether to see who has left: not for each of thousands that are too many."""
        if now < self._counted_at.get(network, 0.0) + _COUNT_AGAIN_S:
            return False
        self._counted_at[network] = now
        return True

    async def empty(self) -> None:
        """Hang up on requests that would hold up the end of the server; run it from the moment that was asked for.

        Whoever is still sending after a second, or still receiving after three, is hung up on: the server itself would
        wait for ever. What was answered is durable; who wasn't answered has to send it again anyway. It watches on
        until it is cancelled, since connections that were waiting to be taken are taken yet.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            passed_s = loop.time() - began
            if passed_s >= SENT_WITHIN_S:
                is_overdue = _is_sending if passed_s < TAKEN_WITHIN_S else _is_answering
                for protocol in filter(is_overdue, list(self._heads)):
                    protocol.transport.abort()
            await asyncio.sleep(_LOOK_S)

    def _refuse(self, network: str, transport: Any) -> None:
        LIMITED.labels("connections_per_address").inc()
        if network not in self._told:
            self._told.add(network)
            _LOG.warning("%s has %d connections open; no more are taken", network, self._most)
            self._gate.told("connections_per_address", actor="", origin=network)
        transport.abort()

    def _sweep(self) -> None:
        """Hang up where a head is overdue, and forget connections that are gone."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for protocol, since in list(self._heads.items()):
            transport = protocol.transport
            if transport is None or transport.is_closing() or transport.get_protocol() is not protocol:
                del self._heads[protocol]  # gone, or a WebSocket by now, which has its own clocks
            elif protocol.cycle is not None and not protocol.cycle.response_complete:
                self._heads[protocol] = now
            elif now - since >= self._head_within_s:
                LIMITED.labels("head_within_s").inc()
                transport.abort()
                del self._heads[protocol]
        for network, open_ones in list(self._by_network.items()):
            left = {one for one in open_ones if not one.is_closing()}
            if left:
                self._by_network[network] = left
            else:
                del self._by_network[network]
        self._told &= self._by_network.keys()
        self._counted_at = {network: at for network, at in self._counted_at.items() if network in self._by_network}
        again = bool(self._heads or self._by_network)
        self._sweeping = loop.call_later(min(_SWEEP_S, self._head_within_s / 2), self._sweep) if again else None


def _is_answering(protocol: Any) -> bool:
    """Tell whether a request is under way on a connection."""
    cycle = protocol.cycle
    return cycle is not None and not cycle.response_complete and not protocol.transport.is_closing()


def _is_sending(protocol: Any) -> bool:
    """Tell whether the other side still owes a part of its request."""
    return _is_answering(protocol) and bool(protocol.cycle.more_body)


class _Remembering(ProxyHeadersMiddleware):
    """uvicorn's belief in who is on this machine, but what was there before is kept for us, and the bare way out."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Remember the client and `send`, then do as before."""
        if scope["type"] != "lifespan":
            scope[REAL_CLIENT] = scope.get("client")
        if scope["type"] == "websocket":  # around a request it would tie a knot that only a garbage collection undoes
            scope[SERVER_SEND] = send
        await super().__call__(scope, receive, send)


class _Quiet(logging.Filter):
    """Drops what uvicorn says of every socket that is refused with an answer: it was answered."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to keep a record."""
        return record.msg != _HARMLESS


def make_room() -> int:
    """Let this process open as many files as it may: a socket is one. Returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def hush() -> None:
    """Keep refusals out of uvicorn's log of errors."""
    log = logging.getLogger("uvicorn.error")
    if not any(isinstance(one, _Quiet) for one in log.filters):
        log.addFilter(_Quiet())
