"""What Redis loses comes back from the nodes' own copies: nothing acknowledged is missing, nobody recovers falsely."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import StorageError
from realtime.gateway.nodes import refill
from realtime.gateway.nodes.copy_file import FILE_NAME
from realtime.gateway.nodes.late import Late
from realtime.gateway.nodes.refill import Refill
from realtime.gateway.records import Along, CriticalAt, Stored
from tests.gateway.making import accepted
from tests.gateway.nodes.copies import ORDERS, Node, flush, kill, wait_anew
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

MakeNode = Callable[..., Node]
Lose = Callable[[RedisServer], None]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of one's own, which keeps nothing by itself."""
    with RedisServer() as one:
        yield one


@pytest.fixture
def make_node(server: RedisServer, tmp_path: Path) -> Iterator[MakeNode]:
    """Open logs over the server, each with a folder by its name."""
    with ExitStack() as stack:

        def make(name: str, **options: Any) -> Node:
            node = Node(server.url, tmp_path / name, **options)
            stack.callback(node.log.close)
            return node

        yield make


@pytest.mark.parametrize("lose", [flush, kill])
def test_what_redis_loses_comes_back_from_a_node(make_node: MakeNode, server: RedisServer, lose: Lose) -> None:
    """Events at their offsets, documents as they were, deleted ones gone; under other epochs."""
    one, other = make_node("one"), make_node("other")
    first = one.store(accepted(1), accepted(2), accepted(3))
    other.store(accepted("u1", "updated", document="d1"), accepted("x2", "deleted", document="d2"))
    other.store(accepted(4, collection="flights"))
    history, documents = one.history(), one.documents()
    before = one.log.position(ORDERS)
    until(lambda: one.log.position("collection:flights").offset == 1)
    lose(server)
    wait_anew(one, other)
    assert one.history() == other.history() == history
    assert one.documents() == other.documents() == documents
    assert list(documents) == ["d1", "d3"]
    assert len(one.history("collection:flights")) == 1
    top = one.log.position(ORDERS)
    assert (top.offset, other.log.position(ORDERS)) == (5, top)
    assert top.epoch != before.epoch
    assert not one.log.read(ORDERS, since=before, limit=10).is_complete
    [past] = one.log.document_history("orders", "d2", before=5).publications
    assert past.offset == 2
    [repeat] = other.store(accepted(1))
    assert (repeat.is_duplicate, repeat.position.offset) == (True, first[0].position.offset)
    assert one.store(accepted(9))[0].position.offset == 6


@pytest.mark.parametrize("lose", [flush, kill])
def test_under_load_nothing_acknowledged_is_lost(make_node: MakeNode, server: RedisServer, lose: Lose) -> None:
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

    def have_more(sizes: list[int]) -> bool:
        return all(len(one) > size + 30 for one, size in zip(acknowledged, sizes, strict=True))

    threads = [threading.Thread(target=produce, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for times in range(1, 4):
            sizes = [len(one) for one in acknowledged]
            until(lambda: have_more(sizes), within_s=60)  # noqa: B023  # at once
            lose(server)
            until(lambda: all(len(node.anew) >= times for node in nodes), within_s=60)  # noqa: B023  # at once
    finally:
        is_over.set()
        for thread in threads:
            thread.join(60)
    until(lambda: all(node.is_settled for node in nodes), within_s=60)
    ids, documents = nodes[0].ids(), nodes[1].documents()
    assert len(ids) == len(set(ids))
    assert set(ids) >= set(acknowledged[0]) | set(acknowledged[1])
    for number in range(2):
        last = [identifier.removeprefix("e") for identifier in list(acknowledged[number])[-3:]]
        assert [documents[f"d{number}-{n}"]["number"] for n in range(3)] == last
    assert nodes[0].history() == nodes[1].history()
    assert nodes[0].documents() == documents


def test_a_lost_tail_is_put_back_at_its_offsets(make_node: MakeNode, server: RedisServer) -> None:
    """Redis comes back with what it had saved earlier; the rest comes from a node, before anything new."""
    one, other = make_node("one"), make_node("other")
    one.store(accepted(1), accepted(2))
    server.ask("SAVE")
    one.store(accepted("u1", "updated", document="d1"), accepted(3))
    other.store(accepted("x2", "deleted", document="d2"))
    history, documents = one.history(), one.documents()
    until(lambda: one.log.position(ORDERS).offset == 5)
    kill(server)
    wait_anew(one, other)
    assert one.history() == other.history() == history
    assert other.documents() == documents
    assert other.store(accepted(9))[0].position.offset == 6


def test_a_redis_from_long_ago_is_filled_as_if_it_were_empty(make_node: MakeNode, server: RedisServer) -> None:
    """What it saved was of a seed before the last: a restart without loss lay between."""
    one = make_node("one")
    one.store(accepted(1), accepted("old"))
    server.ask("SAVE")
    dump = (server.folder / "dump.rdb").read_bytes()
    kill(server)
    wait_anew(one)
    one.store(accepted("x", "deleted", document="dold"), accepted(2))
    server.ask("SAVE")
    kill(server)
    wait_anew(one, times=2)
    one.store(accepted(3))
    history, documents = one.history(), one.documents()
    server.kill()
    (server.folder / "dump.rdb").write_bytes(dump)
    server.start()
    wait_anew(one, times=3)
    assert one.history() == history
    assert one.documents() == documents


def test_nodes_that_were_all_stopped_fill_an_empty_redis(make_node: MakeNode, server: RedisServer) -> None:
    """Also when it is another Redis by now."""
    one = make_node("one")
    one.store(accepted(1), accepted(2))
    history = one.history()
    one.log.close()
    flush(server)
    assert make_node("one").history() == history


def test_a_node_that_is_dead_loses_nothing_of_what_it_acknowledged(make_node: MakeNode, server: RedisServer) -> None:
    """The others' copies have it, and put it back without the dead one."""
    one, other = make_node("one"), make_node("other")
    one.store(accepted(1), accepted(2))
    until(lambda: other.log.position(ORDERS).offset == 2)
    history = one.history()
    one.log.close()
    flush(server)
    wait_anew(other)
    assert other.history() == history


def test_a_filler_that_dies_midway_is_replaced(
    make_node: MakeNode, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another goes on from where Redis is then."""
    monkeypatch.setattr(refill, "_EVENTS", 2)
    monkeypatch.setattr("realtime.gateway.nodes.server.LEASE_MS", 500)
    one, other = make_node("one"), make_node("other")
    one.store(*(accepted(number) for number in range(20)))
    history = one.history()
    until(lambda: other.log.position(ORDERS).offset == 20 and one.is_settled and other.is_settled)
    dead: list[str] = []
    send = Refill._send

    def sent(self: Refill, op: str, *what: Any, channel: str | None = None) -> None:
        send(self, op, *what, channel=channel)
        if op == "events" and not dead and what[1][-1][0] >= 6:
            dead.append(self._server.node)
            self._may_go_on = lambda: False
            next(node for node in (one, other) if node.log.server.node == dead[0]).log.follower._closing.set()

    monkeypatch.setattr(Refill, "_send", sent)
    flush(server)
    until(lambda: dead)
    alive = other if one.log.server.node == dead[0] else one
    wait_anew(alive)
    assert alive.history() == history
    assert alive.log.position(ORDERS).offset == 20


def test_a_copy_that_is_behind_gives_way_to_a_whole_one(make_node: MakeNode, server: RedisServer) -> None:
    """A node that has only begun to read offers, too; what is put back is whole."""
    one = make_node("one")
    one.store(*(accepted(number) for number in range(50)))
    history = one.history()
    late = make_node("late")
    copy = late.log.copy
    assert copy is not None
    copy._catching_up.step = lambda: copy._pause(0.05)  # type: ignore[method-assign]  # it never gets anywhere
    late.store(accepted("new"))
    until(lambda: one.log.position(ORDERS).offset == 51)
    flush(server)
    until(lambda: one.anew and one.is_settled)
    assert one.history()[:50] == history
    assert len(one.history()) == 51


def test_a_new_node_has_a_whole_copy_after_a_while(make_node: MakeNode, server: RedisServer) -> None:
    """With documents whose events are trimmed; it fills alone then."""
    one = make_node("one", retention_events=100)
    one.store(*(accepted(number) for number in range(300)))
    one.store(accepted("x", "deleted", document="d7"))
    new = make_node("new", retention_events=100)
    until(lambda: new.is_settled)
    history, documents = one.history(), one.documents()
    one.log.close()
    flush(server)
    wait_anew(new)
    assert new.documents() == documents
    assert len(documents) == 299
    assert new.history() == history
    assert new.store(accepted("next"))[0].position.offset == 302


def test_a_copy_of_what_isnt_there_any_more_is_set_aside(make_node: MakeNode, server: RedisServer) -> None:
    """Where another node has begun on the empty Redis meanwhile, nobody mixes the two; the file is kept."""
    one = make_node("one")
    one.store(accepted(1), accepted(2))
    one.log.close()
    flush(server)
    other = make_node("other")
    other.store(accepted("new1", document="d1"), accepted(3))
    one = make_node("one")
    assert one.ids() == ["enew1", "e3"]
    until((_folder(one) / "copy-aside.db").exists)
    until(lambda: one.is_settled)


def _folder(node: Node) -> Path:
    copy = node.log.copy
    assert copy is not None
    return copy.path.parent


def test_what_was_acknowledged_at_the_last_moment_comes_back_with_its_node(
    make_node: MakeNode, server: RedisServer
) -> None:
    """A node died with it before any other had heard of it; a document that was changed since keeps its newer state."""
    one, other = make_node("one"), make_node("other")
    one.store(accepted(1), accepted(2))
    until(lambda: other.log.position(ORDERS).offset == 2)
    copy = other.log.copy
    assert copy is not None
    copy.take = lambda *_, **__: None  # type: ignore[method-assign]  # it hears of nothing from now on
    one.store(accepted("last", "updated", document="d1"), accepted("late", "updated", document="d2"))
    one.log.close()
    flush(server)
    until(lambda: other.anew)
    del copy.take
    assert other.ids() == ["e1", "e2"]
    other.store(accepted("newer", "updated", document="d2"))
    back = make_node("one")
    until(lambda: {"elast", "elate"} <= set(other.ids()))
    until(lambda: back.is_settled)
    documents = back.documents()
    assert (documents["d1"]["number"], documents["d2"]["number"]) == ("last", "newer")


def test_a_document_that_changes_while_older_events_are_put_back_keeps_the_change(
    make_node: MakeNode, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes after its state was read and before that is said again: then the newest state is read, and said."""
    one, other = make_node("one"), make_node("other")
    one.store(accepted(1))
    until(lambda: other.log.position(ORDERS).offset == 1)
    copy = other.log.copy
    assert copy is not None
    copy.take = lambda *_, **__: None  # type: ignore[method-assign]  # it hears of nothing from now on
    one.store(accepted("late", "updated", document="d1"))
    one.log.close()
    flush(server)
    until(lambda: other.anew)
    del copy.take
    other.store(accepted("newer", "updated", document="d1"))
    read, changes = Late._state, iter(["newest", "newest of all"])

    def read_and_change(late: Late, channel: str, identifier: str) -> tuple[int, bytes | None]:
        found = read(late, channel, identifier)
        for name in changes:
            other.store(accepted(name, "updated", document="d1"))
            break
        return found

    monkeypatch.setattr(Late, "_state", read_and_change)
    back = make_node("one")
    until(lambda: "elate" in other.ids())
    until(lambda: back.is_settled)
    assert next(changes, None) is None
    assert back.documents()["d1"]["number"] == "newest of all"
    assert other.ids().count("elate") == 1


def test_the_copy_of_another_prefix_is_never_used(make_node: MakeNode, server: RedisServer) -> None:
    """It is set aside, and the node begins with an empty one."""
    one = make_node("one")
    one.store(accepted(1))
    one.log.close()
    again = make_node("one", prefix="others")
    assert again.ids() == []
    assert (_folder(again) / FILE_NAME).exists()
    assert (_folder(again) / "copy-aside.db").exists()  # before anything is asked of Redis


def test_what_is_kept_beside_the_log_comes_back_too(make_node: MakeNode, server: RedisServer) -> None:
    """Folds of inboxes, how far was judged, notes, and what consumers have yet to acknowledge."""
    one = make_node("one")
    one.log.meet("app").result(10)
    one.store(accepted(1), accepted("c1", critical=True), accepted("c2", critical=True))
    along = Along(inboxes={"inbox#ann": (7, b'{"a":1}')}, judged={ORDERS: 2}, notes={"n": b"1"})
    one.log.append([accepted(2)], along=along).result(20)
    epoch = one.log.position(ORDERS).epoch
    one.log.acknowledge("app", [CriticalAt(ORDERS, epoch, 2)]).result(10)
    [owed] = one.log.owed_to("app")
    copy = one.log.copy
    assert copy is not None
    until(lambda: copy._file.folded.get("inbox#ann") == 7)
    seen = server.ask("HGET", "{nodes}:meta", "seq")
    until(lambda: (side := _side(one)) is not None and side >= int(seen))
    flush(server)
    wait_anew(one)
    assert one.log.kept_inbox("inbox#ann") == (7, b'{"a":1}')
    assert (one.log.judged(), one.log.notes()) == ({ORDERS: 2}, {"n": b"1"})
    assert [(o.channel, o.offset) for o in one.log.owed_to("app")] == [(owed.channel, owed.offset)]


@pytest.mark.parametrize("loses", [flush, kill])
def test_what_was_judged_comes_back_with_what_it_was_told(
    make_node: MakeNode, server: RedisServer, monkeypatch: pytest.MonkeyPatch, loses: Callable[[RedisServer], None]
) -> None:
    """Though small tables are read only now and then; of a note the newest, and none that was let go."""
    monkeypatch.setattr("realtime.gateway.nodes.copy._SIDE_S", 1000.0)
    one = make_node("one")
    one.log.append([accepted(1)], along=Along(judged={ORDERS: 1}, notes={"old": b"1", "n": b"1"})).result(20)
    seen = server.ask("HGET", "{nodes}:meta", "seq")
    until(lambda: one.is_settled)
    for number in (2, 3):
        one.store(accepted(number))
        along = Along(judged={ORDERS: number}, notes={"n": str(number).encode()}, gone=["old"])
        one.log.append((), along=along).result(20)
        if number == 2 and loses is kill:
            server.ask("SAVE")
    assert (_side(one) or 0) <= int(seen)
    loses(server)
    wait_anew(one)
    assert one.log.judged() == {ORDERS: 3}
    assert one.log.notes() == {"n": b"3"}


def _side(node: Node) -> int | None:
    from realtime.gateway.nodes.copy_reading import Reading

    copy = node.log.copy
    assert copy is not None
    with Reading.of(copy.path) as reading:
        side = reading.side()
    return None if side is None else side.seq


def test_nobody_reads_or_writes_while_something_is_missing(
    make_node: MakeNode, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of it would be taken for all."""
    one = make_node("one")
    one.store(accepted(1), accepted(2))
    may_go_on, is_midway = threading.Event(), threading.Event()
    send = Refill._send

    def sent(self: Refill, op: str, *what: Any, channel: str | None = None) -> None:
        if op == "events":
            is_midway.set()
            assert may_go_on.wait(20)
        send(self, op, *what, channel=channel)

    monkeypatch.setattr(Refill, "_send", sent)
    flush(server)
    assert is_midway.wait(20)
    for question in (
        lambda: one.log.read(ORDERS, limit=10),
        lambda: one.log.page("orders", limit=10),
        lambda: one.log.get("orders", "d1"),
        lambda: one.log.append([accepted(3)]).result(20),
    ):
        with pytest.raises(StorageError, match="in a moment"):
            question()
    assert "put back" in str(one.log.trouble)
    may_go_on.set()
    wait_anew(one)
    assert one.ids() == ["e1", "e2"]
