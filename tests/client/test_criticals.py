"""Critical events are acknowledged once the store has them, and taken exactly once however often they come."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.client import criticals as module
from realtime.client.consumer import consumer_name
from realtime.client.criticals import Criticals
from realtime.client.handlers import Handlers
from realtime.protocol.events import Envelope, encode_envelope
from realtime.protocol.positions import Position
from realtime.store import Store
from tests.store.making import NOW, ORDERS, created, fault

EPOCH = "e"


class Desk:
    """A store, a handler that writes down what it hears, and the criticals between them."""

    def __init__(self, consumer: str | None = "app") -> None:
        self.store = Store()
        self.heard: list[str] = []
        self.followed = {ORDERS, "system"}
        handlers = Handlers()
        handlers.add("*", lambda envelope: self.heard.append(envelope.id))
        self._handlers = handlers
        self.criticals = Criticals(consumer, store=self.store, handlers=handlers, now=lambda: NOW)

    def deliver(self, *events: tuple[Envelope, int], epoch: str = EPOCH) -> None:
        """Do what the client does with live events."""
        self.store.apply(ORDERS, events, epoch=epoch, now=NOW)
        self._handlers.call([envelope for envelope, _ in events])
        self.criticals.applied(ORDERS, epoch, events)

    def install(self, offset: int, *history: tuple[Envelope, int], epoch: str = EPOCH) -> None:
        """Do what the client does with a snapshot and its newest history."""
        before, position = self.store.position(ORDERS), Position(epoch, offset)
        self.store.load_snapshot("orders", [], position=position, now=NOW, history=history)
        self.criticals.installed(ORDERS, position, history, before=before)

    def again(self, event: Envelope, offset: int, *, channel: str = ORDERS, epoch: str = EPOCH) -> bool:
        """Give a critical event again."""
        return self.criticals.pushed(pushed(event, offset, channel, epoch), is_followed=self.followed.__contains__)

    def acks(self) -> list[int]:
        """Return the offsets of the next ack."""
        data = self.criticals.take_acks()
        return [] if data is None else [one["offset"] for one in msgspec.json.decode(data)["events"]]

    def feed(self) -> list[str]:
        """Return the ids in the feed, oldest first."""
        return [entry.envelope.id for entry in self.store.feed(limit=1000)][::-1]


def pushed(event: Envelope, offset: int, channel: str = ORDERS, epoch: str = EPOCH) -> bytes:
    """Make the push of a critical event that comes again."""
    content = {"channel": channel, "epoch": epoch, "offset": offset, "event": msgspec.Raw(encode_envelope(event))}
    return msgspec.json.encode({"critical": content})


def critical(number: int) -> Envelope:
    """Make a critical event whose id tells its offset."""
    return msgspec.structs.replace(created(f"d{number}"), id=f"c{number}", critical=True)


def plain(number: int) -> Envelope:
    """Make an event that isn't critical."""
    return msgspec.structs.replace(created(f"d{number}"), id=f"p{number}")


def test_only_critical_events_are_acknowledged_once_each() -> None:
    """As one batch, with their whole position; there is nothing left then."""
    desk = Desk()
    desk.deliver((plain(1), 1), (critical(2), 2), (critical(3), 3))
    data = desk.criticals.take_acks()
    assert data is not None
    assert msgspec.json.decode(data)["events"] == [
        {"channel": ORDERS, "epoch": EPOCH, "offset": 2},
        {"channel": ORDERS, "epoch": EPOCH, "offset": 3},
    ]
    assert desk.acks() == []


@pytest.mark.parametrize(("severity", "offsets"), [("low", []), ("medium", []), ("high", [1])])
def test_a_system_error_is_critical_by_its_severity(severity: str, offsets: list[int]) -> None:
    """Without the attribute."""
    desk = Desk()
    desk.criticals.applied("system", EPOCH, [(fault("x", severity=severity), 1)])
    assert desk.acks() == offsets


def test_what_was_applied_is_only_acknowledged_again() -> None:
    """The acknowledgement was lost; neither feed nor handlers hear of it twice."""
    desk = Desk()
    desk.deliver((critical(1), 1))
    assert desk.acks() == [1]
    for _ in range(3):
        assert desk.again(critical(1), 1)
    assert desk.acks() == [1]
    assert desk.feed() == desk.heard == ["c1"]


def test_what_a_snapshot_skipped_is_put_into_the_feed_once() -> None:
    """The documents contain it already; position and documents stay as they are."""
    desk = Desk()
    desk.install(300, (plain(300), 300))
    for _ in range(2):
        desk.again(critical(7), 7)
    assert desk.feed() == ["p300", "c7"]
    assert desk.heard == ["c7"]
    assert desk.acks() == [7]
    assert desk.store.position(ORDERS) == Position(EPOCH, 300)
    assert desk.store.collection("orders").documents == {}


def test_what_came_with_a_snapshots_history_only_reaches_the_handlers() -> None:
    """It is in the feed already."""
    desk = Desk()
    desk.install(300, (critical(299), 299), (plain(300), 300))
    assert desk.acks() == []
    for _ in range(2):
        desk.again(critical(299), 299)
    assert desk.feed() == ["c299", "p300"]
    assert desk.heard == ["c299"]
    assert desk.acks() == [299]


def test_a_history_that_the_store_had_skipped_before_doesnt_count_as_shown() -> None:
    """The store puts only what is newer than its position into the feed."""
    desk = Desk()
    desk.install(10)
    desk.install(12, (critical(9), 9), (critical(11), 11))
    desk.again(critical(9), 9)
    desk.again(critical(11), 11)
    assert desk.feed() == ["c11", "c9"]
    assert desk.heard == ["c9", "c11"]


def test_what_the_stream_is_yet_to_bring_waits_for_it() -> None:
    """A resume brings it in order; it counts once."""
    desk = Desk()
    desk.deliver((plain(1), 1))
    desk.again(critical(2), 2)
    assert (desk.feed(), desk.acks()) == (["p1"], [])
    desk.deliver((critical(2), 2))
    assert desk.feed() == desk.heard == ["p1", "c2"]
    assert desk.acks() == [2]


def test_what_waited_and_is_skipped_by_a_snapshot_is_taken_with_it() -> None:
    """At once, without waiting for it to come once more; what is beyond goes on waiting, another epoch's is dropped."""
    desk = Desk()
    desk.again(critical(7), 7)
    desk.again(critical(400), 400)
    desk.again(critical(3), 3, epoch="former")
    desk.install(300)
    assert desk.feed() == desk.heard == ["c7"]
    assert desk.acks() == [7]
    desk.deliver((critical(400), 301), (critical(400), 400))
    assert 400 in desk.acks()


def test_a_channel_nobody_follows_is_no_reason_to_lose_it() -> None:
    """No stream will bring it."""
    desk = Desk()
    desk.followed.clear()
    for _ in range(2):
        desk.again(critical(7), 7)
    assert desk.feed() == desk.heard == ["c7"]
    assert desk.acks() == [7]


def test_other_messages_are_left_to_others() -> None:
    """Announcements, nonsense; an event that isn't one is never acknowledged."""
    desk = Desk()
    for message in (b'{"channel":"a","epoch":"b"}', b"nonsense", b'{"critical":{}}', b"\xff"):
        assert not desk.criticals.pushed(message, is_followed=lambda _: True)
    assert desk.criticals.pushed(
        b'{"critical":{"channel":"a","epoch":"e","offset":1,"event":7}}', is_followed=lambda _: False
    )
    assert desk.acks() == []


def test_without_a_name_there_is_nothing_to_acknowledge() -> None:
    """The gateway would refuse it."""
    desk = Desk(consumer=None)
    desk.deliver((critical(1), 1))
    desk.install(5, (critical(5), 5))
    assert desk.acks() == []
    assert desk.criticals.greeting(announce=True) == b'{"announce":true,"flags":true}'
    assert desk.criticals.greeting(announce=False) == b""
    assert Desk().criticals.greeting(announce=True) == b'{"announce":true,"flags":true,"consumer":"app"}'


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions, acknowledgements and what waits for the stream alike."""
    monkeypatch.setattr(module, "KEPT", 10)
    monkeypatch.setattr(module, "HELD", 10)
    monkeypatch.setattr(module, "ACKS_AT_ONCE", 4)
    desk = Desk()
    for number in range(1, 31):
        desk.deliver((critical(number), number))
        desk.again(critical(100 + number), 100 + number)
    taken = [desk.acks() for _ in range(4)]
    assert taken == [[21, 22, 23, 24], [25, 26, 27, 28], [29, 30], []]
    desk.install(200)
    assert len(desk.feed()) == 30 + 10


FACTS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(1, 4)),
        st.tuples(st.just("again"), st.integers(1, 40)),
        st.tuples(st.just("install"), st.integers(1, 6), st.integers(0, 6)),
    ),
    max_size=40,
)


@given(facts=FACTS)
def test_every_critical_event_is_applied_exactly_once(facts: list[Any]) -> None:
    """However deliveries, snapshots and repeats follow each other: in the feed once, at a handler once, acknowledged.

    The gateway gives again whatever wasn't acknowledged; every event is critical here.
    """
    desk = Desk()
    top = 0
    acked: set[int] = set()
    for fact in facts:
        match fact:
            case ("deliver", count):
                desk.deliver(*((critical(n), n) for n in range(top + 1, top + count + 1)))
                top += count
            case ("again", offset):
                desk.again(critical(offset), offset)
            case (_, ahead, known):
                top += ahead
                desk.install(top, *((critical(n), n) for n in range(max(1, top - known + 1), top + 1)))
        acked.update(desk.acks())
    for offset in sorted(set(range(1, top + 1)) - acked):
        desk.again(critical(offset), offset)
    acked.update(desk.acks())
    everything = [f"c{n}" for n in range(1, top + 1)]
    assert sorted(desk.feed()) == sorted(everything)
    assert sorted(desk.heard) == sorted(everything)
    assert acked == set(range(1, top + 1))


def test_the_consumers_name_outlives_a_restart(tmp_path: Path) -> None:
    """In a file of the data folder that only its owner reads."""
    folder = tmp_path / "data"
    name = consumer_name(folder)
    assert consumer_name(folder) == name
    assert (folder / "consumer").stat().st_mode & 0o777 == 0o600
    assert consumer_name(tmp_path / "other") != name


@pytest.mark.parametrize("content", [b"", b"a b\n", b"\xff", b"x" * 65])
def test_a_name_that_cant_be_one_is_replaced(tmp_path: Path, content: bytes) -> None:
    """For good, where it can be written."""
    (tmp_path / "consumer").write_bytes(content)
    name = consumer_name(tmp_path)
    assert name.startswith("app-")
    assert consumer_name(tmp_path) == name


def test_a_folder_that_cant_be_written_costs_the_name_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is for this run, and that is said."""
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        one = consumer_name(tmp_path / "file")
    assert one.startswith("app-")
    assert "for this run only" in caplog.text
