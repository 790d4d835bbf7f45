"""A scripted gateway, a store, and a client between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from realtime.client import WebSocketClient
from realtime.protocol.positions import Position
from realtime.store import Store
from tests.client.scripted import ScriptedGateway

WAIT_S = 10.0


class World:
    """A scripted gateway, a store and a client between them."""

    def __init__(self, gateway: ScriptedGateway, stack: ExitStack) -> None:
        self.gateway = gateway
        self.store = Store()
        self.stack = stack
        self.client = self.another(self.store)

    def another(
        self,
        store: Store,
        *,
        token: Callable[[], str] | None = None,
        top_check_s: float = 30.0,
        resume_from: Mapping[str, Position] | None = None,
    ) -> WebSocketClient:
        """Make a client that is ended with the test."""
        address = self.gateway.address
        client = WebSocketClient(
            f"ws://{address}/connection/websocket",
            http_url=f"http://{address}",
            store=store,
            token=token,
            top_check_s=top_check_s,
            resume_from=resume_from,
        )
        client.set_reconnect_options(base_s=0.01, cap_s=0.05)
        self.stack.callback(client.disconnect)
        return client

    def until(self, claim: Callable[[], bool]) -> None:
        """Wait for changes of the store until a claim holds."""
        deadline, tick = time.monotonic() + WAIT_S, -1
        while not claim():
            assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s; {self.store.connection}"
            tick, _ = self.store.wait_for_changes(tick, timeout_s=0.05)

    def connect(self) -> None:
        """Connect, and wait until all is in sync."""
        self.client.connect()
        self.until(lambda: self.client.is_connected)

    def settle(self, dials: int) -> None:
        """Wait until the client is in sync on its `dials`th dial or a later one."""
        self.until(lambda: self.store.connection.dials >= dials and self.store.connection.is_connected)

    def ids(self) -> set[str]:
        """Return the ids of the documents held."""
        return set(self.store.collection("orders").documents)

    def tells(self, *types: str) -> None:
        """Wait until these are the client's own events, oldest first: they follow the status that others wait for."""
        self.until(lambda: self.raised() == list(types))

    def raised(self) -> list[str]:
        """Return the types of the client's own events, oldest first."""
        return [entry.envelope.type for entry in self.store.feed(channels=("connection",))][::-1]
