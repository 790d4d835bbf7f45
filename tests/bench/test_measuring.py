"""Each benchmark in small, from start to stop, against what it measures for real. No figure is judged here."""

from __future__ import annotations

import psutil
import pytest

from realtime.bench.ingest import measure_ingest
from realtime.bench.latency import measure_latency
from realtime.bench.tabs import measure_tabs


def started_by_us() -> set[int]:
    """Return the ids of all processes below this one."""
    return {process.pid for process in psutil.Process().children(recursive=True)}


def test_ingest_counts_what_was_stored() -> None:
    """Every answered event is among the gateway's documents, and nothing is left running."""
    before = started_by_us()
    outcome = measure_ingest(batch=50, duration_s=0.5, producers=2)
    assert outcome.events > 0
    assert outcome.events % 50 == 0
    assert outcome.post is not None
    assert outcome.server_cpu > 0
    assert started_by_us() <= before


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


@pytest.mark.browser
def test_tabs_are_all_sent_the_same_and_a_hidden_one_nothing() -> None:
    """What one simulated tab is sent, every other is; not a byte goes to one that hid."""
    before = started_by_us()
    outcome = measure_tabs(counts=(1, 4), rate=5, duration_s=1, say=lambda _text: None)
    assert [crowd.tabs for crowd in outcome.crowds] == [1, 4]
    assert outcome.panels >= 3
    for crowd in outcome.crowds:
        assert crowd.fewest_pushes == crowd.pushes_per_tab > 0
    assert outcome.hidden_bytes == 0
    assert started_by_us() <= before
