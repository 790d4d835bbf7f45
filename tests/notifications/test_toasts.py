"""Toasts: three at most, times that stand still, one key one toast, and none that isn't wanted."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from realtime.notifications import toasts as plans
from realtime.notifications.model import Notification, Severity
from realtime.notifications.preferences import Preferences, decide
from realtime.notifications.toasts import KEYS_KEPT, VISIBLE, Toasts
from tests.notifications.making import NOW, notice


def show(plan: Toasts, *notices: Notification, at: float = 0.0) -> Toasts:
    """Show notifications to someone who prefers nothing special."""
    for each in notices:
        plan = plans.shown(plan, each, decide(each, Preferences(), NOW, person="ann"), now=NOW + at)
    return plan


def keys(plan: Toasts) -> list[str]:
    """Return the keys of what stands."""
    return [toast.key for toast in plan.visible]


def test_each_severity_has_its_time() -> None:
    """Information and success five seconds, a warning ten, an error until it is sent away."""
    severities: tuple[Severity, ...] = ("info", "success", "warning", "error", "critical")
    plan = Toasts()
    stands = {each: show(plan, notice(severity=each)).visible[0].until for each in severities}
    assert stands == {"info": NOW + 5, "success": NOW + 5, "warning": NOW + 10, "error": None, "critical": None}
    assert show(plan, notice(duration_s=2.0)).visible[0].until == NOW + 2
    assert show(plan, notice(duration_s=2.0, severity="critical")).visible[0].until is None


def test_three_stand_and_the_rest_are_counted() -> None:
    """The newest in front; the least severe makes room, be it the newest."""
    plan = show(Toasts(), *(notice(key) for key in "abcde"))
    assert (keys(plan), plan.more) == (["e", "d", "c"], 2)
    plan = show(plan, notice("f", severity="error"), notice("g", severity="error"), notice("h", severity="error"))
    plan = show(plan, notice("i", severity="info"))
    assert (keys(plan), plan.more) == (["h", "g", "f"], 6)
    assert (plans.centre_opened(plan).visible, plans.centre_opened(plan).more) == ((), 0)


def test_the_same_key_within_a_minute_updates_its_toast() -> None:
    """Its time begins anew; after the minute it is counted from one, unless it still stands."""
    plan = show(Toasts(), notice("a"), notice("b"))
    plan = show(plan, notice("a", title="newer"), at=3)
    toast = plan.visible[1]
    assert (toast.key, toast.title, toast.count, toast.until) == ("a", "newer", 2, NOW + 13)
    assert [each.count for each in show(plan, notice("a"), at=30).visible] == [3]
    assert [each.count for each in show(plan, notice("a"), at=61).visible] == [1]
    error = show(Toasts(), notice("e", severity="error"))
    assert show(error, notice("e", severity="error"), at=500).visible[0].count == 2


def test_what_was_sent_away_stays_away_for_its_minute() -> None:
    """But for what is critical."""
    plan = plans.dismissed(show(Toasts(), notice("a")), "a", now=NOW)
    assert keys(show(plan, notice("a"), at=30)) == []
    assert keys(show(plan, notice("a", severity="critical"), at=30)) == ["a"]
    assert keys(show(plan, notice("a"), at=61)) == ["a"]


def test_a_storm_of_one_key_is_one_toast() -> None:
    """Once it has gone it isn't brought back for what comes more than twenty times a minute."""
    plan = Toasts()
    for second in range(200):
        plan = show(plan, notice("a", offset=second), at=second / 10)
    assert plan.visible[0].count == 200
    gone = plans.expired(plan, now=NOW + 31)
    assert keys(gone) == []
    assert keys(show(gone, notice("a"), at=32)) == []


def test_no_toast_for_what_is_routine_or_ones_own_success() -> None:
    """Nor for what preferences keep in the centre."""
    own = notice(severity="success", actor="ann")
    assert keys(show(Toasts(), notice(is_routine=True), own)) == []


def test_timers_stand_still_while_they_are_held() -> None:
    """For as long as the pointer stays, for toasts that came meanwhile, too."""
    plan = plans.held(show(Toasts(), notice("a", severity="info")), now=NOW + 4)
    assert plans.next_change_at(plan) is None
    plan = show(plan, notice("b", severity="info"), at=50)
    assert keys(plans.expired(plan, now=NOW + 60)) == ["b", "a"]
    plan = plans.released(plan, now=NOW + 60)
    assert [toast.until for toast in plan.visible] == [NOW + 65, NOW + 61]
    assert plans.next_change_at(plan) == NOW + 61
    assert keys(plans.expired(plan, now=NOW + 61)) == ["b"]


def test_a_toast_goes_when_its_row_was_dealt_with_elsewhere() -> None:
    """And leaves the rest as they are."""
    plan = plans.withdrawn(show(Toasts(), notice("a"), notice("b")), "a")
    assert keys(plan) == ["b"]


def _stepped(plan: Toasts, step: str, *, key: str, now: float) -> Toasts:
    if step == "withdraw":
        return plans.withdrawn(plan, key)
    if step == "dismiss":
        return plans.dismissed(plan, key, now=now)
    return {"hold": plans.held, "release": plans.released, "expire": plans.expired}[step](plan, now=now)


_steps = st.tuples(
    st.sampled_from(["show", "dismiss", "hold", "release", "expire", "withdraw"]), st.sampled_from("abcdef"),
    st.sampled_from(["info", "warning", "error", "critical"]), st.integers(0, 20),
)  # fmt: skip


@given(st.lists(_steps, max_size=60))
def test_any_steps_keep_the_plan_bounded(steps: list[Any]) -> None:
    """At most three, no key twice, an error only ever gone by someone's hand or for one as severe."""
    plan, now = Toasts(), NOW
    for step, key, severity, seconds in steps:
        now += seconds
        if step == "show":
            each = notice(key, severity=severity, at=now)
            plan = plans.shown(plan, each, decide(each, Preferences(), now), now=now)
            assert severity != "critical" or key in keys(plan)
        else:
            plan = _stepped(plan, step, key=key, now=now)
        assert len(plan.visible) <= VISIBLE
        assert len(set(keys(plan))) == len(plan.visible)
        assert plan.visible or not plan.more


def test_ten_thousand_keys_are_remembered_in_the_room_of_a_few() -> None:
    """The oldest are forgotten."""
    plan = show(Toasts(), *(notice(f"k{n}") for n in range(10_000)))
    assert len(plan.lately) == KEYS_KEPT
    assert plan.more == 9_997


def test_a_sound_is_counted_with_its_toast_and_without_one() -> None:
    """Whoever sees the count rise plays one; what is put off for its storm or was sent away makes none."""
    loud = Preferences(sound=True)
    each = notice("a", severity="error")
    plan = plans.shown(Toasts(), each, decide(each, loud, NOW), now=NOW)
    assert plan.rung == 1
    plan = plans.dismissed(plan, "a", now=NOW)
    assert plans.shown(plan, each, decide(each, loud, NOW), now=NOW).rung == 1
    quiet = Preferences(sound=True, toasts=False)
    assert plans.shown(Toasts(), each, decide(each, quiet, NOW), now=NOW).rung == 1
    assert plans.shown(Toasts(), each, decide(each, Preferences(), NOW), now=NOW).rung == 0
