"""Each benchmark of gateways in small, from start to stop, against what it measures for real. No figure is judged."""

from __future__ import annotations

import pytest

from realtime.bench.fanout import measure_fanout
from realtime.bench.fanout_servers import SERVERS
from realtime.bench.herd import measure_herd
from realtime.bench.ingest import measure_ingest
from realtime.bench.nodes import FAULTS, measure_nodes
from tests.support.processes import started_by_us


def test_ingest_counts_what_was_stored() -> None:
    """Every answered event is among the gateway's documents, and nothing is left running."""
    before = started_by_us()
    outcome = measure_ingest(batch=50, duration_s=0.5, producers=2)
    assert outcome.events > 0
    assert outcome.events % 50 == 0
    assert outcome.post is not None
    assert outcome.server_cpu > 0
    assert started_by_us() <= before


def test_fanout_gives_every_server_the_same_work() -> None:
    """Ours and every peer deliver each event to each socket, in order, and nothing is left running."""
    before = started_by_us()
    outcome = measure_fanout(connections=5, rate=40, duration_s=0.25, with_peers=True, say=lambda _text: None)
    assert [way.name for way in outcome.ways] == [server.name for server in SERVERS]
    assert outcome.missing == ()
    for way in outcome.ways:
        assert (way.deliveries, way.lost, way.disordered) == (50, 0, 0), way.name
        assert way.time is not None
        assert way.time.count == 50
        assert way.memory_bytes > 0
    assert started_by_us() <= before


def test_a_peer_that_cant_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are measured all the same."""
    monkeypatch.setattr("realtime.bench.fanout_servers.shutil.which", lambda _name: None)
    monkeypatch.setattr("realtime.bench.fanout_servers.find_spec", lambda _name: None)
    outcome = measure_fanout(connections=1, rate=20, duration_s=0.1, with_peers=True, say=lambda _text: None)
    assert [way.name for way in outcome.ways] == [SERVERS[0].name]
    assert "ws (Node): Node.js with npm isn't installed" in outcome.missing
    assert "python-socketio: the package socketio isn't installed" in outcome.missing


def test_a_herd_comes_back_with_every_event() -> None:
    """The gateway is killed under it and started again; nobody lacks or repeats an event."""
    before = started_by_us()
    outcome = measure_herd(connections=20, say=lambda _text: None)
    assert (outcome.connections, outcome.recovered, outcome.lost, outcome.repeated) == (20, 20, 0, 0)
    assert outcome.dials >= 20
    assert outcome.back is not None
    assert started_by_us() <= before


def test_nodes_lose_nothing_in_any_fault() -> None:
    """Each fault has happened, and ended with everything right at both."""
    outcome = measure_nodes(rounds=1, say=lambda _: None)
    assert [one.name for one in outcome.struck] == list(FAULTS)
    assert all(one.times is not None and one.times.count == 1 for one in outcome.struck)
    assert outcome.lost == 0
    assert outcome.acknowledged > 50
