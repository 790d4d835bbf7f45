"""What Redis loses comes back from the nodes' own copies: nothing acknowledged is missing, nobody recovers falsely."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from realtime.config import Settings
from realtime.errors import StorageError
from realtime.gateway.nodes.copy_file import FILE_NAME
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.log import RedisLog
from realtime.gateway.records import Accepted, Stored
from tests.gateway.making import NOON, Commits, accepted
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

ORDERS = "collection:orders"


class Node:
    """A log with a copy in a folder of its own."""

    def __init__(self, url: str, folder: Path, **options: Any) -> None:
        self.commits = Commits()
        self.anew: list[int] = []
        folder.mkdir(exist_ok=True)
        link = Link.of(Settings(redis_url=url, redis_prefix="nodes"))
        self.log = RedisLog.open(
            link, node=uuid.uuid4().hex, on_commit=self.commits, on_anew=lambda: self.anew.append(1),
            copy_path=folder / FILE_NAME, retention_events=options.pop("retention_events", 100_000), now=lambda: NOON,
            **options,
        )  # fmt: skip

    def store(self, *events: Accepted) -> list[Stored]:
        """Store events, however often it takes."""

        return until(lambda: asked(lambda: self.log.append(events).result(20)), within_s=60) or []

    def history(self, channel: str = ORDERS) -> list[bytes]:
        """Read the retained events of a channel."""
        page = until(lambda: asked(lambda: self.log.read(channel, limit=100_000)))
        assert page.reaches_top
        return [record.raw for record in page.publications]

    def documents(self, collection: str = "orders") -> dict[str, Any]:
        """Read all documents of a collection."""
        page = until(lambda: asked(lambda: self.log.page(collection, limit=5000)))
        return {one["id"]: one for one in msgspec.json.decode(page.documents)}

    @property
    def is_settled(self) -> bool:
        """Tell whether all is well and its copy is complete."""
        return self.log.trouble is None and self.log.copy is not None and self.log.copy.is_complete


def asked(question: Callable[[], Any]) -> Any:
    """Ask something; None while nothing can be asked."""
    try:
        return question()
    except StorageError:
        return None


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of one's own, which keeps nothing."""
    with RedisServer() as one:
        yield one


@pytest.fixture
def make_node(server: RedisServer, tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Open logs over the server, each with a folder."""
    with ExitStack() as stack:

        def make(name: str, **options: Any) -> Node:
            node = Node(server.url, tmp_path / name, **options)
            stack.callback(node.log.close)
            return node

        yield make


def _flush(server: RedisServer) -> None:
    server.flush()


def _kill(server: RedisServer) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("lose", [_flush, _kill])
def test_what_redis_loses_comes_back_from_a_node(
    make_node: Callable[..., Node], server: RedisServer, lose: Callable[[RedisServer], None]
) -> None:
    """Events at their offsets, documents as they were, deleted ones gone; under other epochs."""
    one, other = make_node("one"), make_node("other")
    first = one.store(accepted(1), accepted(2), accepted(3))
    other.store(accepted("u1", "updated", document="d1"), accepted("x2", "deleted", document="d2"))
    other.store(accepted(4, collection="flights"))
    history, documents = one.history(), one.documents()
    before = one.log.position(ORDERS)
    until(lambda: one.log.position("collection:flights").offset == 1)
    lose(server)
    until(lambda: one.anew and other.anew and one.is_settled and other.is_settled)
    assert one.history() == other.history() == history
    assert one.documents() == other.documents() == documents
    assert list(documents) == ["d1", "d3"]
    assert len(one.history("collection:flights")) == 1
    top = one.log.position(ORDERS)
    assert (top.offset, other.log.position(ORDERS)) == (5, top)
    assert top.epoch != before.epoch
    assert not one.log.read(ORDERS, since=before, limit=10).is_complete
    [repeat] = other.store(accepted(1))
    assert (repeat.is_duplicate, repeat.position.offset) == (True, first[0].position.offset)
    assert one.store(accepted(9))[0].position.offset == 6


@pytest.mark.parametrize("lose", [_flush, _kill])
def test_under_load_nothing_acknowledged_is_lost(
    make_node: Callable[..., Node], server: RedisServer, lose: Callable[[RedisServer], None]
) -> None:
    """Two nodes store as fast as they can while Redis loses everything, three times."""
    nodes = [make_node("one"), make_node("other")]
    acknowledged: list[dict[str, Stored]] = [{}, {}]
    is_over = threading.Event()

    def produce(number: int) -> None:
        count = 0
        while not is_over.is_set():
            batch = [accepted(f"{number}-{count}-{n}", "updated", document=f"d{number}-{n}") for n in range(3)]
            for stored in nodes[number].store(*batch):
                acknowledged[number][stored.accepted.envelope.id] = stored
            count += 1

    threads = [threading.Thread(target=produce, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for times in range(1, 4):
            sizes = [len(one) for one in acknowledged]
            until(lambda: all(len(one) > size + 30 for one, size in zip(acknowledged, sizes, strict=True)), within_s=60)  # noqa: B023
            lose(server)
            until(lambda: all(len(node.anew) >= times for node in nodes), within_s=60)  # noqa: B023
    finally:
        is_over.set()
        for thread in threads:
            thread.join(60)
    until(lambda: all(node.is_settled for node in nodes), within_s=60)
    history = [msgspec.json.decode(raw)["id"] for raw in nodes[0].history()]
    assert len(history) == len(set(history))
    assert set(history) >= set(acknowledged[0]) | set(acknowledged[1])
    documents = nodes[1].documents()
    for number in range(2):
        last = list(acknowledged[number])[-3:]
        assert [documents[f"d{number}-{n}"]["number"] for n in range(3)] == last_numbers(last)
    assert nodes[0].history() == nodes[1].history()
    assert nodes[0].documents() == documents


def last_numbers(ids: list[str]) -> list[str]:
    """Return what documents hold that events of these ids wrote."""
    return [identifier.removeprefix("e") for identifier in ids]
