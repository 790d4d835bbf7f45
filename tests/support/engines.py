"""Runs the same claims on each engine that can keep the log: SQLite, and Redis on a real server.

A module says `pytestmark = on_each_engine`; what `opened` (making) and `served` (serving) open is then kept by the
engine whose turn it is. `sqlite_only` marks what is about SQLite itself. `make test ENGINE=redis` runs everything on
Redis, apps and gateways that are processes of their own included.
"""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.redis_server import RedisServer, documented_user

ENGINES: Final = ("sqlite", "redis")
on_each_engine: Final = pytest.mark.usefixtures("each_engine")
sqlite_only: Final = pytest.mark.engine("sqlite")
VARIABLE: Final = "TEST_ENGINE"
STANDING: Final = os.environ.get(VARIABLE) or "sqlite"
_now_on = STANDING


def engine() -> str:
    """Name the engine whose turn it is."""
    return _now_on


@contextmanager
def using(name: str) -> Iterator[None]:
    """Let it be an engine's turn."""
    global _now_on
    before, _now_on = _now_on, name
    try:
        yield
    finally:
        _now_on = before


def redis_url() -> str:
    """Return the address of the tests' own server, started by the first who asks, with no more rights than we need."""
    return _server().url.replace("://", "://tideboard:password@")


@cache
def _server() -> RedisServer:
    server = RedisServer(users=[documented_user(prefix="test-*")])
    atexit.register(server.close)
    return server


def settings_of(folder: Path) -> dict[str, Any]:
    """Return the settings by which a gateway on this data folder is kept by the engine whose turn it is."""
    return {"redis_url": redis_url(), "redis_prefix": prefix_of(folder)} if _now_on == "redis" else {}


def prefix_of(folder: Path) -> str:
    """Return what a folder's keys begin with: who opens it again finds what was there."""
    return "test-" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]
