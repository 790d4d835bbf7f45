"""Claims about the way to Redis, each against real servers: every form of address, logins, TLS, failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis.exceptions import RedisError

from realtime.config import Settings
from realtime.errors import StorageError
from realtime.gateway.nodes.dialing import ask
from realtime.gateway.nodes.link import Link
from tests.support.redis_server import KEPT, RedisServer

PASSWORD = "p@ss:w/rd%"
WRITTEN = "p%40ss%3Aw%2Frd%25"


@pytest.fixture(scope="module")
def kept() -> Iterator[RedisServer]:
    """Run a server that nobody need be warned of."""
    with RedisServer(settings=KEPT) as server:
        yield server


def _link(url: str, **changes: object) -> Link:
    return Link.of(replace(Settings(redis_url=url), **changes))  # type: ignore[arg-type]


def _failure(link: Link, *command: str) -> StorageError:
    """Send a command that has to fail, and return it in our words."""
    with pytest.raises(RedisError) as caught:
        ask(link.client(), *command)
    return link.words(caught.value)


def _is_answered(link: Link) -> bool:
    """Write through the link, looking again after a failure, as who uses it does."""
    try:
        return bool(link.client().set(link.keys.of("here"), b"1"))
    except RedisError:
        link.find_again()
        return False


def test_a_server_is_reached(redis_server: RedisServer, redis_prefix: str) -> None:
    """By host and port, with bytes in and out."""
    link = _link(redis_server.url, redis_prefix=redis_prefix)
    key = link.keys.of("s", "collection:orders")
    assert key == f"{{{redis_prefix}}}:s:collection:orders"
    link.check()
    assert link.client().set(key, b"\xff") is True
    assert link.client().get(key) == b"\xff"
    assert link.client() is link.client()
    assert link.where == redis_server.address
    link.close()
