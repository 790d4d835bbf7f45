"""Feed rows, the badge and plain words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.events import ConnectionEstablished, ConnectionLost, ConnectionRestored
from realtime.store import ConnectionState, ConnectionStatus, Store
from realtime.views import words
from realtime.views.connection import badge, stale_since
from realtime.views.feed import newest
from realtime.views.schema import columns_of, label_of
from tests.views.support import NOON, Filler


def _first(filler: Filler) -> dict[str, Any]:
    found: dict[str, Any] = newest(filler.store, now=NOON)["rows"][0]
    return found


def test_every_kind_of_change_has_shape_word_and_tone() -> None:
    """Status is never told by colour alone."""
    filler = Filler()
    filler.created("orders", {"id": "a", "amount": 12.5, "tags": ["x"], "note": None}, actor="ada")
    row = _first(filler)
    assert (row["symbol"], row["word"], row["tone"], row["title"]) == ("+", "Created", "good", "a")
    assert (row["detail"], row["channel"], row["actor"]) == ("amount 12.5", "orders", "ada")
    filler.updated("orders", {"id": "a", "amount": 13})
    row = _first(filler)
    assert (row["word"], row["detail"]) == ("Updated", "amount → 13 · tags → removed · note → removed")
    filler.updated("orders", {"id": "a", "amount": 13})
    assert _first(filler)["detail"] == "nothing changed"
    filler.deleted("orders", "a")
    assert _first(filler)["word"] == "Deleted"


@pytest.mark.parametrize(
    ("channel", "kind", "content", "word", "title"),
    [
        ("users", "user:login", {"userId": "ada", "timestamp": "2026-01-31T12:00:00Z"}, "Arrived", "ada"),
        ("users", "user:logout", {"userId": "ada", "timestamp": "2026-01-31T12:00:00Z"}, "Left", "ada"),
        (
            "users",
            "user:activity",
            {"userId": "a", "action": "x", "timestamp": "2026-01-31T12:00:00Z"},
            "Activity",
            "a",
        ),
        ("system", "system:maintenance", {"message": "m", "scheduledTime": "t"}, "Maintenance", "m"),
        ("system", "system:error", {"error": "disk", "severity": "high"}, "Error", "disk"),
        ("system", "system:new", {"x": 1}, "Unknown", "system:new"),
    ],
)
def test_every_event_type_is_told(channel: str, kind: str, content: dict[str, Any], word: str, title: str) -> None:
    """People, system and even unknown events are rows a person can read."""
    filler = Filler()
    filler.system(channel, kind, content)
    row = _first(filler)
    assert (row["word"], row["title"], row["channel"]) == (word, title, channel)


def test_the_clients_own_events_are_told() -> None:
    """Losing and finding the gateway are part of the story."""
    store = Store()
    store.raise_local(ConnectionEstablished(timestamp="2026-01-31T12:00:00Z"), now=NOON)
    store.raise_local(ConnectionLost(timestamp="2026-01-31T12:00:00Z", reason="cable"), now=NOON)
    store.raise_local(ConnectionRestored(timestamp="2026-01-31T12:00:00Z", downtime=125.0), now=NOON)
    rows = newest(store, now=NOON)["rows"]
    assert [(row["word"], row["detail"]) for row in rows] == [
        ("Back online", "after 2 min"), ("Connection lost", "cable"), ("Connected", ""),
    ]  # fmt: skip


def test_newest_first_and_the_total_counts_all() -> None:
    """Twenty of thirty, and says thirty."""
    filler = Filler()
    filler.many("orders", [{"id": str(n)} for n in range(30)])
    value = newest(filler.store, now=NOON, limit=20)
    assert [row["title"] for row in value["rows"]][:2] == ["29", "28"]
    assert (len(value["rows"]), value["total"]) == (20, 30)


@pytest.mark.parametrize(
    ("state", "transport", "word", "symbol"),
    [
        (ConnectionState.CONNECTED, "websocket", "Live", "●"),
        (ConnectionState.CONNECTED, "polling", "Polling every 2 s", "◆"),
        (ConnectionState.SYNCING, "websocket", "Catching up", "⟳"),
        (ConnectionState.RECONNECTING, "websocket", "Reconnecting", "▲"),
        (ConnectionState.DISCONNECTED, "websocket", "Offline", "■"),
    ],
)
def test_the_badge_has_a_shape_and_a_word(state: ConnectionState, transport: str, word: str, symbol: str) -> None:
    """As UX.md writes them."""
    store = Store()
    store.set_connection(ConnectionStatus(state=state, transport=transport, since=NOON, attempts=3), now=NOON)
    value = badge(store, now=NOON)
    assert (value["word"], value["symbol"], value["attempt"], value["since"]) == (word, symbol, 3, NOON * 1000)
    json.dumps(value)


def test_a_short_loss_makes_nothing_stale() -> None:
    """Old is said after five seconds without a link, since the loss, however often it was dialed again meanwhile."""
    store = Store()
    assert stale_since(store, now=NOON) is None, "nothing was there to become stale"
    store.raise_local(ConnectionLost(timestamp="2026-01-01T00:00:00Z", reason="cut"), now=NOON)
    for moment in (NOON, NOON + 6):
        store.set_connection(ConnectionStatus(state=ConnectionState.RECONNECTING, since=moment), now=moment)
        assert stale_since(store, now=NOON + 2) is None
        assert stale_since(store, now=NOON + 7) == NOON
    assert badge(store, now=NOON + 7)["staleSince"] == NOON * 1000
    store.raise_local(ConnectionRestored(timestamp="2026-01-01T00:00:09Z", downtime=9.0), now=NOON + 9)
    store.set_connection(ConnectionStatus(state=ConnectionState.CONNECTED, since=NOON + 9), now=NOON + 9)
    assert stale_since(store, now=NOON + 90) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(12345, "12,345"), (0.4, "0.4"), (1.256, "1.26"), (55.55, "55.5"), (float("nan"), "–"), (3.0, "3")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    """Thousands are separated, zeros at the end dropped."""
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8, "8 s"), (200, "3 min"), (7500, "2 h 5 min"), (7200, "2 h"), (360_000, "4 d 4 h"), (86400, "1 d")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    """Nobody needs the seconds of a day."""
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("current", "before", "text"),
    [
        (3, 2, "+50%"),
        (1, 2, "−50%"),
        (2, 2, "no change"),
        (1, 0, "was 0"),
        (0, 0, "no change"),
        (90, 2, "×45"),
    ],
)
def test_change_is_told_in_words_when_there_is_no_ratio(current: float, before: float, text: str) -> None:
    """Never a division by zero, never +∞ %."""
    assert words.change(current, before)[1] == text


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_anything_fits_on_one_short_line(value: Any) -> None:
    """Whatever a document holds."""
    text = words.brief(value)
    assert len(text) <= 40
    assert "\n" not in text


def test_labels_are_words() -> None:
    """Field names of either style read the same."""
    assert [label_of(key) for key in ("dep_delay", "depDelay", "id", "___")] == ["Dep delay", "Dep Delay", "Id", "___"]


def test_columns_know_their_kind() -> None:
    """Mixed kinds are text, objects are JSON, ISO times are times."""
    columns = columns_of(
        [{"id": "a", "n": 1, "t": "2026-01-31T12:00:00Z", "b": True, "o": {}, "m": 1}, {"id": "b", "m": "x"}]
    )
    kinds = {column.key: column.kind for column in columns}
    assert kinds == {"id": "text", "n": "number", "t": "time", "b": "bool", "o": "json", "m": "text"}
