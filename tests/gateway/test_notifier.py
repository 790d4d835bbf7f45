"""The notifier over a real log: each event judged once, whatever happens to it, to the log or to the queue between."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import StorageError
from realtime.gateway import notifier as notifiers
from realtime.gateway.flags import FlagFile
from realtime.gateway.inboxes import Inboxes
from realtime.gateway.judge import Judge, Verdict
from realtime.gateway.log import Stored
from realtime.gateway.notifier import Notifier
from realtime.gateway.ports import Log
from realtime.gateway.rights import Rights
from realtime.notifications.commands import Clear, Meet
from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.inbox import read_inbox
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.flags import NOTIFICATIONS, share_of
from realtime.pulse import NOTICES, PULSE
from tests.gateway.inboxing import judged, met
from tests.gateway.making import NOON, accepted, envelope, opened
from tests.gateway.serving import served
from tests.notifications.making import adding, notice
from tests.support.engines import on_each_engine
from tests.support.waiting import until

pytestmark = on_each_engine

ORDERS = "collection:orders"
DELETED = "info collections orders"


class Place:
    """A log and its notifier."""

    def __init__(self, log: Log, notifier: Notifier) -> None:
        self.log = log
        self.notifier = notifier

    def meet(self, *users: str) -> None:
        """Make people known."""
        self.log.append([judged(user, Meet(id=f"meet:{user}", at=NOON)) for user in users]).result()

    def delete(self, numbers: Sequence[int], **more: Any) -> None:
        """Store events that deserve notice, in one commit."""
        self.log.append([accepted(number, "deleted", **more) for number in numbers]).result()

    def inbox(self, user: str = "ann") -> Inbox:
        """Return an inbox as it is."""
        return Inboxes(self.log).fold(user).inbox

    def _has(self, user: str, count: int) -> bool:
        return self.inbox(user).total >= count

    def settle(self, count: int, *users: str) -> None:
        """Wait until so many events are in inboxes, and see that none is in twice."""
        for user in users or ("ann",):
            until(partial(self._has, user, count), what=f"{count} events in {user}'s inbox")
            assert self.inbox(user).total == count


@contextmanager
def place(folder: Path, *, is_started: bool = True, flags: FlagFile | None = None, **options: Any) -> Iterator[Place]:
    """Open a log with a notifier, and end both in order."""
    followers: list[Callable[[Sequence[Stored]], None]] = []

    def committed(stored: Sequence[Stored]) -> None:
        for follower in followers:
            follower(stored)

    with opened(folder, on_commit=committed, **options) as log:
        notifier = Notifier(log, DEFAULT_RULES, rights=Rights(), flags=flags, now=lambda: NOON)
        followers.append(notifier.committed)
        if is_started:
            notifier.start()
        try:
            yield Place(log, notifier)
        finally:
            notifier.stop()


def test_what_is_committed_is_told_once_to_everybody(tmp_path: Path) -> None:
    """One by one, in batches, for several people; events that deserve none leave nothing."""
    with place(tmp_path) as one:
        one.meet("ann", "bob")
        for number in range(20):
            one.delete([number])
        one.delete(range(100, 1_300))
        one.log.append([accepted(number) for number in range(2_000, 2_100)]).result()
        one.settle(1_220, "ann", "bob")
        assert set(one.inbox().rows) == {DELETED}
        assert one.log.position("inbox#ann").offset < 60, "many events are one command"


def test_a_restart_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    """What came while nobody judged is judged, and nothing twice."""
    with place(tmp_path) as one:
        one.meet("ann")
        one.delete(range(50))
        one.settle(50)
    with place(tmp_path, is_started=False) as one:
        one.delete(range(50, 150))
        one.meet("bob")
        one.delete(range(150, 200))
    with place(tmp_path) as one:
        one.settle(200)
        one.delete([200])
        one.settle(201)
        until(lambda: one.inbox("bob").total > 0, what="something for bob")


def test_who_was_met_while_nobody_judged_hears_of_what_came_then(tmp_path: Path) -> None:
    """People are heard before the events of an absence, so that no notice is lost to the order."""
    with place(tmp_path) as one:
        one.meet("bob")
        one.delete([0])
        one.settle(1, "bob")
    with place(tmp_path, is_started=False) as one:
        one.delete(range(1, 10))
        one.meet("ann")
        one.delete([10])
    with place(tmp_path) as one:
        one.settle(10)


def test_an_old_log_is_judged_from_now_on(tmp_path: Path) -> None:
    """Nobody wants notices of last year; from the first start on, every event counts, restarts or not."""
    with place(tmp_path, is_started=False) as one:
        one.meet("ann")
        one.delete(range(10))
    with place(tmp_path) as one:
        one.meet("bob")
        one.delete([10])
        one.settle(1, "ann", "bob")
    with place(tmp_path) as one:
        one.delete([11])
        one.settle(2, "ann", "bob")


def test_who_is_met_while_it_catches_up_hears_of_what_came_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored after the look at where everything stands is judged in its order, people among it."""
    with place(tmp_path, is_started=False) as one:
        one.meet("ann")
        one.delete([1])
        channels, looks = one.log.channels, iter(range(10))

        def looked() -> Any:
            found = channels()
            if next(looks) == 2:  # the first looks are at where judging begins, this one is for what was missed
                one.meet("bob")
                one.delete([2])
            return found

        monkeypatch.setattr(one.log, "channels", looked)
        one.notifier.start()
        one.settle(2, "ann")
        one.settle(1, "bob")
        assert next(looks) == 3, "it has to be the last look, or this test says nothing"


def test_a_log_that_fails_for_a_while_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be stored is tried again, and told once."""
    failures = [StorageError("The disk is full.")] * 3
    with place(tmp_path) as one:
        one.meet("ann")
        append = one.log.append

        def fails(events: Any, **more: Any) -> Any:
            if more.get("along") is not None and failures:
                raise failures.pop()
            return append(events, **more)

        monkeypatch.setattr(notifiers, "_AGAIN_S", 0.01)
        monkeypatch.setattr(one.log, "append", fails)
        one.delete([1, 2, 3])
        one.settle(3)
        assert failures == []


def test_a_queue_that_runs_over_is_read_from_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While judging is held up more comes than may wait; nothing is lost or told twice."""
    monkeypatch.setattr(notifiers, "QUEUE_EVENTS", 50)
    may_go_on, is_held = threading.Event(), threading.Event()
    take = Judge.take

    def held(self: Judge, stored: Stored, *, now: float) -> None:
        if stored.channel == ORDERS:
            is_held.set()
            assert may_go_on.wait(20)
        take(self, stored, now=now)

    monkeypatch.setattr(Judge, "take", held)
    with place(tmp_path) as one:
        one.meet("ann")
        one.delete([0])
        assert is_held.wait(20)
        for first in range(1, 301, 30):
            one.delete(range(first, first + 30))
        assert len(one.notifier._waiting) <= 50
        may_go_on.set()
        one.settle(301)
        one.delete([999])
        one.settle(302)


def test_what_was_trimmed_before_it_was_judged_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the log, in a number, and to everybody; what is left is told."""
    with place(tmp_path, retention_events=100) as one:
        one.meet("ann")
        one.delete([1])
        one.settle(1)
    with place(tmp_path, is_started=False, retention_events=100) as one:
        for first in range(1_000, 1_500, 100):
            one.delete(range(first, first + 100))
    with caplog.at_level(logging.ERROR), place(tmp_path, retention_events=100) as one:
        until(lambda: len(one.inbox().rows) == 2 and one.inbox().total == 102, what="what is left, and what is said")
        told = one.inbox().rows[f"unjudged {ORDERS}"].newest
        assert told.title == f"400 events of {ORDERS} were never judged for notices"
        assert one.inbox().rows[DELETED].total == 101
    assert "400 events of collection:orders were trimmed" in caplog.text


def test_an_event_that_breaks_a_rule_keeps_no_other_from_being_judged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said in the log, with its place."""
    take = Judge.take

    def breaks(self: Judge, stored: Stored, *, now: float) -> None:
        take(self, stored, now=now)
        if stored.channel == ORDERS and stored.position.offset == 3:
            raise ValueError("broken")

    monkeypatch.setattr(Judge, "take", breaks)
    with place(tmp_path) as one:
        one.meet("ann")
        one.delete(range(5))
        one.settle(5)
    assert "event 3 of collection:orders could not be judged" in caplog.text


def test_judging_that_breaks_off_begins_anew_from_what_was_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost or told twice."""
    verdict, breaks = Judge.verdict, [True]

    def broken(self: Judge, now: float, *, is_due: bool) -> Any:
        found = verdict(self, now, is_due=is_due)
        if found is not None and found.told and breaks:
            breaks.pop()
            raise ValueError("broken")
        return found

    monkeypatch.setattr(notifiers, "_AGAIN_S", 0.01)
    monkeypatch.setattr(Judge, "verdict", broken)
    with place(tmp_path) as one:
        one.meet("ann")
        one.delete(range(5))
        one.settle(5)
        one.delete([7])
        one.settle(6)
    assert breaks == []
    assert "broke off" in caplog.text


def test_more_people_than_one_commit_takes_are_all_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts; a failure between them tells nobody twice."""
    monkeypatch.setattr(notifiers, "PART", 7)
    monkeypatch.setattr(notifiers, "_AGAIN_S", 0.01)
    users = [f"p{n}" for n in range(30)]
    with place(tmp_path) as one:
        one.meet(*users)
        append, failures = one.log.append, [StorageError("Full.")]

        def fails(events: Any, **more: Any) -> Any:
            if more.get("along") is not None and events and failures:
                raise failures.pop()
            return append(events, **more)

        monkeypatch.setattr(one.log, "append", fails)
        one.delete([1])
        one.settle(1, *users)
        assert {one.log.position(f"inbox#{user}").offset for user in users} == {2}


@pytest.mark.parametrize("has_restarted", [False, True])
def test_what_a_document_was_is_known_after_a_restart(tmp_path: Path, has_restarted: bool) -> None:
    """Also of one that was changed and deleted while nobody judged, though it is gone by now."""
    flight = {"origin": "JFK", "destinationName": "Oslo", "scheduledDeparture": "2026-01-01T12:00:00Z"}

    def made(number: int, kind: str) -> Any:
        data: dict[str, Any] = {"collection": "flights", "id": f"f{number}"}
        if kind != "deleted":
            data["document"] = {"id": f"f{number}", **flight}
        return accepted(f"{number}-{kind}", kind, data=data)

    with place(tmp_path) as one:
        one.meet("ann")
        one.log.append([made(1, "created"), made(2, "created")]).result()
    with place(tmp_path, is_started=not has_restarted) as one:
        one.log.append([made(3, "created"), made(2, "updated"), made(2, "deleted"), made(3, "deleted")]).result()
    with place(tmp_path) as one:
        one.log.append([made(1, "deleted")]).result()
        one.settle(3)
        assert set(one.inbox().rows) == {"flights cancelled JFK"}


def test_it_stops_at_once_when_nothing_was_ever_started(tmp_path: Path) -> None:
    """As when the gateway can't start."""
    with place(tmp_path, is_started=False) as one:
        one.notifier.stop()


def test_rules_of_the_settings_are_at_work(tmp_path: Path) -> None:
    """One of one's own in its words, for whom it says; a built-in one that is switched off isn't told."""
    rules = [
        {
            "id": "large", "event": "collection:created", "collection": "orders", "severity": "warning",
            "where": [{"field": "number", "op": ">", "value": 10}], "title": "{id} is large", "group": "large orders",
            "audience": "role:ops",
        },
        {"id": "deleted", "enabled": False},
    ]  # fmt: skip
    with served(tmp_path, rules=rules) as gateway:
        gateway.post([met("ann"), met("bob", roles=("ops",)), envelope(5), envelope(50), envelope(51, "deleted")])

        def shown(user: str) -> Inbox:
            return read_inbox(gateway.http.get(f"/api/inbox/{user}").json()["inbox"])

        until(lambda: shown("bob").rows, what="a notice")
        assert [row.newest.title for row in shown("bob").rows.values()] == ["d50 is large"]
        assert shown("ann").rows == {}


def test_who_has_notifications_switched_off_is_told_nothing_new(tmp_path: Path) -> None:
    """By person, at once, and never told afterwards; others are told as ever. All of it is counted for judging it."""
    flags = FlagFile.open(tmp_path / "flags.db", now=lambda: NOON)
    with place(tmp_path, flags=flags) as one:
        one.meet("ann", "bob")
        one.delete([1])
        one.settle(1, "ann", "bob")
        on, off = sorted(("ann", "bob"), key=lambda user: share_of(NOTIFICATIONS, user))
        flags.set({NOTIFICATIONS: int(share_of(NOTIFICATIONS, off))}, by="olga")
        assert (flags.is_on(NOTIFICATIONS, on), flags.is_on(NOTIFICATIONS, off)) == (True, False)
        one.delete([2])
        one.settle(2, on)
        flags.set({NOTIFICATIONS: 100}, by="olga")
        one.delete([3])
        one.settle(3, on)
        one.settle(2, off)
    flags.close()
    assert PULSE.figures(NOTICES).count > 0


def test_what_is_over_ends_for_those_too_who_are_told_nothing_new(tmp_path: Path) -> None:
    """Else it would stand there as an alarm for ever."""
    flags = FlagFile.open(tmp_path / "flags.db", now=lambda: NOON)
    flags.set({NOTIFICATIONS: 0}, by="olga")
    add, clear = adding(notice("k1", offset=1)), Clear(id="c", at=NOON, key="k1", event_at=NOON, why="over")
    with place(tmp_path, is_started=False, flags=flags) as one:
        told = list(one.notifier._wanted(Verdict(((("ann",), (add, clear)),), {}, {}, ())))
    flags.close()
    assert [(users, commands) for users, commands in told if users] == [(["ann"], [clear])]


def test_what_is_stored_but_not_told_of_yet_is_caught_up_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that is gone when documents are read, by an event that is heard of later, is known all the same."""
    data = {"collection": "flights", "id": "f1"}
    flight = {"id": "f1", "origin": "JFK", "destinationName": "Oslo", "scheduledDeparture": "2026-01-01T12:00:00Z"}
    with place(tmp_path) as one:
        one.meet("ann")
        one.log.append([accepted("made", "created", data={**data, "document": flight})]).result()
    with place(tmp_path, is_started=False) as one:
        rows = one.log.channels()
        one.log.append([accepted("gone", "deleted", data=data)]).result()
        told = one.log.channels
        lagging = iter([rows] * 3)  # once for where to begin, once for documents, once for where to go
        monkeypatch.setattr(one.log, "channels", lambda: next(lagging, None) or told())
        one.notifier.start()
        one.settle(1)
        assert set(one.inbox().rows) == {"flights cancelled JFK"}
