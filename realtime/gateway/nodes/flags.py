"""Keeps what an operator has switched in Redis, for all nodes. How it is held, and who is told: gateway/switchboard.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from realtime.errors import StorageError
from realtime.gateway.nodes.adopting import run_adopted
from realtime.gateway.nodes.server import Server
from realtime.gateway.nodes.writer import FEED_BYTES
from realtime.gateway.switchboard import Switchboard, Switched
from realtime.pulse import PULSE, Pulse

KIND: Final = "flags"
_ROWS: Final = msgspec.msgpack.Decoder(list[Switched])


class SharedFlags(Switchboard):
    """Where the flags stand, for all nodes. What this node knows outlives what Redis loses."""

    def __init__(self, server: Server, *, now: Callable[[], float], pulse: Pulse = PULSE, replicas: int = 0) -> None:
        super().__init__(now=now, pulse=pulse)
        self._server = server
        self._replicas = replicas

    def heard(self, body: bytes) -> None:
        """Take in what a node has told of a switch."""
        self._learn(_ROWS.decode(body))

    def settle(self) -> None:
        """Learn how flags stand, and put back what Redis has lost. Raises StorageError."""
        self._learn(self._ask([]))

    def close(self) -> None:
        """Do nothing: the way to Redis is the log's."""

    def _write(self, wanted: Mapping[str, int], *, by: str, why: str, before: str) -> list[Switched]:
        now = self._now()
        try:
            return self._ask([(name, percent, now, by, why, before) for name, percent in wanted.items()])
        except StorageError as error:
            raise StorageError(f"The flags can't be switched now: {error}") from error

    def _ask(self, wanted: Sequence[tuple[str, int, float, str, str, str]]) -> list[Switched]:
        keys = self._server.keys
        request = [list(self._rows.values()), wanted, FEED_BYTES]
        return run_adopted(
            self._server, "flags", [keys.meta, keys.feed, keys.of("flags")], request, list[Switched],
            replicas=self._replicas,
        )  # fmt: skip
