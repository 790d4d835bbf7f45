"""Opens logs that keep copies, over a Redis that loses what it has, for the tests of that."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from realtime.config import Settings
from realtime.errors import StorageError
from realtime.gateway.nodes.copy_file import FILE_NAME
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.log import RedisLog
from realtime.gateway.records import Accepted, Stored
from tests.gateway.making import NOON, Commits
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

ORDERS: Final = "collection:orders"


class Node:
    """A log with a copy in a folder of its own."""

    def __init__(self, url: str, folder: Path, *, prefix: str = "nodes", retention_events: int = 100_000) -> None:
        self.commits = Commits()
        self.anew: list[int] = []
        folder.mkdir(exist_ok=True)
        self.log = RedisLog.open(
            Link.of(Settings(redis_url=url, redis_prefix=prefix)), node=uuid.uuid4().hex, on_commit=self.commits,
            on_anew=lambda: self.anew.append(1), copy_path=folder / FILE_NAME, retention_events=retention_events,
            now=lambda: NOON,
        )  # fmt: skip

    def store(self, *events: Accepted) -> list[Stored]:
        """Store events, however often it takes."""
        return until(lambda: asked(lambda: self.log.append(events).result(20)), within_s=60) or []

    def history(self, channel: str = ORDERS) -> list[bytes]:
        """Read the retained events of a channel."""
        page = until(lambda: asked(lambda: self.log.read(channel, limit=100_000)))
        assert page.reaches_top
        return [record.raw for record in page.publications]

    def ids(self, channel: str = ORDERS) -> list[str]:
        """Read the ids of the retained events of a channel."""
        return [msgspec.json.decode(raw)["id"] for raw in self.history(channel)]

    def documents(self, collection: str = "orders") -> dict[str, Any]:
        """Read all documents of a collection."""
        page = until(lambda: asked(lambda: self.log.page(collection, limit=5000)))
        return {one["id"]: one for one in msgspec.json.decode(page.documents)}

    @property
    def is_settled(self) -> bool:
        """Tell whether all is well and its copy is complete."""
        copy = self.log.copy
        return self.log.trouble is None and copy is not None and copy.is_complete


def asked(question: Callable[[], Any]) -> Any:
    """Ask something; None while nothing can be asked."""
    try:
        return question()
    except StorageError:
        return None


def flush(server: RedisServer) -> None:
    """Lose everything."""
    server.flush()


def kill(server: RedisServer) -> None:
    """Lose what the server hasn't saved, by a restart."""
    server.kill()
    server.start()


def wait_anew(*nodes: Node, times: int = 1) -> None:
    """Wait until everything has begun anew and all copies are complete."""
    until(lambda: all(len(node.anew) >= times and node.is_settled for node in nodes), within_s=60)
