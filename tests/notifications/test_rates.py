"""Rates: a sliding window of event time, crossed once, over once, bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.notifications.model import Cleared, Notification, Retold, Signal
from realtime.notifications.rates import BUCKETS, Gauge, Window
from realtime.notifications.rules import Condition, Pattern, Rate, Rule, plain_rule
from realtime.notifications.watch import Watch
from tests.notifications.making import NOW, deleted, updated

_SHARE = Rate(window_s=300, above=0.5, clear_below=0.25, minimum=4, among=Pattern(("collection:updated",)))


def _share_rule(rate: Rate = _SHARE) -> Rule:
    return plain_rule(
        "gone", "collection:deleted", "critical", "{share} gone", "{hits} of {sample} in {window}",
        group="gone {place}", rate=rate,
    )  # fmt: skip


def _told(signals: tuple[Signal, ...] | list[Signal]) -> list[str]:
    return [type(signal).__name__ for signal in signals]


@given(st.lists(st.tuples(st.booleans(), st.integers(-400, 400)), max_size=60))
def test_a_window_counts_what_lies_in_its_buckets(steps: list[tuple[bool, int]]) -> None:
    """In any order, with late ones: the same as counting again from all that came. Never more than thirty buckets."""
    window, width, newest = Window(300.0), 10, None
    log: list[tuple[int, bool]] = []
    for is_hit, seconds in steps:
        at = NOW + seconds
        bucket = int(at // width)
        newest = bucket if newest is None else max(newest, bucket)
        counted = window.add(is_hit=is_hit, at=at)
        assert counted is (bucket > newest - BUCKETS)
        if counted:
            log.append((bucket, is_hit))
        alive = [hit for place, hit in log if place > newest - BUCKETS]
        assert (window.total, window.hits) == (len(alive), sum(alive))
        assert len(window) <= BUCKETS


def test_a_window_begins_anew_when_time_is_quite_another() -> None:
    """One event from next year doesn't end the counting for a year."""
    window = Window(300.0)
    window.add(is_hit=True, at=NOW + 1e8)
    assert [window.add(is_hit=True, at=NOW + second) for second in range(3)] == [True] * 3
    assert window.total == 3


@given(st.lists(st.booleans(), max_size=80))
def test_a_gauge_crosses_and_ends_by_turns(hits: list[bool]) -> None:
    """Never twice the same; crossed above the one bound with enough of a sample, over below the other."""
    gauge, told = Gauge(_SHARE), []
    for second, is_hit in enumerate(hits):
        gauge.window.add(is_hit=is_hit, at=NOW + second * 15)
        verdict = gauge.judge()
        if verdict == "crossed":
            assert gauge.value > 0.5
            assert gauge.window.total >= 4
        if verdict == "over":
            assert gauge.value < 0.25
        told += [verdict] if verdict in ("crossed", "over") else []
    assert told == ["crossed", "over"] * (len(told) // 2) + ["crossed"] * (len(told) % 2)


def _watched() -> Watch:
    watch = Watch((_share_rule(),))
    watch.remember("orders", [{"id": str(number), "place": "Rome"} for number in range(100)])
    return watch


def test_a_share_is_told_once_and_clears_itself() -> None:
    """Between the two bounds it stands, with newer numbers now and then; events that come again count nothing."""
    watch = _watched()
    signals: list[Signal] = []
    facts = [deleted(str(number), offset=number, at=NOW + number) for number in range(4)]
    for each in facts:
        signals += watch.take(each)
    assert _told(signals) == ["Notification"]
    (raised,) = signals
    assert isinstance(raised, Notification)
    assert (raised.title, raised.message, raised.key) == ("100 % gone", "4 of 4 in 5 min", "gone Rome")
    assert raised.is_alarm
    assert [watch.take(each) for each in facts] == [()] * 4
    assert list(watch.standing) == ["gone Rome"]
    after = [watch.take(updated({"id": str(n), "place": "Rome"}, offset=n, at=NOW + n * 5)) for n in range(10, 23)]
    kinds = [kind for signals in after for kind in _told(signals)]
    assert kinds[-1] == "Cleared"
    assert set(kinds[:-1]) == {"Retold"}
    assert not watch.standing


def test_a_rate_ends_when_nothing_comes_any_more() -> None:
    """Time alone does it, at the pace of the present."""
    watch = _watched()
    for number in range(4):
        watch.take(deleted(str(number), offset=number, at=NOW + number))
    assert watch.tick(NOW + 290) == ()
    (over,) = watch.tick(NOW + 320)
    assert isinstance(over, Cleared)
    assert over.key == "gone Rome"
    assert watch.tick(NOW + 330) == ()


def test_an_adopted_alarm_is_not_told_again_and_can_end() -> None:
    """After a restart the window is empty: that alone isn't a recovery."""
    watch = _watched()
    watch.adopt([("gone", "gone Rome"), ("unknown", "x")], now=NOW)
    assert _told(watch.take(updated({"id": "1", "place": "Rome"}, offset=1, at=NOW + 1))) in ([], ["Retold"])
    for number in range(2, 6):
        assert "Notification" not in _told(watch.take(deleted(str(number), offset=number, at=NOW + number)))
    assert _told(watch.tick(NOW + 400)) == ["Cleared"]


def test_an_adopted_alarm_of_which_nothing_is_seen_ends_after_a_window() -> None:
    """Not before."""
    watch = _watched()
    watch.adopt([("gone", "gone Rome")], now=NOW)
    assert watch.tick(NOW + 299) == ()
    assert _told(watch.tick(NOW + 301)) == ["Cleared"]


def test_a_count_is_crossed_above_its_number() -> None:
    """And over below the lower one, by the events' own time."""
    rate = Rate(window_s=60, above=3, clear_below=2)
    watch = Watch((plain_rule("many", "collection:updated", "warning", "{share}", "", group="many", rate=rate),))
    told = [_told(watch.take(updated({"id": "1"}, offset=n, at=NOW + n))) for n in range(5)]
    assert told[:4] == [[], [], [], ["Notification"]]
    assert "Cleared" in _told(watch.take(updated({"id": "1"}, offset=9, at=NOW + 62)) + watch.tick(NOW + 130))


def test_a_field_may_tell_the_time() -> None:
    """A day that is played faster than life keeps its own pace."""
    rate = Rate(window_s=300, above=1, clear_below=1, time=("due",))
    watch = Watch((plain_rule("many", "collection:updated", "warning", "t", "", group="many", rate=rate),))
    hours = [f"2013-02-08T{hour:02}:00:00-05:00" for hour in range(5, 10)]
    told = [watch.take(updated({"id": "1", "due": due}, offset=n, at=NOW + n)) for n, due in enumerate(hours)]
    assert told == [()] * 5


def test_groups_are_bounded_and_one_that_stands_is_kept() -> None:
    """Ten thousand groups take the room of a few; what had no room is counted."""
    rule = plain_rule("many", "collection:updated", "warning", "t", "", group="{id}",
                      rate=Rate(window_s=60, above=1, clear_below=1))  # fmt: skip
    watch = Watch((rule,), groups_kept=10)
    signals = [watch.take(updated({"id": "first"}, offset=n, at=NOW)) for n in range(2)]
    assert _told(signals[1]) == ["Notification"]
    for number in range(10_000):
        watch.take(updated({"id": str(number)}, offset=number + 10, at=NOW))
    assert watch.standing == ("first",)
    assert watch.size <= 10 + 10_001
    assert watch.overflowed == 0


def test_among_may_ask_for_a_change() -> None:
    """Only those that departed are the sample, not every change of a flight."""
    departed = Pattern(("collection:updated",), where=(Condition("status", "changed-to", "departed"),))
    rate = Rate(window_s=300, above=0.5, clear_below=0.25, minimum=3, among=departed)
    watch = Watch((_share_rule(rate),))
    watch.remember("orders", [{"id": str(n), "place": "Rome", "status": "due"} for n in range(9)])
    gone = {"id": "1", "place": "Rome", "status": "departed"}
    signals: list[Signal] = []
    for offset in range(1, 5):
        signals += watch.take(updated(gone, offset=offset))
    for offset in range(5, 8):
        signals += watch.take(deleted(str(offset), offset=offset))
    raised = [signal for signal in signals if isinstance(signal, Notification)]
    assert [each.message for each in raised] == ["2 of 3 in 5 min"]
    assert not any(isinstance(signal, Retold) and "of 7" in signal.message for signal in signals)
