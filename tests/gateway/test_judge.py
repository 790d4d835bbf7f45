"""Judging: whom what reaches, what stands for those who come later, and that restarts change nothing."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.gateway import judge as judging
from realtime.gateway.judge import STANDING_S
from realtime.gateway.role_tables import rights_from
from realtime.notifications.commands import Acknowledge
from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.rules import Pattern, Rate, plain_rule
from realtime.protocol.events import data_of
from realtime.sample.day import read_day
from realtime.sample.timeline import timeline
from tests.gateway.inboxing import met, posted, preferring
from tests.gateway.judging import Desk
from tests.gateway.making import NOON, envelope

DELETED = "info collections orders"


def gone(number: int | str, **more: Any) -> dict[str, Any]:
    """Make an event that deserves notice."""
    return envelope(number, "deleted", **more)


def fault(number: int, severity: str = "high", **more: Any) -> dict[str, Any]:
    """Make an error of the watched system."""
    data = {"error": f"disk {number}", "severity": severity}
    return {"specversion": "1.0", "id": f"f{number}", "source": "/t", "type": "system:error", "data": data, **more}


_SHARE = Rate(window_s=60, above=0.5, clear_below=0.2, minimum=4, among=Pattern(("collection:created",), ("orders",)))
FLAKY = plain_rule(
    "flaky", "collection:updated", "critical", "{share} of orders fail", "{hits} of {sample}", collections=("orders",),
    group="failing orders", rate=_SHARE,
)  # fmt: skip


def failing(desk: Desk, *, first: int = 0) -> None:
    """Let more orders fail than may."""
    desk.take(*(envelope(first + n, "updated") for n in range(6)))


def test_notices_reach_people_from_the_moment_they_are_met() -> None:
    """Within one batch, too; whoever only said what they prefer is met by that."""
    desk = Desk()
    desk.take(gone(1))
    assert desk.inboxes == {}
    desk.take(gone(2), met("ann"), gone(3), preferring("bob"), gone(4), met("ann"), gone(5))
    assert {user: inbox.total for user, inbox in desk.inboxes.items()} == {"ann": 3, "bob": 2}
    assert desk.keys("ann") == {DELETED}


def test_many_events_of_a_batch_are_one_command() -> None:
    """With all their positions, the same for all who hear the same."""
    desk = Desk()
    desk.take(met("ann"), met("bob"), preferring("eve", sound=True))
    for number in range(300):
        desk.judge.take(desk.stored(gone(number)), now=NOON)
    verdict = desk.keep()
    assert verdict is not None
    assert [(users, len(commands)) for users, commands in verdict.told] == [(("ann", "bob"), 1), (("eve",), 1)]
    assert {inbox.total for inbox in desk.inboxes.values()} == {300}


def test_preferences_hold_from_the_event_after_them() -> None:
    """In the order of the log."""
    desk = Desk()
    off = {"centre": "off", "toast": "off", "sound": "off"}
    desk.take(met("ann"), gone(1), preferring("ann", 1, collections=off), gone(2), preferring("ann", 2), gone(3))
    assert desk.inboxes["ann"].total == 2
    desk.take(envelope(9, "created"), preferring("ann", 3, routine=True), envelope(10, "created"))
    assert desk.inboxes["ann"].total == 3


def test_audiences_are_persons_and_roles() -> None:
    """A person has the roles they were met with last."""
    rules = [
        plain_rule("own", "collection:deleted", "warning", "yours", "", audience="person:{actor}", group="own"),
        plain_rule("ops", "collection:deleted", "warning", "ops", "", audience="role:ops", group="ops"),
    ]
    desk = Desk(rules)
    desk.take(met("ann"), met("bob", roles=("ops",)), gone(1, actor="ann"))
    assert (desk.keys("ann"), desk.keys("bob")) == ({"own"}, {"ops"})
    again = {
        **met("bob"),
        "id": "meet:bob:2",
        "data": {"user": "bob", "command": {"do": "meet", "id": "meet:bob:2", "at": NOON + 1}},
    }
    desk.take(again, gone(2))
    assert desk.inboxes["bob"].total == 1


def test_who_comes_later_is_told_what_stands() -> None:
    """Alarms, and criticals that nobody acknowledged; not what is over, taken on, ordinary or old."""
    desk = Desk([*DEFAULT_RULES, FLAKY])
    desk.take(met("ann"), fault(1), gone(1))
    desk.take({**fault(2), "data": {"error": "x", "severity": "low"}})
    failing(desk)
    desk.take(met("bob"))
    assert desk.keys("bob") == {"failing orders", "error system –"}
    assert desk.inboxes["bob"].alarms == (("flaky", "failing orders"),)
    desk.take(met("bob"), preferring("bob", 2))
    assert len(desk.given["bob"]) == 2
    taken = Acknowledge(id="a", at=NOON, keys=("failing orders", "error system –"), who="ann")
    desk.take(posted("ann", taken))
    desk.take(met("eve"))
    assert desk.keys("eve") == {"failing orders"}, "an alarm that somebody took on stands all the same"
    desk.tick(130)
    desk.take(met("may"))
    assert desk.keys("may") == set()
    assert desk.inboxes["ann"].rows["failing orders"].cleared_at is not None
    desk.take(fault(3))
    desk.tick(STANDING_S + 1)
    desk.take(met("sue"))
    assert desk.keys("sue") == set()
    assert [name for name in desk.notes if name.startswith("standing")] == []


def test_a_standing_alarm_is_told_in_its_newest_words() -> None:
    """Who comes later reads what is true now."""
    desk = Desk([FLAKY])
    failing(desk)
    desk.now += 10
    desk.take(envelope(100, "created"))
    desk.take(met("ann"))
    assert desk.inboxes["ann"].rows["failing orders"].newest.title == "86 % of orders fail"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wasn't met for longest is forgotten, and the oldest that stands."""
    monkeypatch.setattr(judging, "PERSONS_KEPT", 3)
    monkeypatch.setattr(judging, "STANDING_KEPT", 3)
    desk = Desk([plain_rule("own", "system:error", "critical", "x", "", group="{error}")])
    for n in range(6):
        desk.take(met(f"p{n}"), fault(n))
    assert desk.judge.people == 3
    assert sorted(name for name in desk.notes if name.startswith("person")) == ["person p3", "person p4", "person p5"]
    assert len([name for name in desk.notes if name.startswith("standing")]) == 3
    desk.take(met("p0"))
    assert desk.keys("p0") == {f"disk {n}" for n in range(6)}, "what was told before, and what stands"


def test_events_that_were_trimmed_are_said_to_everybody() -> None:
    """How many, of what; what comes after them is judged."""
    desk = Desk()
    desk.take(met("ann"), gone(1))
    desk.judge.lost("collection:orders", epoch="e", upto=41, now=NOON)
    desk.tops["collection:orders"] = 41
    desk.take(gone(42))
    row = desk.inboxes["ann"].rows["unjudged collection:orders"]
    assert row.newest.title == "40 events of collection:orders were never judged for notices"
    assert desk.inboxes["ann"].rows[DELETED].total == 2
    assert desk.offsets["collection:orders"] == 42


def test_a_rule_that_is_gone_ends_its_alarms() -> None:
    """Else they would stand for ever; one whose window changed goes on standing until it is over."""
    desk = Desk([FLAKY])
    desk.take(met("ann"))
    failing(desk)
    desk.rules = [msgspec.structs.replace(FLAKY, rate=msgspec.structs.replace(_SHARE, window_s=30))]
    desk.restart()
    desk.keep()
    assert desk.inboxes["ann"].alarms == (("flaky", "failing orders"),)
    failing(desk, first=100)
    assert len([command for command in desk.given["ann"] if command.id.startswith("add")]) == 1
    desk.rules = DEFAULT_RULES
    desk.restart()
    desk.keep()
    row = desk.inboxes["ann"].rows["failing orders"]
    assert (row.cleared_at, row.cleared_why) == (NOON, "the rule 'flaky' is gone")
    assert [name for name in desk.notes if name.startswith(("gauge", "standing"))] == []


def test_nobody_is_told_of_what_they_may_not_see() -> None:
    """Nothing of other collections; of documents with rows or fields kept back only what is seen of them."""
    tables: dict[str, Any] = {
        "north": {
            "actions": ["read"], "collections": ["orders"],
            "where": [{"field": "region", "op": "==", "value": "north"}],
        },
        "masked": {"actions": ["read"], "collections": ["orders"], "hide": ["total"]},
        "all": {"actions": ["read"], "collections": ["*"]},
        "none": {"actions": ["read"], "collections": ["other"]},
    }  # fmt: skip
    large = plain_rule(
        "large", "collection:created", "warning", "{id}: {total}", "", collections=("orders",), group="{id}",
    )  # fmt: skip
    desk = Desk([large, FLAKY], rights=rights_from(tables))
    desk.take(*(met(name, roles=(name,)) for name in (*tables, "admin")))

    def order(number: int, region: str) -> dict[str, Any]:
        data = {"collection": "orders", "document": {"id": f"d{number}", "region": region, "total": 9}}
        return envelope(number, "created", data=data)

    desk.take(order(1, "north"), order(2, "south"))
    assert {name: desk.keys(name) for name in (*tables, "admin")} == {
        "north": {"d1"}, "masked": {"d1", "d2"}, "all": {"d1", "d2"}, "none": set(), "admin": {"d1", "d2"},
    }  # fmt: skip
    titles = [desk.inboxes[name].rows["d1"].newest.title for name in ("north", "masked")]
    assert titles == ["d1: 9", "d1: –"]
    failing(desk, first=10)
    assert {name for name in (*tables, "admin") if "failing orders" in desk.keys(name)} == {"all", "admin"}
    desk.take(met("late", roles=("masked",)), met("new", roles=("all",)))
    assert (desk.keys("late"), desk.keys("new")) == (set(), {"failing orders"})


def test_a_notice_tells_nothing_of_how_much_is_not_seen() -> None:
    """Who sees some rows only is told positions that count what they are told of, also after a restart."""
    where = [{"field": "region", "op": "==", "value": "north"}]
    rights = rights_from({"north": {"actions": ["read"], "collections": ["orders"], "where": where}})
    new = plain_rule("new", "collection:created", "warning", "{id}", "", collections=("orders",), group="{id}")
    desk = Desk([new], rights=rights)
    desk.take(met("ann", roles=("north",)), met("root", roles=("admin",)))
    for number, region in enumerate(["north", "south", "south", "north", "south", "north"]):
        data = {"collection": "orders", "document": {"id": f"d{number}", "region": region}}
        desk.take(envelope(number, "created", data=data))
        desk.restart()
    told = {user: [row.newest.source for row in desk.inboxes[user].rows.values()] for user in ("ann", "root")}
    assert sorted(source.offset for source in told["ann"] if source) == [1, 2, 3]
    assert sorted(source.offset for source in told["root"] if source) == [1, 2, 3, 4, 5, 6]
    assert {source.epoch for source in told["root"] if source} == {"e"}
    assert "e" not in {source.epoch for source in told["ann"] if source}


def test_nothing_is_stored_for_events_that_mean_nothing_to_anybody() -> None:
    """How far things were judged waits for something to be told, or for its time."""
    desk = Desk()
    desk.take(met("ann"))
    for number in range(50):
        desk.judge.take(desk.stored(envelope(number)), now=NOON)
    assert desk.keep(is_due=False) is None
    verdict = desk.keep()
    assert verdict is not None
    assert (verdict.told, verdict.offsets, verdict.notes) == ((), {"collection:orders": 50}, {})
    assert desk.keep() is None


@cache
def _day() -> tuple[tuple[dict[str, Any], float], ...]:
    """Tell the sample day as it is played, sixty times faster than life."""
    return tuple(
        (
            {
                "specversion": "1.0", "id": str(n), "source": "/t", "type": moment.event.TYPE,
                "data": data_of(moment.event),
            },
            NOON + moment.offset_s / 60,
        )
        for n, moment in enumerate(timeline(read_day()))
    )  # fmt: skip


def _judged(restarts: set[int]) -> Desk:
    """Judge the sample day for one person, restarting before some of its events."""
    desk = Desk()
    desk.take(met("ann"))
    for number, (event, at) in enumerate(_day()):
        desk.now = at
        stored = desk.stored(event, at=at)
        if number in restarts:
            # Killed: what wasn't kept is judged again from where it was, with the documents of that moment.
            desk.restart()
            desk.judge.watch.remember("flights", _documents(number))
        desk.judge.take(stored, now=at)
        desk.keep(is_due=number + 1 in restarts)
    desk.tick(1_900)
    return desk


@cache
def _documents(upto: int) -> list[dict[str, Any]]:
    """Return the flights as they are before an event of the day."""
    flights: dict[str, dict[str, Any]] = {}
    for event, _ in _day()[:upto]:
        data = event["data"]
        if data.get("collection") != "flights":
            continue
        if "document" in data:
            flights[data["document"]["id"]] = data["document"]
        else:
            flights.pop(data["id"], None)
    return list(flights.values())


_uninterrupted = cache(lambda: _judged(set()))


def test_the_sample_day_is_a_handful_of_rows() -> None:
    """And one alarm for each airport, over in the end."""
    inbox = _uninterrupted().inboxes["ann"]
    cancelled = [row for key, row in inbox.rows.items() if key.startswith("flights cancelled")]
    assert sum(row.count for row in cancelled) == 472
    assert len(inbox.rows) == 6
    assert inbox.alarms == ()


@settings(max_examples=4, deadline=None)
@given(st.sets(st.integers(1, 2_500), min_size=1, max_size=6))
def test_restarts_at_any_moment_change_nothing(restarts: set[int]) -> None:
    """Every command is the same: rates go on counting where they were."""
    assert _judged(restarts).given == _uninterrupted().given
