"""Each benchmark of the app in small, from start to stop, with the tabs it is about. No figure is judged here."""

from __future__ import annotations

import pytest

from realtime.bench.latency import measure_latency
from realtime.bench.tabs import measure_tabs
from realtime.bench.toll import measure_toll
from realtime.bench.volume import measure_volume
from realtime.bench.volume import table_of as volume_table
from tests.support.processes import started_by_us


@pytest.mark.browser
def test_latency_sees_every_event_on_every_way() -> None:
    """Tideboard and both peers draw each event, in order; Tideboard never takes its chart away."""
    before = started_by_us()
    said: list[str] = []
    outcome = measure_latency(tabs=1, rate=5, duration_s=1, fill_s=1, with_peers=True, say=said.append)
    assert outcome.events == 5
    assert [way.name for way in outcome.ways] == [
        "Tideboard",
        "st.fragment(run_every=0.25)",
        "st_autorefresh every 1 s",
    ]
    assert len(said) == 3
    for way in outcome.ways:
        assert (way.lost, way.out_of_order) == (0, 0)
        assert way.from_post is not None
        assert way.from_post.count == 5
    assert outcome.ways[0].removals == 0
    assert started_by_us() <= before


def test_latency_by_another_gateway_loses_nothing() -> None:
    """Events posted to one gateway are drawn on a page of the other's app."""
    outcome = measure_latency(
        tabs=1, rate=5, duration_s=1, fill_s=1, with_peers=False, on_redis=True, say=lambda _: None
    )
    [way] = outcome.ways
    assert way.from_post is not None
    assert (outcome.events, way.from_post.count, way.lost, way.out_of_order) == (5, 5, 0, 0)
    assert "another gateway" in way.name


def test_volume_fills_starts_and_visits_every_page() -> None:
    """Whatever it was told to store is there when the app starts on it."""
    said: list[str] = []
    outcome = measure_volume(events=2000, documents=100, duration_s=1.0, fill_s=1.0, visits=2, say=said.append)
    assert set(outcome.visits) == {"Overview", "Collections", "Activity", "Health"}
    assert all(0 < one.first_paint <= one.there for one in outcome.visits.values())
    assert all(one.again is not None and one.again.count == 1 for one in outcome.visits.values())
    assert (outcome.way.lost, outcome.way.out_of_order) == (0, 0)
    assert outcome.disk_bytes > 100_000
    assert "2,000 events" in str(volume_table(outcome).title)


def test_real_time_is_paid_for_only_where_it_is_on() -> None:
    """Off: the open tab is sent nothing. On: it is told of every event."""
    before = started_by_us()
    outcome = measure_toll(documents=1_100, rate=5, duration_s=1, say=lambda _text: None, settle_s=0.5)
    assert outcome.off.pushes == 0
    assert outcome.on.pushes >= 5
    assert outcome.memory_bytes == outcome.on.memory_bytes - outcome.off.memory_bytes
    assert outcome.cpu == pytest.approx(outcome.on.server_cpu - outcome.off.server_cpu)
    assert started_by_us() <= before


@pytest.mark.browser
def test_every_tab_is_told_of_every_event_and_a_hidden_one_of_nothing() -> None:
    """Over two distinct views as well; not a byte goes to one that hid."""
    before = started_by_us()
    outcome = measure_tabs(
        counts=(1, 4), views=2, rate=5, duration_s=1, say=lambda _text: None, settle_s=0.5, idle_s=0.5
    )
    assert [(crowd.tabs, crowd.views) for crowd in outcome.crowds] == [(1, 1), (4, 2)]
    for crowd in outcome.crowds:
        assert crowd.missing == 0
        assert crowd.time is not None
        assert crowd.time.count == 5 * crowd.tabs
        assert crowd.fewest_pushes > 0
        assert crowd.late_opened_ms > 0
    assert outcome.hidden_bytes == 0
    assert started_by_us() <= before
