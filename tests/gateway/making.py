"""Makes events and logs for the tests of the gateway."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from realtime.config import Settings
from realtime.gateway.log import Accepted, EventLog, Stored
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.log import RedisLog
from realtime.gateway.ports import Log
from realtime.protocol.events import channel_of, check_event, encode_envelope
from tests.support.engines import engine, prefix_of, redis_url, using

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


def envelope(number: int | str = 1, kind: str = "created", **changes: Any) -> dict[str, Any]:
    """Make an event about the document `d<number>` of `orders`, as a producer would post it."""
    identifier = changes.pop("document", f"d{number}")
    content: dict[str, Any] = {"collection": changes.pop("collection", "orders")}
    if kind != "created":
        content["id"] = identifier
    if kind != "deleted":
        content["document"] = {"id": identifier, "number": number}
    made = {"specversion": "1.0", "id": f"e{number}", "source": "/test", "type": f"collection:{kind}", "data": content}
    return made | changes


def accepted(number: int | str = 1, kind: str = "created", **changes: Any) -> Accepted:
    """Make a judged event."""
    judged, event = check_event(envelope(number, kind, **changes), max_depth=64)
    return Accepted(judged, event, channel_of(event), encode_envelope(judged))


class Commits:
    """Records what the log says it has committed, and lets a test wait for it or hold the writer up."""

    def __init__(self) -> None:
        self.stored: list[Stored] = []
        self.batches: list[int] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.happened = threading.Event()

    def __call__(self, stored: Sequence[Stored]) -> None:
        """Record a commit; the writer waits here until it may go on."""
        self.stored.extend(stored)
        self.batches.append(len(stored))
        self.happened.set()
        assert self.may_go_on.wait(30)


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Log]:
    """Open a log in `folder`, kept by the engine whose turn it is; close it afterwards."""
    log = open_log(folder, **options)
    try:
        yield log
    finally:
        log.close()


@contextmanager
def opened_file(folder: Path, **options: Any) -> Iterator[EventLog]:
    """Open a log on SQLite in `folder`; close it afterwards."""
    with using("sqlite"), opened(folder, **options) as log:
        assert isinstance(log, EventLog)
        yield log


def log_class() -> type[Log]:
    """Return the class of what `opened` opens."""
    return RedisLog if engine() == "redis" else EventLog


def open_log(folder: Path, **options: Any) -> Log:
    """Open a log in `folder`, kept by the engine whose turn it is."""
    settings: dict[str, Any] = {"retention_events": 1000, "on_commit": Commits(), "now": lambda: NOON} | options
    if engine() == "redis":
        link = Link.of(Settings(redis_url=redis_url(), redis_prefix=prefix_of(folder)))
        return RedisLog.open(link, node=uuid.uuid4().hex, **settings)
    return EventLog.open(folder / "log.db", **settings)
