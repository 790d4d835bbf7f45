"""The Health page's views: what they say of a connection's life, of deliveries and of the process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime.protocol.events import ConnectionLost
from realtime.store import (
    ConnectionState,
    ConnectionStatus,
    DeadLetter,
    DeadLetters,
    HubSample,
    ProcessSample,
    Span,
    Store,
)
from realtime.views import health, health_charts, health_lists
from realtime.views.registry import View
from realtime.views.words import size, span
from tests.store.making import ORDERS, created
from tests.views.support import NOON

UP, DOWN = ConnectionState.CONNECTED, ConnectionState.RECONNECTING
VIEWS = (
    *(health.link, health.deliveries, health.process),
    *(health_lists.verdict, health_lists.lost_because, health_lists.queues, health_lists.gaps),
    health_lists.dead_letters,
    *(health_charts.timeline, health_charts.delivery_times, health_charts.traffic),
    *(health_charts.memory, health_charts.cpu),
)


def tell(store: Store, state: ConnectionState, *, at: float, dials: int, **more: Any) -> None:
    """Tell a store of a status."""
    store.set_connection(ConnectionStatus(state=state, since=at, dials=dials, **more), now=at)


@pytest.fixture
def lived() -> Store:
    """Make a store that was connected for an hour but for one outage of 6 s."""
    store = Store()
    tell(store, ConnectionState.CONNECTING, at=NOON, dials=1)
    tell(store, UP, at=NOON + 0.05, dials=1, bytes_in=1000, bytes_out=100)
    tell(store, DOWN, at=NOON + 1800, dials=1, bytes_in=1000, bytes_out=100, reason="The <b>cable</b> was cut.")
    tell(store, DOWN, at=NOON + 1802, dials=2, bytes_in=1000, bytes_out=100)
    tell(store, UP, at=NOON + 1806, dials=2, bytes_in=5000, bytes_out=200)
    return store


def numbers(store: Store, view: View, *, now: float) -> dict[str, dict[str, Any]]:
    """Render numbers by key."""
    return {each["key"]: each for each in view(store, now=now)["numbers"]}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_is_json_with_nothing_known_and_with_all(view: View, lived: Store) -> None:
    """An empty store is a valid one."""
    for store in (Store(), lived):
        json.dumps(view(store, now=NOON + 3600), allow_nan=False)


def test_an_empty_store_claims_nothing() -> None:
    """What isn't known is a dash, not a zero or a hundred percent."""
    found = numbers(Store(), health.link, now=NOON)
    assert {key: found[key]["text"] for key in ("uptime", "connect", "dials", "back")} == dict.fromkeys(
        ("uptime", "connect", "dials", "back"), "–"
    )
    assert "Nothing is known" in health_lists.verdict(Store(), now=NOON)["empty"]


def test_the_numbers_of_an_hour_with_an_outage(lived: Store) -> None:
    """Uptime, time to connect, dials, reconnects and the time to be back."""
    found = numbers(lived, health.link, now=NOON + 3600)
    assert found["uptime"]["text"] == "99.83 %"
    assert found["uptime"]["deltaText"] == "of 1 h watched"
    assert found["connect"]["text"] == "50 ms"
    assert (found["dials"]["text"], found["dials"]["deltaText"]) == ("100 %", "2 of 2 dials")
    assert (found["outages"]["text"], found["outages"]["deltaText"]) == ("1", "last 29 min ago")
    assert found["back"]["text"] == "6 s"


def test_the_verdict_is_what_one_would_say(lived: Store) -> None:
    """Live, lost, down: in words."""
    words = health_lists.verdict(lived, now=NOON + 3600)["empty"]
    assert words == "Live for 29 min. Lost once in 24 h, for 6 s in all. No event was missed for good."
    tell(lived, DOWN, at=NOON + 3600, dials=2, reason="Connection refused.")
    words = health_lists.verdict(lived, now=NOON + 3630)["empty"]
    assert words.startswith("Down for 30 s. Connection refused. Lost twice in 24 h, for 36 s in all.")
    assert numbers(lived, health.link, now=NOON + 3630)["outages"]["deltaText"] == "down now"


def test_reasons_are_those_of_the_losses(lived: Store) -> None:
    """With how often, when and how long."""
    [row] = health_lists.lost_because(lived, now=NOON + 3600)["rows"]
    assert row["cells"] == ["The <b>cable</b> was cut.", 1, round((NOON + 1800) * 1000), "6 s"]


def test_a_reason_never_becomes_markup(lived: Store) -> None:
    """Plotly reads HTML in tooltips; a reason comes from the other side."""
    told = json.dumps(health_charts.timeline(lived, now=NOON + 3600, window="24 h"))
    assert "&lt;b&gt;cable" in told
    assert "<b>cable" not in told


def test_each_state_has_its_lane_and_is_cut_at_the_window(lived: Store) -> None:
    """A band begins where the window does, lasts as long as the state did, and ends now."""
    value = health_charts.timeline(lived, now=NOON + 2000, window="15 min")
    bands = {trace["name"]: trace for trace in value["data"]}
    assert set(bands) == {"Live", "Polling", "Catching up", "Reconnecting", "Offline"}
    assert bands["Live"]["x"] == [pytest.approx(700_000), pytest.approx(194_000)]
    assert bands["Reconnecting"]["x"] == [pytest.approx(6_000)]
    assert bands["Polling"]["x"] == [0]
    assert value["layout"]["shapes"] == []


def test_a_short_outage_is_still_to_be_seen_in_a_day(lived: Store) -> None:
    """It is drawn wider than it was; the tooltip tells the truth."""
    value = health_charts.timeline(lived, now=NOON + 3600, window="24 h")
    band = next(trace for trace in value["data"] if trace["name"] == "Reconnecting")
    assert min(band["x"]) >= 86_400_000 / 400
    assert "for 6 s" in band["text"][-1]


def test_polling_is_live_in_a_lane_of_its_own() -> None:
    """One sees when the socket couldn't be had."""
    store = Store()
    tell(store, UP, at=NOON, dials=1, transport="polling")
    value = health_charts.timeline(store, now=NOON + 60)
    assert next(trace for trace in value["data"] if trace["name"] == "Polling")["x"] == [pytest.approx(60_000)]


def test_the_time_without_the_app_is_shaded() -> None:
    """Before the first process, and between two."""
    store = Store()
    tell(store, UP, at=NOON, dials=1)
    store.restore_spans([Span(UP, "websocket", NOON - 600, NOON - 300, is_first=True)])
    shapes = health_charts.timeline(store, now=NOON + 60)["layout"]["shapes"]
    assert [shape["label"]["text"] for shape in shapes] == ["the app didn't run", "the app didn't run"]


def test_deliveries_in_numbers_and_as_a_histogram() -> None:
    """Live ones by their time; what was made up for is counted apart."""
    store = Store()
    store.apply(ORDERS, [(created("a"), 1), (created("b"), 2)], epoch="e", now=NOON, lag_s=0.004)
    store.apply(ORDERS, [(created("c"), 3)], epoch="e", now=NOON, published_at=[NOON - 9])
    found = numbers(store, health.deliveries, now=NOON + 3)
    assert found["live"]["text"] == "2"
    assert found["live"]["deltaText"] == "last 3 s ago"
    assert found["resumed"]["text"] == "1"
    assert found["lag"]["text"] == "4 ms"
    [trace] = health_charts.delivery_times(store, now=NOON)["data"]
    assert sum(trace["y"]) == 2
    assert len(trace["x"]) == len(trace["y"]) == len(trace["text"])


def test_no_delivery_is_said_in_words() -> None:
    """An empty histogram would look broken."""
    layout = health_charts.delivery_times(Store(), now=NOON)["layout"]
    assert layout["annotations"][0]["text"] == "No live event in 15 min"


def test_traffic_is_a_second_and_leaves_the_running_stretch_out(lived: Store) -> None:
    """Bytes of ten seconds, divided by ten."""
    into, out = health_charts.traffic(lived, now=NOON + 1820)["data"]
    assert [each for each in into["y"] if each][-1] == 400
    assert [each for each in out["y"] if each][-1] == 10


def test_the_process_and_its_hubs_are_those_of_the_newest_sample() -> None:
    """With the hub's name for people."""
    store = Store()
    hub = HubSample("gateway", connections=3, deliveries=7, coalesced=1, slow_closed=2, queue_bytes=2048, bytes_out=5)
    store.set_process(
        ProcessSample(
            at=NOON, started_at=NOON - 7200, memory_bytes=210_000_000, cpu_share=0.125, threads=9, open_files=30,
            hubs=(hub,),
        )
    )  # fmt: skip
    found = numbers(store, health.process, now=NOON)
    assert found["up"]["deltaText"] == ""
    tell(store, UP, at=NOON - 100, dials=1)
    tell(store, DOWN, at=NOON - 50, dials=1)
    assert numbers(store, health.process, now=NOON)["up"]["deltaText"] == "50 % connected"
    assert [found[key]["text"] for key in ("up", "cpu", "memory", "threads", "files")] == [
        "2 h", "12.5 %", "210 MB", "9", "30",
    ]  # fmt: skip
    [row] = health_lists.queues(store, now=NOON)["rows"]
    assert row["cells"] == ["Gateway to its clients", 3, 7, "5 B", "2 kB", 1, 2]
    assert health_charts.memory(store, now=NOON)["data"][0]["y"] == [210_000_000]
    assert health_charts.cpu(store, now=NOON)["data"][0]["y"] == [12.5]


def test_dead_letters_are_listed_counted_or_said_to_be_unknown() -> None:
    """A gateway that doesn't say isn't one without dead letters."""
    store = Store()
    assert "doesn't say" in health_lists.dead_letters(store, now=NOON)["empty"]
    store.set_dead_letters(DeadLetters(0))
    assert "None" in health_lists.dead_letters(store, now=NOON)["empty"]
    store.set_dead_letters(DeadLetters(30, (DeadLetter("system", 4, "expired", NOON, "app-1"),)))
    value = health_lists.dead_letters(store, now=NOON)
    assert value["rows"][0]["cells"] == ["system", 4, "app-1", "expired"]
    assert value["note"] == "30 dead letters, the newest 1 shown"


def test_a_loss_on_request_is_told_as_such(lived: Store) -> None:
    """The words come with the loss itself."""
    tell(lived, DOWN, at=NOON + 3600, dials=3)
    lived.raise_local(ConnectionLost(timestamp="2026-01-01T00:00:00Z", reason="Reconnecting on request."), now=NOON)
    rows = health_lists.lost_because(lived, now=NOON + 3600)["rows"]
    assert "Reconnecting on request." in {row["cells"][0] for row in rows}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 ms"),
        (0.0004, "0.4 ms"),
        (0.0123, "12 ms"),
        (0.9996, "1 s"),
        (1.25, "1.2 s"),
        (59.97, "1 min"),
        (3600, "1 h"),
    ],
)
def test_measured_times_have_the_precision_they_deserve(seconds: float, words: str) -> None:
    """From a tenth of a millisecond to days."""
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (812, "812 B"), (1234, "1.2 kB"), (999_700, "1 MB"), (210_000_000, "210 MB")]
)
def test_sizes_are_decimal(count: float, words: str) -> None:
    """Three digits at most."""
    assert size(count) == words


@pytest.mark.parametrize(("share", "words"), [(1, "100 %"), (0.999999, "99.99 %"), (0.5, "50 %"), (0, "0 %")])
def test_all_but_all_is_never_all(share: float, words: str) -> None:
    """99.999 % isn't rounded up."""
    assert health.percent(share) == words
