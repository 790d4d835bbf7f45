"""Runs scripts that refuse to write until a node has adopted the server, and adopts it for them.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from realtime.errors import StorageError
from realtime.gateway.nodes.server import Server

_T = TypeVar("_T")
_TRIES: Final = 3


def run_adopted(
    server: Server, name: str, keys: Sequence[str], request: object, into: type[_T], *, replicas: int = 0
) -> _T:
    """Run a script whose reply is nil where no node has adopted the server yet. Raises StorageError."""
    for _ in range(_TRIES):
        found: _T | None = server.run_durably(name, keys, request, into | None, replicas=replicas)  # type: ignore[arg-type]
        if found is not None:
            return found
        server.adopt()
    raise StorageError("Redis was restarted again and again meanwhile; try again in a moment.")
