"""The outbox on a real file and its own thread; the way to the gateway is a recording one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from realtime.client.calls import Ack
from realtime.client.outbox import Outbox
from realtime.client.outbox_file import FILE_NAME, OutboxFile
from realtime.errors import CommandError, ConflictError, EventError, NotConnected, OutboxError, OutboxFull
from realtime.protocol.events import Envelope
from realtime.protocol.positions import Position
from realtime.store import OutboxEntry, OutboxState
from tests.support.producing import created, updated

WAIT_S = 10.0


class RecordingWay:
    """Takes emits and answers as told, from another thread than the outbox's."""

    def __init__(self) -> None:
        self.is_open = True
        self.arrived = threading.Condition()
        self.taken: list[tuple[str, int | None, Future[Ack]]] = []

    def emit(
        self, events: msgspec.Raw, *, expected_offset: int | None = None, document: tuple[str, str] | None = None
    ) -> Future[Ack]:
        """Record an emit."""
        content: dict[str, Any] = msgspec.json.decode(events)
        assert content["expect"] == (None if expected_offset is None else {"offset": expected_offset})
        future: Future[Ack] = Future()
        with self.arrived:
            self.taken.append((content["events"][0]["id"], expected_offset, future))
            self.arrived.notify_all()
        return future

    def next(self, index: int) -> tuple[str, int | None, Future[Ack]]:
        """Wait for the emit of this index."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.taken) > index, WAIT_S), f"no emit {index}"
            return self.taken[index]

    def ack(self, index: int, *, offset: int = 1) -> None:
        """Answer an emit: stored."""
        self.next(index)[2].set_result(Ack("collection:orders", Position("e", offset)))

    def fail(self, index: int, error: Exception) -> None:
        """Answer an emit: not stored."""
        self.next(index)[2].set_exception(error)


class Listener:
    """Hears of the entries."""

    def __init__(self) -> None:
        self.heard = threading.Condition()
        self.entries: Sequence[OutboxEntry] = ()

    def __call__(self, entries: Sequence[OutboxEntry]) -> None:
        """Take the entries."""
        with self.heard:
            self.entries = entries
            self.heard.notify_all()

    def until(self, claim: Callable[[Sequence[OutboxEntry]], bool]) -> Sequence[OutboxEntry]:
        """Wait until a claim about the entries holds."""
        with self.heard:
            assert self.heard.wait_for(lambda: claim(self.entries), WAIT_S), self.entries
            return self.entries

    def until_states(self, *states: OutboxState) -> Sequence[OutboxEntry]:
        """Wait until the entries are in these states."""
        return self.until(lambda entries: [each.state for each in entries] == list(states))


class Bench:
    """An outbox, its way, and who listens."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path = path
        self.way = RecordingWay()
        self.listener = Listener()
        self._stack = stack
        self.outbox = self.open()

    def open(self) -> Outbox:
        """Open the file anew."""
        file = OutboxFile.open(self.path)
        outbox = Outbox(file, jitter=lambda: 0.0, on_change=self.listener)
        self._stack.callback(outbox.close)
        return outbox

    def reopen(self) -> None:
        """End the outbox and open it as the next process would."""
        self.outbox.close()
        self.outbox = self.open()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give an outbox and take it away."""
    with ExitStack() as stack:
        yield Bench(tmp_path / FILE_NAME, stack)


def order(identifier: str, **fields: Any) -> Envelope:
    """Make the event that changes an order."""
    return updated("orders", {"id": identifier, **fields})


def test_an_emit_is_on_the_disk_before_anyone_hears_of_it(bench: Bench) -> None:
    """And gone from it once it is acknowledged; the future holds where it was stored."""
    event = order("a")
    future = bench.outbox.put(event, expected_offset=4)
    bench.listener.until_states(OutboxState.PENDING)
    assert not future.done()
    bench.outbox.attach(bench.way)
    assert bench.way.next(0)[:2] == (event.id, 4)
    bench.listener.until_states(OutboxState.SENT)
    bench.way.ack(0, offset=5)
    assert future.result(WAIT_S).position.offset == 5
    (confirmed,) = bench.listener.until_states(OutboxState.CONFIRMED)
    assert (confirmed.offset, confirmed.envelope) == (5, b"")
    bench.reopen()
    assert bench.outbox.entries == ()


def test_what_waits_is_sent_by_the_next_process(bench: Bench) -> None:
    """In order, with the same key, whether or not it was on its way; nobody waits for its future any more."""
    events = [order("a", n=1), order("a", n=2), order("b")]
    futures = [bench.outbox.put(event) for event in events]
    bench.outbox.attach(bench.way)
    bench.way.next(1)
    bench.reopen()
    assert [isinstance(each.exception(WAIT_S), NotConnected) for each in futures] == [True] * 3
    way = RecordingWay()
    bench.outbox.attach(way)
    assert {way.next(0)[0], way.next(1)[0]} == {events[0].id, events[2].id}
    way.ack(0)
    assert way.next(2)[0] == events[1].id


def test_an_edit_made_offline_follows_the_creation_also_after_a_restart(bench: Bench) -> None:
    """The position of the creation is the version it expects."""
    bench.outbox.put(created("orders", {"id": "a"}), expected_offset=0)
    (creation,) = bench.listener.until_states(OutboxState.PENDING)
    bench.outbox.put(order("a"), expected_offset=0, follows=creation.number)
    bench.reopen()
    bench.outbox.attach(bench.way)
    bench.way.ack(0, offset=31)
    assert bench.way.next(1)[1] == 31


def test_a_way_that_broke_is_used_again_when_it_opens(bench: Bench) -> None:
    """Every attempt has the same key; the future goes on waiting."""
    bench.outbox.attach(bench.way)
    future = bench.outbox.put(order("a"))
    bench.way.next(0)
    bench.way.is_open = False
    bench.way.fail(0, NotConnected("cut"))
    (entry,) = bench.listener.until_states(OutboxState.PENDING)
    assert (entry.attempts, entry.reason) == (1, "cut")
    bench.way.is_open = True
    bench.outbox.opened()
    assert bench.way.next(1)[0] == bench.way.next(0)[0]
    bench.way.ack(1)
    assert future.result(WAIT_S)


@pytest.mark.parametrize(
    "error",
    [CommandError(100, "disk full", is_temporary=True), CommandError(109, "token expired"), CommandError(101, "")],
)
def test_a_failure_that_passes_is_tried_again_by_itself(bench: Bench, error: Exception) -> None:
    """The gateway's disk was full, or the connection's token had run out; nobody has to do anything."""
    bench.outbox.attach(bench.way)
    future = bench.outbox.put(order("a"))
    bench.way.fail(0, error)
    bench.way.ack(1)
    assert future.result(WAIT_S)


@pytest.mark.parametrize(
    ("error", "reason", "is_conflict"),
    [
        (EventError("missing_id", "It has no id."), "It has no id.", False),
        (ConflictError(expected=1, actual=2), "changed meanwhile", True),
        (CommandError(103, "permission denied"), "permission denied", False),
    ],
)
def test_a_refusal_is_parked_with_its_reason_until_a_person_decides(
    bench: Bench, error: Exception, reason: str, is_conflict: bool
) -> None:
    """It survives a restart, holds back its document, and is gone when it is given up."""
    bench.outbox.attach(bench.way)
    future = bench.outbox.put(order("a"))
    bench.way.fail(0, error)
    assert future.exception(WAIT_S) is error
    (entry,) = bench.listener.until_states(OutboxState.REFUSED)
    assert reason in (entry.reason or "")
    assert entry.is_conflict is is_conflict
    later = order("a")
    bench.outbox.put(later)
    bench.reopen()
    way = RecordingWay()
    bench.outbox.attach(way)
    bench.listener.until_states(OutboxState.REFUSED, OutboxState.PENDING)
    assert way.taken == []
    assert bench.outbox.discard(entry.number)
    assert not bench.outbox.discard(entry.number)
    assert way.next(0)[0] == later.id


def test_a_refused_entry_is_sent_again_over_the_version_the_person_saw(bench: Bench) -> None:
    """Which is how a conflict is decided for one's own version."""
    bench.outbox.attach(bench.way)
    bench.outbox.put(order("a"), expected_offset=1)
    bench.way.fail(0, ConflictError(expected=1, actual=2))
    (entry,) = bench.listener.until_states(OutboxState.REFUSED)
    assert bench.outbox.retry(entry.number, expected_offset=2)
    assert not bench.outbox.retry(entry.number)
    assert bench.way.next(1)[1] == 2


def test_an_envelope_that_waits_already_is_kept_once(bench: Bench) -> None:
    """Whoever repeats it waits for the same answer; one that was refused goes again."""
    event = order("a")
    first = bench.outbox.put(event)
    assert bench.outbox.put(event) is first
    bench.outbox.attach(bench.way)
    bench.way.fail(0, EventError("x", "no"))
    first.exception(WAIT_S)
    again = bench.outbox.put(event)
    bench.way.ack(1)
    assert again.result(WAIT_S)
    assert len(bench.way.taken) == 2


def test_overflow_is_refused_at_the_click(tmp_path: Path) -> None:
    """One sentence, at once; what waits is untouched, and there is room again when some of it is sent."""
    way = RecordingWay()
    with closing(Outbox(OutboxFile.open(tmp_path / FILE_NAME), most_events=2)) as outbox:
        outbox.put(order("a"))
        outbox.put(order("b"))
        refused = outbox.put(order("c"))
        assert isinstance(refused.exception(0), OutboxFull)
        assert len(outbox.entries) == 2
        outbox.attach(way)
        way.ack(0)
        way.ack(1)
        way.next(1)[2].result(WAIT_S)
        third: Future[Ack] = outbox.put(order("c"))
        while third.done():
            third = outbox.put(order("c"))
        assert way.next(2)


def test_a_disk_that_cant_be_written_refuses_the_click(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent that isn't kept; what was acknowledged meanwhile is taken off when the disk is well again."""
    monkeypatch.setattr("realtime.client.outbox._SETTLE_AGAIN_S", 0.01)
    bench.outbox.attach(bench.way)
    future = bench.outbox.put(order("a"))
    bench.way.next(0)
    connection = bench.outbox._file._connection
    connection.execute("PRAGMA query_only = ON")
    assert isinstance(bench.outbox.put(order("b")).exception(0), OutboxError)
    bench.way.ack(0)
    assert future.result(WAIT_S)
    bench.listener.until_states(OutboxState.CONFIRMED)
    connection.execute("PRAGMA query_only = OFF")
    bench.reopen()
    assert bench.outbox.entries == ()
    assert len(bench.way.taken) == 1


def test_nothing_is_sent_without_a_way_or_after_the_end(bench: Bench) -> None:
    """Detached and closed alike; an emit after the end is refused."""
    bench.outbox.attach(bench.way)
    bench.outbox.detach()
    bench.outbox.put(order("a"))
    bench.outbox.opened()
    bench.listener.until_states(OutboxState.PENDING)
    bench.outbox.close()
    assert bench.way.taken == []
    assert isinstance(bench.outbox.put(order("b")).exception(0), OutboxError)


def test_a_stumble_costs_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """What nobody thought of is logged, and the outbox goes on."""

    class Broken(RecordingWay):
        def emit(self, *_arguments: Any, **_named: Any) -> Future[Ack]:
            raise RuntimeError("ending")

    bench.outbox.attach(Broken())
    future = bench.outbox.put(order("a"))
    bench.listener.until(lambda entries: any(each.attempts for each in entries))
    bench.outbox.attach(bench.way)
    bench.way.ack(len(bench.way.taken))
    assert future.result(WAIT_S)


def test_whoever_listens_and_stumbles_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged; what waits is sent all the same, and the listener hears of it the next time."""
    heard: list[int] = []

    def listen(entries: Sequence[OutboxEntry]) -> None:
        heard.append(len(entries))
        if len(heard) == 1:
            raise RuntimeError("a listener's own mistake")

    way = RecordingWay()
    with closing(Outbox(OutboxFile.open(tmp_path / FILE_NAME), on_change=listen)) as outbox:
        outbox.attach(way)
        future = outbox.put(order("a"))
        way.ack(0)
        assert future.result(WAIT_S)
    assert "stumbled" in caplog.text
    assert len(heard) > 1


def _command(identifier: str, user: str = "ann") -> Envelope:
    """Make an event of somebody's inbox."""
    data = {"user": user, "command": {"do": "clear-history", "id": identifier, "at": 1.0}}
    return Envelope(id=identifier, source="/t", type="inbox:command", specversion="1.0", data=data)


def test_what_is_done_to_one_inbox_goes_in_order(bench: Bench) -> None:
    """One after the other for each person, side by side for different ones; it isn't told among changes."""
    bench.outbox.attach(bench.way)
    for identifier, user in (("1", "ann"), ("2", "ann"), ("3", "bob")):
        bench.outbox.put(_command(identifier, user))
    assert [bench.way.next(index)[0] for index in range(2)] == ["1", "3"]
    assert [entry.key[1] for entry in bench.outbox.waiting_for("inbox#ann")] == ["1", "2"]
    bench.way.ack(0)
    assert bench.way.next(2)[0] == "2"
    assert list(bench.listener.entries) == []


def test_a_refused_command_of_an_inbox_is_given_up_and_holds_nothing_back(bench: Bench) -> None:
    """Nobody would decide on it; the next goes on, and nothing of it is left on the disk."""
    bench.outbox.attach(bench.way)
    first, second = bench.outbox.put(_command("1")), bench.outbox.put(_command("2"))
    bench.way.fail(0, EventError("bad_command", "It makes no sense."))
    assert isinstance(first.exception(WAIT_S), EventError)
    bench.way.ack(1)
    assert second.result(WAIT_S).position.offset == 1
    bench.reopen()
    assert bench.outbox.entries == ()
