"""Several logs over one Redis: what one stores all tell, in order, once; what Redis loses nobody takes for kept."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from realtime.config import Settings
from realtime.errors import StorageError
from realtime.gateway.nodes import writer as writers
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.log import RedisLog
from realtime.gateway.records import Along, Stored
from tests.gateway.making import NOON, Commits, accepted
from tests.support.faults import Fault, FaultKind, FaultProxy, make_proxy
from tests.support.redis_server import KEPT, RedisServer
from tests.support.waiting import until

__all__ = ["make_proxy"]
ORDERS = "collection:orders"
MakeProxy = Callable[[int], FaultProxy]


class Node:
    """A log, what it has told, and how often everything began anew."""

    def __init__(self, url: str, prefix: str, **options: Any) -> None:
        self.commits = Commits()
        self.anew: list[int] = []
        link = Link.of(Settings(redis_url=url, redis_prefix=prefix))
        settings: dict[str, Any] = {"retention_events": 1000, "now": lambda: NOON} | options
        self.log = RedisLog.open(
            link, node=uuid.uuid4().hex, on_commit=self.commits, on_anew=lambda: self.anew.append(1), **settings
        )

    @property
    def told(self) -> list[int]:
        """List the offsets of `orders` that were told."""
        return [one.position.offset for one in self.commits.stored if one.channel == ORDERS]

    def store(self, *numbers: int) -> list[Stored]:
        """Store events."""
        return self.log.append([accepted(number) for number in numbers]).result(20)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of one's own, which keeps what it has."""
    with RedisServer(settings=KEPT) as one:
        yield one


@pytest.fixture
def make_node(server: RedisServer) -> Iterator[Callable[..., Node]]:
    """Open logs over the server, or over what stands before it."""
    with ExitStack() as stack:

        def make(port: int | None = None, **options: Any) -> Node:
            node = Node(f"redis://127.0.0.1:{port or server.port}", "nodes", **options)
            stack.callback(node.log.close)
            return node

        yield make


def test_what_one_stores_all_tell_once_and_in_the_same_order(make_node: Callable[..., Node]) -> None:
    """Whoever stored it; both know the same tops, epochs and documents afterwards."""
    one, other = make_node(), make_node()
    futures = [
        node.log.append([accepted(f"{name}{n}")]) for n in range(50) for name, node in (("a", one), ("b", other))
    ]
    positions = [future.result(20)[0].position.offset for future in futures]
    assert sorted(positions) == list(range(1, 101))
    until(lambda: len(one.told) == len(other.told) == 100)
    assert one.told == other.told == list(range(1, 101))
    assert [s.accepted.raw for s in one.commits.stored] == [s.accepted.raw for s in other.commits.stored]
    assert one.log.position(ORDERS) == other.log.position(ORDERS)
    assert one.log.page("orders", limit=200) == other.log.page("orders", limit=200)


def test_of_two_nodes_that_saw_the_same_version_one_wins(make_node: Callable[..., Node]) -> None:
    """The check and the write are one script."""
    one, other = make_node(), make_node()
    [first] = one.store(1)
    changes = [
        node.log.append([accepted(f"c{n}", "updated", document="d1")], expected=first.position.offset)
        for n, node in enumerate((one, other))
    ]
    assert sorted(future.exception(20) is None for future in changes) == [False, True]


def test_a_node_that_begins_later_knows_what_was(make_node: Callable[..., Node]) -> None:
    """Without having been told: tops, folds, documents; and it tells only what comes."""
    one = make_node()
    one.store(1, 2, 3)
    one.log.append((), along=Along(inboxes={"inbox#ann": (7, b"{}")})).result(20)
    late = make_node()
    assert late.log.position(ORDERS) == one.log.position(ORDERS)
    assert late.log.kept_inbox("inbox#ann") == (7, b"{}")
    assert late.told == []
    one.store(4)
    until(lambda: late.told == [4])


@pytest.mark.parametrize("fault", [FaultKind.REFUSE, FaultKind.HOLE])
def test_who_has_fallen_out_of_the_feed_reads_the_streams(
    make_node: Callable[..., Node],
    make_proxy: MakeProxy,
    server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    fault: FaultKind,
) -> None:
    """The feed is bounded; a node that was away for longer than that misses nothing, and tells nothing twice."""
    monkeypatch.setattr(writers, "FEED_BYTES", 2_000)
    proxy = make_proxy(server.port)
    one, away = make_node(), make_node(proxy.port)
    one.store(1)
    until(lambda: away.told == [1])
    proxy.begin(Fault(0.0, fault))
    until(lambda: away.log.trouble is not None)
    for number in range(2, 60):
        one.store(number)
    assert server.ask("XLEN", "{nodes}:feed") < 20
    proxy.calm()
    until(lambda: away.told == list(range(1, 60)))
    one.store(60)
    until(lambda: away.told == list(range(1, 61)))
    assert away.anew == []


@pytest.mark.parametrize("fault", [FaultKind.REFUSE, FaultKind.HOLE])
def test_a_node_that_is_cut_off_says_so_and_refuses_while_others_go_on(
    make_node: Callable[..., Node], make_proxy: MakeProxy, server: RedisServer, fault: FaultKind
) -> None:
    """Nothing is taken that can't be stored; afterwards it goes on under the same epochs, with all that was missed."""
    proxy = make_proxy(server.port)
    one, away = make_node(), make_node(proxy.port)
    proxy.begin(Fault(0.0, fault))
    until(lambda: away.log.cut_off_s > 0)
    assert "Redis" in str(away.log.trouble)
    with pytest.raises(StorageError):
        away.store(1)
    one.store(2)
    assert one.log.trouble is None
    epoch = one.log.position(ORDERS).epoch
    proxy.calm()
    until(lambda: away.log.trouble is None)
    away.store(1)  # which may have come through after all
    until(lambda: away.told == one.told == [1, 2])
    assert away.log.position(ORDERS).epoch == epoch
    assert away.anew == one.anew == []


def test_a_frozen_redis_is_noticed_and_nothing_is_answered_as_stored(
    make_node: Callable[..., Node], server: RedisServer
) -> None:
    """Connections stay open and nothing answers: that is no reason to wait for ever."""
    one = make_node()
    one.store(1)
    server.freeze()
    with pytest.raises(StorageError):
        one.store(2)
    until(lambda: one.log.cut_off_s > 0)
    server.thaw()
    until(lambda: one.log.trouble is None or one.log.try_writing().exception(20) is None)
    # Whether the one that wasn't answered was stored is found out by asking again.
    [again] = one.store(2)
    assert again.position.offset == 2
    assert one.anew == []


def test_a_redis_that_was_killed_keeps_everything_and_gets_other_epochs(
    make_node: Callable[..., Node], server: RedisServer
) -> None:
    """What was acknowledged is there; a position from before is no place to resume from, since a tail may be lost."""
    one, other = make_node(), make_node()
    stored = [one.store(number)[0] for number in range(30)]
    before = one.log.position(ORDERS)
    server.kill()
    server.start()
    until(lambda: one.anew and other.anew and one.log.trouble is None and other.log.trouble is None)
    assert one.log.position(ORDERS).epoch == other.log.position(ORDERS).epoch != before.epoch
    assert not other.log.read(ORDERS, since=before, limit=100).is_complete
    assert [r.raw for r in other.log.read(ORDERS, limit=100).publications] == [s.accepted.raw for s in stored]
    [repeat] = other.store(3)
    assert (repeat.is_duplicate, repeat.position.offset) == (True, 4)
    [new] = other.store(100)
    assert new.position.offset == 31
    until(lambda: one.told[-1] == 31)


def test_a_flush_is_noticed_by_all_and_nobody_recovers_from_before(
    make_node: Callable[..., Node], server: RedisServer
) -> None:
    """Also where nobody writes: a node looks round in quiet moments."""
    one, other = make_node(), make_node()
    one.store(1, 2, 3)
    before = other.log.position(ORDERS)
    server.flush()
    until(lambda: one.anew and other.anew)
    assert one.log.position(ORDERS).epoch == other.log.position(ORDERS).epoch != before.epoch
    assert not one.log.read(ORDERS, since=before, limit=10).is_complete


def test_a_full_redis_refuses_and_goes_on_when_there_is_room(
    make_node: Callable[..., Node], server: RedisServer
) -> None:
    """The producer is told to free some room; nothing is half stored."""
    one = make_node()
    one.store(1)
    server.ask("CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(StorageError, match="full"):
        one.store(2)
    assert one.log.trouble is not None
    server.ask("CONFIG", "SET", "maxmemory", "0")
    assert one.store(2)[0].position.offset == 2
    assert one.log.trouble is None


def test_nodes_tell_each_other_what_isnt_an_event(make_node: Callable[..., Node]) -> None:
    """In the feed's order, to all, the teller included."""
    one, other = make_node(), make_node()
    heard: list[tuple[str, bytes]] = []
    one.log.follower.on("flags", lambda body: heard.append(("one", body)))
    other.log.follower.on("flags", lambda body: heard.append(("other", body)))
    one.log.tell("flags", b"news")
    until(lambda: sorted(heard) == [("one", b"news"), ("other", b"news")])


READS: dict[str, Callable[[RedisLog], object]] = {
    "a stream": lambda log: log.read(ORDERS, limit=10),
    "a document": lambda log: log.get("orders", "d1"),
    "documents by id": lambda log: log.documents(ORDERS, ["d1"], most_bytes=1000),
    "a page of documents": lambda log: log.page("orders", limit=10),
    "a document's history": lambda log: log.document_history("orders", "d1"),
    "chosen events": lambda log: log.records(ORDERS, [1], reverse=False, most_bytes=1000),
    "documents left alone": lambda log: log.left_alone(ORDERS),
    "a repeat": lambda log: log.repeat_of(b"key"),
    "refusals": lambda log: log.refusals(limit=10),
    "an inbox": lambda log: log.kept_inbox("inbox#ann"),
    "how far was judged": lambda log: log.judged(),
    "what judging remembers": lambda log: log.notes(),
    "what is owed": lambda log: log.owed_to("ann"),
    "what is delivered again": lambda log: log.redeliveries("ann", [(ORDERS, 1)], most_bytes=1000),
    "dead letters": lambda log: log.dead_letters(limit=10),
}


def test_nobody_is_answered_from_what_isnt_all_there(server: RedisServer, make_node: Callable[..., Node]) -> None:
    """Between a loss and its end every question is refused, instead of told that there is nothing; then all answer."""
    node = make_node()
    node.store(1)
    for read in READS.values():
        read(node.log)
    meta = node.log.server.keys.meta
    seed = server.ask("HGET", meta, "seed")
    server.ask("HDEL", meta, "seed")  # as it is while nodes put back what was lost
    for name, read in READS.items():
        with pytest.raises(StorageError, match="put back"):
            pytest.fail(f"{name}: {read(node.log)!r}")
    server.ask("HSET", meta, "seed", seed)
    assert node.log.get("orders", "d1") is not None
    assert node.log.dead_letters(limit=10, before=1) == ([], 0)
