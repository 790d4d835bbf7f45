"""The client brings a fresh token to every dial, and takes the gateway's word: come back with another, or don't."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from realtime.client import WebSocketClient
from realtime.client.calls import Purpose
from realtime.client.dialing import Dialing
from realtime.protocol.frames import Command
from realtime.store import ConnectionState, Store
from tests.gateway.serving import Served, served
from tests.gateway.tokens import SECRET, token
from tests.support.waiting import until

WAYS = ("websocket", "polling")
Follow = Callable[..., tuple[WebSocketClient, Store]]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    """Run a gateway that requires tokens."""
    with served(tmp_path, secret=SECRET) as running:
        yield running


@pytest.fixture
def follow(gateway: Served) -> Iterator[Follow]:
    """Make clients that are ended with the test."""
    with ExitStack() as stack:

        def made(tokens: Callable[[], str], transport: Any) -> tuple[WebSocketClient, Store]:
            store = Store(feed_size=10)
            address = f"ws://127.0.0.1:{gateway.port}/connection/websocket"
            client = WebSocketClient(
                address, http_url=gateway.url, store=store, token=tokens, transport=transport, jitter=lambda: 0.0
            )
            stack.callback(client.disconnect)
            client.connect()
            return client, store

        yield made


def administer(gateway: Served, path: str, **command: str) -> None:
    """Do something as an administrator."""
    headers = {"Authorization": f"Bearer {token(roles=['admin'])}"}
    httpx.post(gateway.url + path, json=command, headers=headers, trust_env=False).raise_for_status()


@pytest.mark.parametrize("way", WAYS)
def test_an_expired_token_is_replaced(follow: Follow, way: str) -> None:
    """The owner is asked anew for every dial."""
    asked: list[str] = []

    def tokens() -> str:
        asked.append(token(sub="ann", roles=["admin"], jti=str(len(asked)), exp=time.time() + 600 * len(asked)))
        return asked[-1]

    client, _ = follow(tokens, way)
    until(lambda: client.is_connected, what="a connection by the second token")
    assert len(set(asked)) >= 2


@pytest.mark.parametrize("way", WAYS)
def test_a_token_that_isnt_valid_is_not_tried_again(follow: Follow, way: str) -> None:
    """Until somebody asks for it."""
    asked: list[str] = []

    def tokens() -> str:
        asked.append(token("another secret of more than 32 chars", sub="ann"))
        return asked[-1]

    client, store = follow(tokens, way)
    until(lambda: client.connection_state is ConnectionState.REFUSED, what="the refusal")
    seen = len(asked)
    assert "valid" in (store.connection.reason or "") or "invalid token" in (store.connection.reason or "")
    assert not client.is_connected
    client.reconnect()
    until(lambda: len(asked) > seen, what="the dial that was asked for")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("path", "command"), [("/api/revoke", {"id": "t1"}), ("/api/block", {"user": "ann"})])
def test_who_is_put_out_while_connected_stays_out(
    gateway: Served, follow: Follow, way: str, path: str, command: dict[str, str]
) -> None:
    """At once over a socket, with the next poll over HTTP; and it says so."""
    client, store = follow(lambda: token(sub="ann", roles=["admin"], jti="t1"), way)
    until(lambda: client.is_connected, what="a connection")
    administer(gateway, path, **command)
    until(lambda: client.connection_state is ConnectionState.REFUSED, what="the end")
    assert store.connection.reason


class RecordingWire:
    """A line that opens, and keeps what is sent over it."""

    def __init__(self) -> None:
        self.generation = 0
        self.sent: list[Command] = []
        self.transport = self

    def open(self, url: str) -> None:
        """Open."""

    def numbered(self, purpose: Purpose, command: Command) -> Command:
        """Leave a command as it is."""
        return command

    def send(self, commands: list[Command]) -> None:
        """Keep what is sent."""
        self.sent += commands


def test_a_token_without_a_successor_isnt_sent_again() -> None:
    """A repeat would be taken for a replay and end the connection; a fresh one is sent once."""
    tokens = iter(["first", "first", "second", "second"])
    wire: Any = RecordingWire()
    dialing = Dialing("ws://nowhere", wire=wire, token=lambda: next(tokens), greeting=bytes)
    dialing.dial(1, "websocket")
    for _ in range(3):
        dialing.renew()
    assert [one.refresh and one.refresh.token for one in wire.sent] == ["second"]
