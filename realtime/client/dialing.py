"""Dials, greets, renews and probes: what it takes to be let in, over the socket or by polls. Decides nothing itself.

Threads: driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from realtime import __version__
from realtime.client.calls import Purpose
from realtime.client.route import Way
from realtime.client.transport import can_be_had
from realtime.client.wire import Wire
from realtime.errors import NotConnected
from realtime.metrics import CLIENT_DIALS
from realtime.protocol.frames import NO_DATA, Command, ConnectRequest, TokenRequest, encode

_PROBE_S: Final = 1.5  # nothing is polled meanwhile
_log = logging.getLogger(__name__)


class Dialing:
    """The client's way in. `greeting` makes the `data` of `connect`, empty for none."""

    def __init__(self, url: str, *, wire: Wire, token: Callable[[], str] | None, greeting: Callable[[], bytes]) -> None:
        self._url = url
        self._wire = wire
        self._token = token
        self._greeting = greeting
        self._fresh_token = ""

    def dial(self, generation: int, over: Way) -> None:
        """Open a socket with a fresh token, or see whether polls are answered. Raises NotConnected."""
        self._wire.generation = generation
        try:
            if over == "polling":
                self._wire.polling.open()
            else:
                self._fresh_token = self._ask_for_token()
                self._wire.transport.open(self._url)
        except NotConnected:
            CLIENT_DIALS.labels(outcome="failed").inc()
            raise
        CLIENT_DIALS.labels(outcome="opened" if over == "websocket" else "polling").inc()

    def greet(self) -> None:
        """Send `connect`. Raises NotConnected."""
        greeting = self._greeting()
        request = self._request(msgspec.Raw(greeting) if greeting else NO_DATA)
        self._wire.send([self._wire.numbered(Purpose.CONNECT, Command(connect=request))])

    def renew(self) -> None:
        """Send a fresh token, if the owner has one: a repeat would be refused. Raises NotConnected."""
        token = self._ask_for_token()
        if token == self._fresh_token:
            return
        self._fresh_token = token
        command = Command(refresh=TokenRequest(token=token))
        self._wire.send([self._wire.numbered(Purpose.RENEW, command)])

    def probe(self) -> bool:
        """Tell whether a gateway answers over a socket. A proxy may let the upgrade through, and nothing after it."""
        try:
            self._fresh_token = self._ask_for_token()
        except NotConnected:
            return False
        hello = encode(Command(id=1, connect=self._request(NO_DATA)))
        return can_be_had(self._url, hello=hello, timeout_s=_PROBE_S)

    def _request(self, data: msgspec.Raw) -> ConnectRequest:
        return ConnectRequest(token=self._fresh_token, data=data, name="tideboard", version=__version__)

    def _ask_for_token(self) -> str:
        """Ask the owner for a token. Raises NotConnected: no token is no connection."""
        try:
            return "" if self._token is None else self._token()
        except Exception as error:  # it is someone else's code
            _log.exception("No token could be had")
            raise NotConnected(f"No token could be had: {type(error).__name__}.") from error
