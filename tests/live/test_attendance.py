"""Attendance: what it writes down, hands to the store and tells, in which order, and what a killed process leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from realtime.errors import EventError, OutboxFull
from realtime.live.attendance import Attendance
from realtime.live.here_file import FILE_NAME, HereFile
from realtime.live.presence import Came, Did, Went
from realtime.live.telling import UNDER_WAY, WAITING_EACH, Telling
from realtime.protocol.events import PEOPLE_SOURCE, Envelope, check_event
from realtime.store import Looking, Store
from tests.live.support import Clock
from tests.support.waiting import until


class Sender:
    """Remembers what is sent; answers at once, or when told."""

    def __init__(self, *, is_silent: bool = False) -> None:
        self.sent: list[Envelope] = []
        self.futures: list[Future[Any]] = []
        self.handlers: dict[str, Callable[[Envelope], None]] = {}
        self.withdrawn: list[Envelope] = []
        self.is_silent = is_silent
        self.error: Exception | None = None

    @property
    def outbox(self) -> Sender:
        """Be one's own outbox."""
        return self

    def withdraw(self, envelope: Envelope) -> None:
        """Remember what was given up."""
        self.withdrawn.append(envelope)

    def send(self, envelope: Envelope) -> Future[Any]:
        """Take an event."""
        self.sent.append(envelope)
        future: Future[Any] = Future()
        self.futures.append(future)
        if self.error is not None:
            future.set_exception(self.error)
        elif not self.is_silent:
            future.set_result(None)
        return future

    def subscribe(self, event: str, handler: Callable[[Envelope], None]) -> Callable[[], None]:
        """Remember who listens."""
        self.handlers[event] = handler

        def end() -> None:
            del self.handlers[event]

        return end

    @property
    def told(self) -> list[str]:
        """Return the events' types and people."""
        return [f"{each.type.removeprefix('user:')} {each.actor}" for each in self.sent]


@contextmanager
def running(folder: Path, sender: Sender, clock: Clock, store: Store | None = None) -> Iterator[Attendance]:
    """Run an attendance with a grace of 15 s."""
    attendance = Attendance(store or Store(), folder=folder, grace_s=15.0, clock=clock)
    attendance.start(sender, name="app-1")
    try:
        yield attendance
    finally:
        attendance.stop()


def test_a_visit_is_told_as_events_the_gateway_takes(tmp_path: Path) -> None:
    """Login, view, idling, and after the grace the logout: one of each, in order, with person and time."""
    sender, clock, store = Sender(), Clock(), Store()
    with running(tmp_path, sender, clock, store) as attendance:
        attendance.opened("t", "ann")
        attendance.looked("t", "ann", Looking("Overview"))
        attendance.looked("t", "ann", Looking("Overview"))
        attendance.idled("t", "ann", is_idle=True)
        until(lambda: len(sender.sent) == 3)
        assert store.people_online == 1
        attendance.closed("t", "ann")
        clock.now += 15.0
        attendance.opened("u", "bob")  # any news wakes it
        until(lambda: "logout ann" in sender.told)
    assert sender.told == ["login ann", "activity ann", "activity ann", "logout ann", "login bob"] or sender.told == [
        "login ann", "activity ann", "activity ann", "login bob", "logout ann"
    ]  # fmt: skip
    for envelope in sender.sent:
        checked, _ = check_event(msgspec.to_builtins(envelope), max_depth=8)
        assert checked.source == f"{PEOPLE_SOURCE}/app-1"
    assert len({envelope.id for envelope in sender.sent}) == 5


def test_the_grace_ends_by_itself(tmp_path: Path) -> None:
    """No news is needed for a logout, only time."""
    sender = Sender()
    attendance = Attendance(Store(), folder=tmp_path, grace_s=0.05)
    attendance.start(sender, name="app-1")
    attendance.opened("t", "ann")
    attendance.closed("t", "ann")
    until(lambda: sender.told == ["login ann", "logout ann"])
    attendance.stop()


def test_whoever_is_told_of_is_on_the_disk_before(tmp_path: Path) -> None:
    """A process killed right after the login was sent has left the name for the next one."""
    clock, seen = Clock(), []

    class Looks(Sender):
        def send(self, envelope: Envelope) -> Future[Any]:
            seen.append(HereFile(tmp_path / FILE_NAME).load())
            return super().send(envelope)

    sender = Looks()
    with running(tmp_path, sender, clock) as attendance:
        attendance.opened("t", "ann")
        until(lambda: len(sender.sent) == 1)
    assert seen == [("ann",)]


def test_whom_a_killed_process_left_behind_is_logged_out_by_the_next(tmp_path: Path) -> None:
    """Unless they are back within the grace; then nobody hears of the restart."""
    sender, clock = Sender(), Clock()
    with running(tmp_path, sender, clock) as attendance:
        attendance.opened("t", "ann")
        attendance.opened("t", "bob")
        until(lambda: len(sender.sent) == 2)
    # Stopping tells nothing, just as kill -9 doesn't; the file is what is left of either.
    again = Sender()
    with running(tmp_path, again, clock) as attendance:
        attendance.opened("t2", "ann")
        clock.now += 15.0
        attendance.opened("t3", "ann")
        until(lambda: again.told == ["logout bob"])
    assert HereFile(tmp_path / FILE_NAME).load() == ("ann",)


def test_a_file_that_cannot_be_read_or_written_costs_only_that(tmp_path: Path) -> None:
    """Nonsense in it is nobody; a folder in its place is said once, and people are told of all the same."""
    (tmp_path / FILE_NAME).write_text('{"half a')
    assert HereFile(tmp_path / FILE_NAME).load() == ()
    blocked = tmp_path / "x"
    blocked.write_text("a file where the folder should be")
    sender = Sender()
    with running(blocked, sender, Clock()) as attendance:
        attendance.opened("t", "ann")
        until(lambda: sender.told == ["login ann"])


def test_when_another_tells_that_someone_here_left_it_is_set_right(tmp_path: Path) -> None:
    """One person at two apps: the other's logout is answered with a login; one's own, or a stranger's, isn't."""
    sender = Sender()
    with running(tmp_path, sender, Clock()) as attendance:
        attendance.opened("t", "ann")
        until(lambda: len(sender.sent) == 1)

        def left(person: str, source: str) -> None:
            data = {"userId": person, "timestamp": "2026-01-01T00:00:00Z"}
            sender.handlers["user:logout"](
                Envelope(id="x", source=source, type="user:logout", specversion="1.0", data=data)
            )

        left("ann", f"{PEOPLE_SOURCE}/app-1")
        left("bob", f"{PEOPLE_SOURCE}/app-2")
        left("ann", f"{PEOPLE_SOURCE}/app-2")
        until(lambda: len(sender.sent) == 2)
    assert sender.told == ["login ann", "login ann"]
    assert sender.handlers == {}


def test_whom_a_killed_process_left_behind_isnt_logged_out_once_another_app_has_them(tmp_path: Path) -> None:
    """Their tabs went on at the other app while this one was away, as its first events say."""
    sender, clock = Sender(), Clock(time.time())
    with running(tmp_path, sender, clock) as attendance:
        attendance.opened("t", "ann")
        attendance.opened("u", "bob")
        until(lambda: len(sender.sent) == 2)
    clock.now += 60.0
    again = Sender()
    with running(tmp_path, again, clock) as attendance:

        def came(person: str, source: str, moment: str) -> None:
            data = {"userId": person, "timestamp": moment}
            again.handlers["user:login"](
                Envelope(id="x", source=source, type="user:login", specversion="1.0", data=data)
            )

        later = datetime.fromtimestamp(clock.now - 30.0, UTC).isoformat()
        came("ann", f"{PEOPLE_SOURCE}/app-2", later)
        came("bob", f"{PEOPLE_SOURCE}/app-1", later)  # ourselves, before
        came("bob", "/a/producer", later)
        came("bob", f"{PEOPLE_SOURCE}/app-2", "2020-01-01T00:00:00Z")
        came("bob", f"{PEOPLE_SOURCE}/app-2", "once")
        until(lambda: HereFile(tmp_path / FILE_NAME).load() == ("bob",))
        clock.now += 15.0
        attendance.opened("v", "eve")
        until(lambda: len(again.sent) == 2)
    assert sorted(again.told) == ["login eve", "logout bob"]


# Telling


def telling(sender: Sender) -> Telling:
    """Make a telling with numbered events."""
    numbers = iter(range(10_000_000))
    return Telling(sender, name="app", identify=lambda: str(next(numbers)), wake=lambda: None)


def answer(sender: Sender) -> None:
    """Answer everything that is under way."""
    for future in sender.futures:
        if not future.done():
            future.set_result(None)


def test_one_event_of_a_person_is_under_way_at_a_time() -> None:
    """So a login can't be overtaken by what came after it."""
    sender = Sender(is_silent=True)
    made = telling(sender)
    made.take([Came("ann", 1.0), Did("ann", 2.0, "view"), Came("bob", 3.0)])
    made.pump()
    made.pump()
    assert sender.told == ["login ann", "login bob"]
    answer(sender)
    made.pump()
    made.pump()
    assert sender.told[2:] == ["activity ann"]


def test_hours_offline_leave_little_behind() -> None:
    """Comings and goings nobody heard of cancel out; actions beyond a bound are let go; the outbox holds a hundred."""
    sender = Sender(is_silent=True)
    made = telling(sender)
    for number in range(500):
        made.take([Came(f"p{number}", 0.0)])
    made.pump()
    assert len(sender.sent) == UNDER_WAY
    for _ in range(1000):
        made.take([Went("p0", 1.0), Came("p0", 2.0), *(Did("p0", 3.0, "x") for _ in range(10))])
    assert len(made._waiting["p0"]) <= WAITING_EACH + 1
    made.take([Went(f"p{number}", 9.0) for number in range(500)])
    answer(sender)
    for _ in range(1000):
        made.pump()
        answer(sender)
    online: set[str] = set()
    for each in sender.told:
        word, _, person = each.partition(" ")
        assert word == "login" or person in online, each
        online = online | {person} if word == "login" else online - {person} if word == "logout" else online
    assert online == set()


def test_what_is_refused_for_good_does_not_wait_for_a_person_to_decide() -> None:
    """It is taken out of the outbox: nobody made that change, so nobody could decide on it."""
    sender = Sender()
    sender.error = EventError("forbidden", "No.")
    made = telling(sender)
    made.take([Came("ann", 1.0)])
    assert made.pump() is False
    assert made.pump() is False
    assert sender.withdrawn == sender.sent
    assert len(sender.sent) == 1


def test_a_coming_that_finds_no_room_is_told_later() -> None:
    """An action is let go instead: it is of no use later."""
    sender = Sender()
    sender.error = OutboxFull("full")
    made = telling(sender)
    made.take([Came("ann", 1.0)])
    made.pump()
    assert made.pump() is True
    sender.error = None
    made.pump()
    made.pump()
    assert sender.told == ["login ann", "login ann"]
    sender.error = OutboxFull("full")
    made.take([Did("ann", 2.0, "x")])
    made.pump()
    assert made.pump() is False
