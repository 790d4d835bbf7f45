"""Preferences: what goes where, quiet hours by a person's own clock, mutes that end, nonsense refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import NoticeError
from realtime.notifications.model import ABOUTS, RANKS, Severity
from realtime.notifications.preferences import (
    MAX_MUTE_S,
    Mute,
    Preferences,
    Threshold,
    Thresholds,
    active_mutes,
    decide,
    muted,
    read_preferences,
    unmuted,
    updated,
)
from realtime.notifications.quiet import QuietHours, is_quiet, quiet_until
from tests.notifications.making import NOW, notice

_NIGHT = QuietHours(start="22:00", end="07:00", zone="Europe/Berlin")
_thresholds = st.builds(
    Thresholds,
    centre=st.sampled_from(get_args(Threshold)), toast=st.sampled_from(get_args(Threshold)),
    sound=st.sampled_from(get_args(Threshold)),
)  # fmt: skip
_mutes = st.lists(
    st.builds(
        Mute, st.sampled_from(["collection:orders", "rule:r", "about:system", "row:k"]), st.just(NOW + 60)
    ), max_size=3,
).map(tuple)  # fmt: skip
_preferences = st.builds(
    Preferences, collections=_thresholds, people=_thresholds, system=_thresholds, connection=_thresholds,
    quiet_hours=st.none() | st.just(_NIGHT), mutes=_mutes, toasts=st.booleans(), sound=st.booleans(),
    routine=st.booleans(),
)  # fmt: skip


def at(text: str, zone: str = "Europe/Berlin", *, fold: int = 0) -> float:
    """Return the moment when a wall clock in a zone shows a time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@given(_preferences, st.sampled_from(ABOUTS), st.floats(NOW - 1e6, NOW + 1e6))
def test_what_is_critical_always_comes_through(preferences: Preferences, about: str, now: float) -> None:
    """No threshold, mute, quiet hour or switch keeps it away; a sound only comes to who has sound on."""
    found = decide(notice(severity="critical", about=about, rule="r"), preferences, now, person="ann")
    assert (found.centre, found.toast, found.banner, found.sound) == (True, True, True, preferences.sound)


@given(_preferences, st.sampled_from(sorted(RANKS)), st.sampled_from(ABOUTS), st.booleans())
def test_whatever_is_heard_is_in_the_centre(
    preferences: Preferences, severity: Severity, about: str, is_routine: bool
) -> None:
    """And every decision says why; a banner is for what is critical alone."""
    found = decide(notice(severity=severity, about=about, is_routine=is_routine), preferences, NOW)
    assert found.centre or not (found.toast or found.sound)
    assert found.banner is (severity == "critical")
    assert found.reason


@pytest.mark.parametrize(
    ("changes", "more", "centre", "toast", "reason"),
    [
        ({}, {}, True, True, "as you chose"),
        ({}, {"is_routine": True}, False, False, "everyday"),
        ({"routine": True}, {"is_routine": True}, True, False, "everyday"),
        ({"toasts": False}, {}, True, False, "only in the centre"),
        ({"collections": {"toast": "error"}}, {}, True, False, "only in the centre"),
        ({"collections": {"centre": "error", "toast": "error"}}, {}, False, False, "below"),
        ({"people": {"centre": "error", "toast": "error"}}, {}, True, True, "as you chose"),
        ({"collections": {"centre": "off", "toast": "off", "sound": "off"}}, {}, False, False, "below"),
        ({"mutes": [{"what": "collection:orders", "until": NOW + 9}]}, {}, True, False, "is muted"),
        ({"mutes": [{"what": "rule:other", "until": NOW + 9}]}, {}, True, True, "as you chose"),
        ({}, {"severity": "success", "kind": "success", "actor": "ann"}, True, False, "your own"),
        ({}, {"severity": "success", "kind": "success", "actor": "bob"}, True, True, "as you chose"),
        ({}, {"severity": "error", "kind": "error", "actor": "ann"}, True, True, "as you chose"),
    ],
)
def test_a_notification_goes_where_its_person_wants_it(
    changes: dict[str, Any], more: dict[str, Any], centre: bool, toast: bool, reason: str
) -> None:
    """The first reason that speaks against a channel is told."""
    preferences = updated(Preferences(), changes, now=NOW)
    found = decide(notice(**more), preferences, NOW, person="ann")
    assert (found.centre, found.toast) == (centre, toast)
    assert reason in found.reason


def test_it_is_quiet_by_the_persons_own_clock_over_midnight() -> None:
    """In the centre all the same."""
    preferences = updated(Preferences(), {"quiet_hours": msgspec.to_builtins(_NIGHT)}, now=NOW)
    for text, quiet in (("21:59", False), ("22:00", True), ("00:30", True), ("06:59", True), ("07:00", False)):
        now = at(f"2026-01-15T{text}")
        found = decide(notice(), preferences, now)
        assert (found.centre, found.toast) == (True, not quiet), text
        assert is_quiet(msgspec.structs.replace(_NIGHT, is_on=False), now) is False
    assert quiet_until(_NIGHT, at("2026-01-15T23:00")) == at("2026-01-16T07:00")
    assert quiet_until(_NIGHT, at("2026-01-15T12:00")) is None


def test_quiet_hours_follow_the_change_of_the_clock() -> None:
    """In spring the night is an hour shorter, in autumn an hour longer; its end is at seven by the wall both times."""
    spring, autumn = at("2026-03-28T22:00"), at("2026-10-24T22:00")
    assert (quiet_until(_NIGHT, spring) or 0) - spring == 8 * 3600
    assert (quiet_until(_NIGHT, autumn) or 0) - autumn == 10 * 3600
    skipped = QuietHours(start="01:00", end="02:30", zone="Europe/Berlin")
    assert quiet_until(skipped, at("2026-03-29T01:30")) is not None
    twice = QuietHours(start="02:10", end="02:30", zone="Europe/Berlin")
    assert [is_quiet(twice, at("2026-10-25T02:15", fold=fold)) for fold in (0, 1)] == [True, True]


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"]),
    st.times(), st.times(), st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1)),
)  # fmt: skip
def test_quiet_always_ends(zone: str, start: Any, end: Any, moment: datetime) -> None:
    """Within two days, into a moment that isn't quiet, and all until then is, but for a clock set back."""
    hours = QuietHours(start=f"{start:%H:%M}", end=f"{end:%H:%M}", zone=zone)
    now = moment.replace(tzinfo=UTC).timestamp()
    until = quiet_until(hours, now)
    if hours.start == hours.end:
        return
    assert (until is not None) is is_quiet(hours, now)
    if until is not None:
        assert now < until <= now + 49 * 3600
        assert not is_quiet(hours, until)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"colour": "red"}, "There is no preference 'colour'"),
        ({"sound": "loud"}, "make no sense: sound: Expected `bool`"),
        ({"people": {"centre": "loud"}}, "people.centre"),
        ({"people": {"centre": "error", "toast": "info"}}, "whatever is heard has to be in the centre"),
        ({"people": {"centre": "off", "toast": "off", "sound": "error"}}, "the sound would come"),
        ({"quiet_hours": {"start": "25:00", "end": "07:00", "zone": "UTC"}}, "begin at '25:00'"),
        ({"quiet_hours": {"start": "22:00", "end": "7", "zone": "UTC"}}, "end at '7'"),
        ({"quiet_hours": {"start": "22:00", "end": "22:00", "zone": "UTC"}}, "begin and end at 22:00"),
        ({"quiet_hours": {"start": "22:00", "end": "07:00", "zone": "Mars/Olympus"}}, "isn't a time zone"),
        ({"quiet_hours": {"start": "22:00", "end": "07:00", "zone": "../etc/passwd"}}, "isn't a time zone"),
        ({"quiet_hours": {"start": "22:00", "end": "07:00", "zone": ""}}, "isn't a time zone"),
        ({"mutes": [{"what": "everything", "until": NOW + 1}]}, "can't be muted"),
        ({"mutes": [{"what": "about:weather", "until": NOW + 1}]}, "it is about"),
        ({"mutes": [{"what": "rule:x", "until": NOW}]}, "end before it begins"),
        ({"mutes": [{"what": "rule:x", "until": NOW + MAX_MUTE_S * 2}]}, "longer than 30 days"),
        ({"mutes": [{"what": f"rule:{n}", "until": NOW + 1} for n in range(60)]}, "at most 50 mutes"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    """Which names the culprit, and ends like one."""
    with pytest.raises(NoticeError) as caught:
        updated(Preferences(), changes, now=NOW)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_a_mute_without_an_end_is_refused() -> None:
    """Kept preferences may have mutes that ended meanwhile, but none that never do."""
    with pytest.raises(NoticeError, match="needs an end"):
        read_preferences({"mutes": [{"what": "rule:x", "until": float("inf")}]})
    assert len(read_preferences({"mutes": [{"what": "rule:x", "until": 5.0}]}).mutes) == 1


def test_mutes_end_by_themselves_and_can_be_ended() -> None:
    """Muted again, the later word counts; those that ended are forgotten with the next change."""
    one = muted(Preferences(), "rule:a", until=NOW + 10, now=NOW)
    two = muted(muted(one, "rule:b", until=NOW + 5, now=NOW), "rule:a", until=NOW + 90, now=NOW)
    assert [(mute.what, mute.until) for mute in active_mutes(two, now=NOW)] == [
        ("rule:b", NOW + 5),
        ("rule:a", NOW + 90),
    ]
    assert [mute.what for mute in active_mutes(two, now=NOW + 5)] == ["rule:a"]
    assert len(updated(two, {"sound": True}, now=NOW + 5).mutes) == 1
    assert unmuted(two, "rule:b").mutes == (Mute("rule:a", NOW + 90),)


@given(_preferences)
def test_preferences_survive_json(preferences: Preferences) -> None:
    """Those that make sense come back as they were."""
    value = msgspec.json.decode(msgspec.json.encode(preferences))
    try:
        assert read_preferences(value, now=NOW) == preferences
    except NoticeError as error:
        assert "whatever is heard" in str(error)
