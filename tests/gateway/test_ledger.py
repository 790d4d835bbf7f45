"""Who has yet to acknowledge what: in the log's transactions, bounded, across restarts and formats."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.gateway import ledger
from realtime.gateway.log import Accepted, CriticalAt, Stored
from realtime.gateway.ports import Log
from realtime.metrics import REGISTRY
from tests.gateway.making import NOON, Commits, accepted, open_log, opened, opened_file
from tests.support.engines import engine, on_each_engine, prefix_of, redis_url, sqlite_only

pytestmark = on_each_engine

ORDERS = "collection:orders"
IN_REDIS = {"criticals": "criticals", "unacked": "owed"}
DAY_S = 86_400.0


def critical(number: int) -> Accepted:
    """Make a critical event."""
    return accepted(number, critical=True)


def at(stored: Stored) -> CriticalAt:
    """Return where an event stands, as it is acknowledged."""
    return CriticalAt(stored.channel, stored.position.epoch, stored.position.offset)


def owed(log: Log, consumer: str = "app") -> list[int]:
    """List the offsets a consumer is owed."""
    return [one.offset for one in log.owed_to(consumer)]


def letters(reason: str) -> float:
    """Read the counter of dead letters."""
    return REGISTRY.get_sample_value("tideboard_dead_letters_total", {"reason": reason}) or 0.0


def rows(log_folder: Path, table: str) -> int:
    """Count a table's rows, or what stands for them in Redis."""
    if engine() == "redis":
        with redis.Redis.from_url(redis_url()) as client:
            name = f"{{{prefix_of(log_folder)}}}:{IN_REDIS[table]}"
            return int(client.zcard(name) if table == "unacked" else client.hlen(name))
    connection = sqlite3.connect(log_folder / "log.db")
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    connection.close()
    return int(count)


def test_a_consumer_is_owed_what_is_critical_since_it_was_met(tmp_path: Path) -> None:
    """Not what came before, and nothing that isn't critical; a critical system event needs no flag."""
    with opened(tmp_path) as log:
        log.append([critical(1)]).result()
        log.meet("app").result()
        fault = accepted(4, type="system:error", data={"error": "x", "severity": "high"})
        mild = accepted(5, type="system:error", data={"error": "x", "severity": "low"})
        log.append([accepted(2), critical(3), fault, mild]).result()
        assert [(one.channel, one.offset, one.time_ms) for one in log.owed_to("app")] == [
            (ORDERS, 3, int(NOON * 1000)),
            ("system", 1, int(NOON * 1000)),
        ]
        assert owed(log, "nobody") == []


def test_an_acknowledgement_settles_once_and_only_for_who_gave_it(tmp_path: Path) -> None:
    """A repeat, another epoch, an unknown channel, offset or consumer settle nothing; the last one frees the row."""
    with opened(tmp_path) as log:
        log.meet("app").result()
        log.meet("other").result()
        [stored] = log.append([critical(1)]).result()
        place = at(stored)
        nonsense = [
            CriticalAt(ORDERS, "another", 1),
            CriticalAt("users", "x", 1),
            CriticalAt(ORDERS, place.epoch, 9),
            CriticalAt(ORDERS, place.epoch, -1),
        ]
        assert log.acknowledge("app", nonsense).result() == []
        assert log.acknowledge("nobody", [place]).result() == []
        assert [one.offset for one in log.acknowledge("app", [place, place]).result()] == [1]
        assert log.acknowledge("app", [place]).result() == []
        assert (owed(log), owed(log, "other")) == ([], [1])
        assert rows(tmp_path, "criticals") == 1
        log.acknowledge("other", [place]).result()
        assert rows(tmp_path, "criticals") == rows(tmp_path, "unacked") == 0


def test_what_is_owed_outlives_a_restart_and_the_trimming_of_its_stream(tmp_path: Path) -> None:
    """The event is kept whole beside its stream."""
    with opened(tmp_path, retention_events=100) as log:
        log.meet("app").result()
        log.append([critical(1)]).result()
        for start in range(2, 1000, 100):
            log.append([accepted(number) for number in range(start, start + 100)]).result()
        assert log.read(ORDERS, since=None, limit=1).publications[0].offset > 1
    with opened(tmp_path, retention_events=100) as log:
        assert owed(log) == [1]
        [again] = log.redeliveries("app", [(ORDERS, 1)], most_bytes=1)
        assert (again.channel, again.epoch, again.offset) == (ORDERS, log.position(ORDERS).epoch, 1)
        assert bytes(again.event) == critical(1).raw


def test_a_page_of_redeliveries_is_bounded_and_skips_what_is_settled(tmp_path: Path) -> None:
    """At least one, then as many as fit."""
    with opened(tmp_path) as log:
        log.meet("app").result()
        stored = log.append([critical(number) for number in range(1, 6)]).result()
        log.acknowledge("app", [at(stored[1])]).result()
        wanted = [(ORDERS, offset) for offset in (1, 2, 3, 4, 5, 6)]
        room = len(stored[0].accepted.raw) * 2
        assert [one.offset for one in log.redeliveries("app", wanted, most_bytes=room)] == [1, 3]
        assert [one.offset for one in log.redeliveries("app", wanted, most_bytes=1)] == [1]
        assert log.redeliveries("nobody", wanted, most_bytes=1000) == []


def test_the_oldest_of_too_many_become_dead_letters(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Counted, logged with channel and offset, listed newest first with the reason and the event."""
    before = letters("overflow")
    with opened(tmp_path, critical_kept=10) as log, caplog.at_level(logging.WARNING):
        log.meet("app").result()
        for number in range(1, 13):
            log.append([critical(number)]).result()
        assert owed(log) == list(range(3, 13))
        found, count = log.dead_letters(limit=10)
        assert count == 2
        assert [(one.offset, one.consumer, one.reason, one.channel) for one in found] == [
            (2, "app", "overflow", ORDERS),
            (1, "app", "overflow", ORDERS),
        ]
        assert bytes(found[0].event) == critical(2).raw
        assert found[0].epoch == log.position(ORDERS).epoch
        assert [one.offset for one in log.dead_letters(limit=10, before=found[0].number)[0]] == [1]
    assert letters("overflow") == before + 2
    assert f"{ORDERS} 2 was never acknowledged by app" in caplog.text


def test_dead_letters_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest stay."""
    monkeypatch.setattr(ledger, "LETTERS_KEPT", 5)
    with opened(tmp_path, critical_kept=10) as log:
        log.meet("app").result()
        log.append([critical(number) for number in range(1, 51)]).result()
        found, count = log.dead_letters(limit=100)
        assert count == 5
        assert [one.offset for one in found] == [40, 39, 38, 37, 36]
        assert owed(log) == list(range(41, 51))


def test_who_was_not_seen_for_long_is_forgotten_and_who_is_here_never(tmp_path: Path) -> None:
    """What the forgotten one was owed is dead, with that reason; a known consumer's acknowledgement counts as seen."""
    clock = [NOON]
    with opened(tmp_path, now=lambda: clock[0]) as log:
        log.meet("gone").result()
        log.meet("here").result()
        log.append([critical(1)]).result()
        clock[0] += 8 * DAY_S
        log.tend(present=["here"], unseen_s=7 * DAY_S).result()
        assert (owed(log, "gone"), owed(log, "here")) == ([], [1])
        assert [(one.consumer, one.reason) for one in log.dead_letters(limit=9)[0]] == [("gone", "forgotten")]
        clock[0] += 6 * DAY_S
        log.acknowledge("here", [CriticalAt(ORDERS, "x", 1)]).result()
        clock[0] += 6 * DAY_S
        log.append([critical(2)]).result()
        log.tend(present=[], unseen_s=20 * DAY_S).result()
        assert owed(log, "here") == [1, 2]
        assert owed(log, "gone") == []


def test_too_many_consumers_cost_the_one_longest_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all are connected, nothing is kept for one more."""
    monkeypatch.setattr(ledger, "MAX_CONSUMERS", 2)
    clock = [NOON]
    with opened(tmp_path, now=lambda: clock[0]) as log:
        for name in ("one", "two", "three"):
            clock[0] += 1
            log.meet(name, present=["one"]).result()
        log.append([critical(1)]).result()
        assert [owed(log, name) for name in ("one", "two", "three")] == [[1], [], [1]]
        log.meet("four", present=["one", "three"]).result()
        log.append([critical(2)]).result()
        assert owed(log, "four") == []


@sqlite_only
def test_a_commit_that_fails_owes_nobody_anything(tmp_path: Path) -> None:
    """What the ledger has in memory goes back with the transaction."""
    with opened_file(tmp_path) as log:
        log.meet("app").result()

        def fail(*_: Any, **__: Any) -> None:
            raise sqlite3.OperationalError("no")

        found = log._writer._ledger
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(found, "_bury", fail)
            patch.setattr(found, "_kept", 0)
            assert log.append([critical(1)]).exception() is not None
        assert owed(log) == []
        log.append([critical(1)]).result()
        assert owed(log) == [1]
        assert found._waiting == {1: 1}


@sqlite_only
def test_a_log_of_the_first_format_is_brought_up_to_date(tmp_path: Path) -> None:
    """With everything in it."""
    with opened_file(tmp_path) as log:
        log.append([critical(1)]).result()
        epoch = log.position(ORDERS).epoch
    connection = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    for table in ("consumers", "criticals", "unacked", "dead_letters", "inboxes", "judged", "notebook"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with opened_file(tmp_path) as log:
        assert log.position(ORDERS).epoch == epoch
        log.meet("app").result()
        log.append([critical(2)]).result()
        assert owed(log) == [2]


@sqlite_only
def test_uncritical_events_cost_no_statement_more(tmp_path: Path) -> None:
    """The ledger isn't asked at all."""
    with opened_file(tmp_path, on_commit=Commits()) as log, pytest.MonkeyPatch.context() as patch:
        log.meet("app").result()
        asked: list[Any] = []
        patch.setattr(log._writer._ledger, "note", lambda *_, **__: asked.append(1))
        log.append([accepted(number) for number in range(100)]).result()
        assert asked == []
        log.append([critical(200)]).result()
        assert asked == [1]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.integers(1, 4)),
        st.tuples(st.just("ack"), st.sampled_from(["a", "b"]), st.integers(1, 30)),
        st.tuples(st.just("meet"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("restart")),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_the_ledger_agrees_with_a_model(steps: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever happens in which order: owed, settled or a dead letter, never lost and never twice."""
    folder = tmp_path_factory.mktemp("ledger")
    model: dict[str, deque[int]] = {}
    dead: list[tuple[str, int]] = []
    top = 0
    log = open_log(folder, retention_events=5, critical_kept=5)
    try:
        for step in steps:
            match step:
                case ("store", count):
                    log.append([critical(top + n + 1) for n in range(count)]).result()
                    for name, waiting in model.items():
                        waiting.extend(range(top + 1, top + count + 1))
                        while len(waiting) > 5:
                            dead.append((name, waiting.popleft()))
                    top += count
                case ("ack", name, offset):
                    place = CriticalAt(ORDERS, log.position(ORDERS).epoch, offset)
                    settled = [one.offset for one in log.acknowledge(name, [place]).result()]
                    was_owed = offset in model.get(name, ())
                    assert settled == ([offset] if was_owed else [])
                    if was_owed:
                        model[name].remove(offset)
                case ("meet", name):
                    log.meet(name).result()
                    model.setdefault(name, deque())
                case _:
                    log.close()
                    log = open_log(folder, retention_events=5, critical_kept=5)
            assert {name: owed(log, name) for name in model} == {name: list(waiting) for name, waiting in model.items()}
        assert [(one.consumer, one.offset) for one in log.dead_letters(limit=1000)[0]][::-1] == dead or len(model) > 1
        assert sorted((one.consumer, one.offset) for one in log.dead_letters(limit=1000)[0]) == sorted(dead)
    finally:
        log.close()
