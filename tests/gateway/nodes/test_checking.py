"""Claims about which Redis will do: judged at the start, from what it says about itself."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from realtime.config import Settings
from realtime.errors import StartError, StorageError
from realtime.gateway.nodes.checking import judged, warned
from realtime.gateway.nodes.link import Link
from tests.support.redis_server import KEPT, RedisServer

_GOOD = {"redis_version": "7.0.15", "maxmemory": 0, "maxmemory_policy": "noeviction", "aof_enabled": 1}


def test_a_server_that_keeps_what_it_has_is_fine(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is said."""
    with RedisServer(settings=KEPT) as server, caplog.at_level(logging.WARNING):
        link = Link.of(Settings(redis_url=server.url))
        link.check()
        link.close()
    assert caplog.messages == []


@pytest.mark.parametrize(("save", "is_warned"), [('""', True), ("900 1", False)])
def test_a_server_that_keeps_nothing_is_warned_of(caplog: pytest.LogCaptureFixture, save: str, is_warned: bool) -> None:
    """Saving now and then is enough not to be."""
    with RedisServer(settings={"save": save}) as server, caplog.at_level(logging.WARNING):
        link = Link.of(Settings(redis_url=server.url))
        link.check()
        link.close()
    assert [message for message in caplog.messages if "keeps nothing on disk" in message] == (
        caplog.messages if is_warned else []
    )
    assert bool(caplog.messages) is is_warned


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-lfu", "allkeys-random"])
def test_a_server_that_throws_documents_away_is_refused(policy: str) -> None:
    """It would do so silently once it is full."""
    with RedisServer(settings={"maxmemory": "100mb", "maxmemory-policy": policy}) as server:
        link = Link.of(Settings(redis_url=server.url))
        with pytest.raises(StartError, match=f"{policy}.*set maxmemory-policy to noeviction"):
            link.check()
        link.close()


def test_a_server_that_isnt_there_is_no_reason_not_to_start() -> None:
    """It may come; who starts decides."""
    with RedisServer() as server:
        link = Link.of(Settings(redis_url=server.url))
    with pytest.raises(StorageError, match="can't be reached"):
        link.check()
    link.close()


@pytest.mark.parametrize(
    ("facts", "is_refused"),
    [
        ({}, False),
        ({"redis_version": "6.2.14"}, True),
        ({"redis_version": "8.2.1"}, False),
        ({"redis_version": "10.0.0"}, False),
        ({"redis_version": "unknown"}, True),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.2"}, False),
        ({"maxmemory": 100, "maxmemory_policy": "volatile-lru"}, False),
        ({"maxmemory": 0, "maxmemory_policy": "allkeys-lru"}, False),
        ({"maxmemory": 100, "maxmemory_policy": "allkeys-lru"}, True),
    ],
)
def test_versions_and_policies_are_judged(facts: dict[str, Any], is_refused: bool) -> None:
    """Redis from 7.0, any Valkey; what throws away keys without an end is dangerous only with a limit."""
    assert bool(judged({**_GOOD, **facts}, where="redis:6379")) is is_refused


def test_who_may_not_ask_when_it_saves_is_told_by_what_it_has_saved() -> None:
    """A server that has never saved keeps nothing, as far as can be seen."""
    unknown = {**_GOOD, "aof_enabled": 0, "save": None}
    assert warned({**unknown, "rdb_saves": 0}, where="redis:6379") is not None
    assert warned({**unknown, "rdb_saves": 2}, where="redis:6379") is None
