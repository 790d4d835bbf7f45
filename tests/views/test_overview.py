"""The Overview says what the counts say, whatever the clock."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.views import overview
from realtime.views.overview import RANGES, events_over_time, is_empty, numbers
from tests.views.support import NOON, Filler


def _by_key(filler: Filler, *, now: float) -> dict[str, dict[str, object]]:
    return {number["key"]: number for number in numbers(filler.store, now=now)["numbers"]}


def test_an_empty_store_says_nothing_happened() -> None:
    """No division by zero, no delta out of nowhere."""
    found = _by_key(Filler(), now=NOON)
    assert [number["value"] for number in found.values()] == [0, 0, 0, 0, 0]
    assert found["rate"]["deltaText"] == "no change"
    assert found["errors"]["tone"] == "good"
    assert is_empty(Filler().store)


def test_numbers_count_documents_changes_and_collections() -> None:
    """Two created, one deleted, one updated in another collection."""
    filler = Filler()
    filler.many("orders", [{"id": "a"}, {"id": "b"}], now=NOON - 400)
    filler.deleted("orders", "a", now=NOON - 10)
    filler.created("flights", {"id": "x"}, now=NOON - 5)
    found = _by_key(filler, now=NOON)
    assert found["documents"]["value"] == 2
    assert found["documents"]["deltaText"] == "±0 in 5 min"
    assert found["changed"]["value"] == 2
    assert found["changed"]["deltaText"] == "no change"
    assert found["active"]["value"] == 2
    assert not is_empty(filler.store)


def test_the_rate_is_compared_with_the_minute_before() -> None:
    """Three after two is half as much again."""
    filler = Filler()
    for index, at in enumerate([NOON - 100, NOON - 90, NOON - 30, NOON - 20, NOON - 1]):
        filler.created("orders", {"id": str(index)}, now=at)
    rate = _by_key(filler, now=NOON)["rate"]
    assert (rate["value"], rate["deltaText"]) == (3, "+50%")


def test_errors_turn_the_number_bad() -> None:
    """A reported error is told by tone and by count."""
    filler = Filler()
    filler.system("system", "system:error", {"error": "disk", "severity": "high"}, now=NOON - 60)
    errors = _by_key(filler, now=NOON)["errors"]
    assert (errors["value"], errors["tone"]) == (1, "bad")


def test_the_spark_of_documents_ends_at_the_count_of_now() -> None:
    """The level is walked back from now, so it is right for documents that were there before this process."""
    filler = Filler()
    filler.many("orders", [{"id": str(index)} for index in range(10)], now=NOON - 3)
    spark = _by_key(filler, now=NOON)["documents"]["spark"]
    assert isinstance(spark, list)
    assert spark[-1] == 10
    assert spark[0] == 0


@settings(deadline=None)
@given(moments=st.lists(st.floats(0, 290), max_size=40), phase=st.floats(0, 60), span=st.sampled_from(sorted(RANGES)))
def test_every_recent_change_is_in_exactly_one_bar(moments: list[float], phase: float, span: str) -> None:
    """Bars sum to what happened within the range, whatever second of the bar it is now."""
    filler = Filler()
    now = NOON + phase
    for index, age in enumerate(sorted(moments, reverse=True)):
        filler.created("orders", {"id": str(index)}, now=now - age)
    chart = events_over_time(filler.store, now=now, span=span)
    created = next(trace for trace in chart["data"] if trace["name"] == "Created")
    assert sum(created["y"]) == len(moments)
    assert len(created["x"]) == len(created["y"])


@settings(deadline=None)
@given(age=st.integers(0, 240), wait=st.integers(0, 40))
def test_a_bar_keeps_its_height_while_the_window_moves(age: int, wait: int) -> None:
    """Borders of bars are fixed moments: a bar doesn't flicker as the clock goes on."""
    filler = Filler()
    filler.created("orders", {"id": "a"}, now=NOON - age)
    place = []
    for now in (NOON, NOON + wait):
        trace = events_over_time(filler.store, now=now)["data"][0]
        place.append(next(x for x, y in zip(trace["x"], trace["y"], strict=True) if y))
    assert place[0] == place[1]


def test_times_are_of_the_readers_zone_and_named() -> None:
    """Plotly knows no zones: the axis shows local times and says which."""
    filler = Filler()
    here = events_over_time(filler.store, now=NOON, zone="Asia/Tokyo")
    there = events_over_time(filler.store, now=NOON, zone="UTC")
    assert here["data"][0]["x"] != there["data"][0]["x"]
    assert here["layout"]["meta"]["zone"] == "Asia/Tokyo"
    assert events_over_time(filler.store, now=NOON, zone="No/Where")["layout"]["meta"]["zone"] == "UTC"


def test_uirevision_is_constant_and_layouts_are_shared() -> None:
    """Zoom survives updates, and nothing but ranges is rebuilt."""
    filler = Filler()
    first = events_over_time(filler.store, now=NOON)
    second = events_over_time(filler.store, now=NOON + 60)
    assert first["layout"]["uirevision"] == second["layout"]["uirevision"] == "constant"
    assert first["layout"]["yaxis"] is second["layout"]["yaxis"]


@settings(deadline=None)
@given(counts=st.lists(st.integers(0, 9), min_size=300, max_size=300), phase=st.integers(0, 30))
def test_grouping_loses_only_what_is_cut_at_the_old_end(counts: list[int], phase: int) -> None:
    """Thirty groups of ten seconds, the running one last."""
    groups = overview._grouped(counts, now=NOON + phase, size=10)
    running = int(NOON + phase) % 10 + 1
    assert len(groups) == 30
    assert groups[-1] == sum(counts[-running:])
    assert sum(groups) == sum(counts[-running:]) + sum(counts[10 - running : 300 - running])
