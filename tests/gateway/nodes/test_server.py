"""Claims about asking the server that holds everything, with a real replica that may hang."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.config import Settings
from realtime.errors import StorageError
from realtime.gateway.nodes import server as module
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.scripts import Scripts
from realtime.gateway.nodes.server import Server
from tests.support.redis_server import RedisServer
from tests.support.waiting import until


class _Greedy(Scripts):
    """Takes the connection that would be the next one as soon as a script has run, as other threads may."""

    def __init__(self, folder: Path, link: Link) -> None:
        super().__init__(folder)
        self._link = link
        self._taken: list[Any] = []

    def run(self, *arguments: Any, **options: Any) -> Any:
        """Run a script."""
        found = super().run(*arguments, **options)
        self._taken.append(self._link.client().connection_pool.get_connection())
        return found

    def give_back(self) -> None:
        """End it."""
        for connection in self._taken:
            self._link.client().connection_pool.release(connection)


@pytest.fixture
def replica() -> Iterator[tuple[RedisServer, RedisServer]]:
    """Run a master and a replica that follows it."""
    with RedisServer() as master, RedisServer(lines=[f"replicaof 127.0.0.1 {master.port}"]) as follower:
        until(lambda: follower.ask("INFO", "replication")["master_link_status"] == "up", what="the replica follows")
        yield master, follower


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Write one script that counts."""
    (tmp_path / "count.lua").write_text("return cmsgpack.pack(redis.call('INCR', KEYS[1]))")
    return Scripts(tmp_path)


def test_a_write_is_answered_once_its_replicas_have_it(
    replica: tuple[RedisServer, RedisServer], scripts: Scripts
) -> None:
    """It is there, too, when the answer comes."""
    master, follower = replica
    link = Link.of(Settings(redis_url=master.url))
    server = Server(link, scripts)
    for count in range(1, 21):
        assert server.run_durably("count", ["count"], None, int, replicas=1) == count
        assert follower.ask("GET", "count") == b"%d" % count
    link.close()


def test_a_write_that_no_replica_has_is_never_answered_whoever_else_asks(
    replica: tuple[RedisServer, RedisServer], scripts: Scripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """WAIT is about the connection that wrote: with another one's it would be satisfied at once."""
    master, follower = replica
    link = Link.of(Settings(redis_url=master.url))
    greedy = _Greedy(tmp_path, link)
    server = Server(link, greedy)
    server.run_durably("count", ["count"], None, int, replicas=1)
    monkeypatch.setattr(module, "_REPLICAS_MS", 50)
    follower.freeze()
    with pytest.raises(StorageError, match="Only 0 of 1 replicas have it"):
        server.run_durably("count", ["count"], None, int, replicas=1)
    greedy.give_back()
    link.close()


def test_a_write_goes_to_the_next_try_when_the_connection_outlived_its_server(scripts: Scripts) -> None:
    """A restart between two questions isn't noticed by who asks."""
    with RedisServer() as master:
        link = Link.of(Settings(redis_url=master.url))
        server = Server(link, scripts)
        assert server.run("count", ["count"], None, int) == 1
        master.kill()
        with pytest.raises(StorageError, match="can't be reached"):
            server.run("count", ["count"], None, int)
        master.start()
        found: Any = server.run("count", ["count"], None, int)
        assert found == 1, "it kept nothing"
        link.close()
