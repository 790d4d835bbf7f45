"""Claims about a node's copy: nothing is answered before it is there, and it goes on by itself after trouble."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from realtime.errors import StorageError
from realtime.gateway.nodes.copy_file import CopyFile
from realtime.gateway.nodes.copy_reading import Reading
from tests.gateway.making import accepted
from tests.gateway.nodes.copies import ORDERS, Node
from tests.support.redis_server import RedisServer
from tests.support.waiting import until


def _kept(node: Node) -> list[int]:
    copy = node.log.copy
    assert copy is not None
    with Reading.of(copy.path) as reading:
        return [offset for offset, _, _ in reading.events(ORDERS, after=0, limit=1000)]


def test_what_is_answered_is_in_the_copy(tmp_path: Path) -> None:
    """On the disk, by the moment the producer hears of it; a repeat too."""
    with RedisServer() as server:
        node = Node(server.url, tmp_path / "one")
        for number in range(1, 30):
            node.store(accepted(number))
            assert _kept(node)[-1] == number
        node.log.close()


def test_a_copy_that_cant_be_written_answers_nothing_as_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so in health; once it can it reads what it lacks, and what is sent again is a repeat."""

    def fail(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with RedisServer() as server:
        node = Node(server.url, tmp_path / "one")
        node.store(accepted(1))
        with monkeypatch.context() as patch:
            patch.setattr(CopyFile, "add", fail)
            patch.setattr(CopyFile, "learn", fail)
            with pytest.raises(StorageError, match="disk is full"):
                node.log.append([accepted(2)]).result(20)
            assert "disk is full" in str(node.log.trouble)
            with pytest.raises(StorageError):
                node.log.append([accepted(2)]).result(20)
        until(lambda: node.is_settled)
        [again] = node.store(accepted(2))
        assert (again.is_duplicate, again.position.offset) == (True, 2)
        assert _kept(node) == [1, 2]
        node.log.close()


def test_what_redis_trims_the_copy_lets_go(tmp_path: Path) -> None:
    """It is bounded by what Redis retains."""
    with RedisServer() as server:
        node = Node(server.url, tmp_path / "one", retention_events=100)
        for start in range(0, 1000, 100):
            node.store(*(accepted(number) for number in range(start, start + 100)))
        assert len(_kept(node)) <= 100
        node.log.close()
