"""The two servers that the conformance suite runs against: a real Centrifugo, and our gateway. Same words for both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import httpx

from realtime.bench.process import Process
from tests.conformance.centrifugo import API_KEY, SECRET, Centrifugo, binary
from tests.support.processes import free_port, start_gateway


class Judged(Protocol):
    """A server that speaks the protocol."""

    http: httpx.Client

    @property
    def base_url(self) -> str:
        """Return the root of its HTTP API."""

    @property
    def socket_url(self) -> str:
        """Return where its sockets are."""

    def start(self) -> None:
        """Start it, and wait until it answers."""

    def kill(self) -> None:
        """End it as `kill -9` does."""

    def forget(self) -> None:
        """Lose what it remembers of streams, while it doesn't run."""

    def stop(self) -> None:
        """End it."""


class Ours:
    """Our gateway, in a process of its own, with tokens required and an API key."""

    def __init__(self, folder: Path, client: dict[str, Any]) -> None:
        self.port = free_port()
        self._folder = folder
        self._settings = {"TIDEBOARD_SECRET": SECRET, "TIDEBOARD_REQUIRE_TOKEN": "on", "TIDEBOARD_API_KEY": API_KEY}
        self._settings |= {"TIDEBOARD_RETENTION_EVENTS": "200", **client}
        self._data = 0
        self._process: Process | None = None
        self.http = httpx.Client(base_url=self.base_url, headers={"X-API-Key": API_KEY}, trust_env=False, timeout=10)

    @property
    def base_url(self) -> str:
        """Return the root of its HTTP API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """Return where its sockets are."""
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = start_gateway(self._folder / f"data{self._data}", port=self.port, extra=self._settings)
        self._process.wait_ready()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        self._process.kill()

    def forget(self) -> None:
        """Go on with an empty data folder."""
        self._data += 1

    def stop(self) -> None:
        """End it, and the connection to it."""
        self.http.close()
        if self._process is not None:
            self._process.stop()


def a_centrifugo(folder: Path, **client: Any) -> Judged:
    """Make a real Centrifugo that keeps 200 events a channel; `client` is its section of that name."""
    program = binary()
    assert program is not None
    return Centrifugo(program, folder, client)


def a_gateway(folder: Path, **settings: Any) -> Judged:
    """Make our gateway, keeping as many."""
    return Ours(folder, settings)


Make = Callable[..., Judged]
