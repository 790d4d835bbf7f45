"""Cards, tables and charts of collections show the right documents in the right order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.store import ConnectionState
from realtime.views import collections
from realtime.views.collections import cards, chart, chartable, order_key, table
from tests.views.support import NOON, Filler

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=4), children, max_size=3),
    max_leaves=6,
)


def _orders(count: int = 5) -> Filler:
    filler = Filler()
    filler.connected()
    filler.many(
        "orders", [{"id": f"o{n}", "amount": n * 10, "state": "open" if n % 2 else "paid"} for n in range(count)]
    )
    return filler


def _ids(value: dict[str, Any]) -> list[str]:
    return [row["id"] for row in value["rows"]]


def test_the_newest_change_comes_first() -> None:
    """An update moves its document to the top."""
    filler = _orders()
    filler.updated("orders", {"id": "o1", "amount": 11}, now=NOON + 1)
    assert _ids(table(filler.store, now=NOON, collection="orders")) == ["o1", "o4", "o3", "o2", "o0"]


def test_a_window_says_how_many_there_are() -> None:
    """Truncation is said with the true count."""
    value = table(_orders(12_345 // 100).store, now=NOON, collection="orders", limit=20)
    assert (value["shown"], value["total"], value["note"]) == (20, 123, "Showing 20 of 123")
    assert len(value["rows"]) == 20


def test_an_unknown_collection_is_empty() -> None:
    """A link to a collection that is no more opens an empty table, not an error."""
    value = table(Filler().store, now=NOON, collection="nothing")
    assert (value["rows"], value["total"], value["note"]) == ([], 0, "0 documents")


def test_sorting_puts_documents_without_the_field_last_either_way() -> None:
    """Missing values aren't the smallest number."""
    filler = _orders(3)
    filler.created("orders", {"id": "bare"}, now=NOON + 1)
    down = table(filler.store, now=NOON, collection="orders", sort="amount", descending=True)
    up = table(filler.store, now=NOON, collection="orders", sort="amount", descending=False)
    assert _ids(down) == ["o2", "o1", "o0", "bare"]
    assert _ids(up) == ["o0", "o1", "o2", "bare"]


@settings(deadline=None)
@given(values=st.lists(_JSON, max_size=12), descending=st.booleans(), limit=st.integers(1, 15))
def test_any_json_can_be_sorted_and_nothing_is_lost(values: list[Any], descending: bool, limit: int) -> None:
    """Mixed types have an order, and the window is the head of it."""
    filler = Filler()
    filler.many("mixed", [{"id": str(index), "v": value} for index, value in enumerate(values)])
    value = table(filler.store, now=NOON, collection="mixed", sort="v", descending=descending, limit=limit)
    assert len(set(_ids(value))) == min(limit, len(values))
    shown = [values[int(identifier)] for identifier in _ids(value)]
    keys = [order_key(each) for each in shown if each is not None]
    assert keys == sorted(keys, reverse=descending)
    json.dumps(value)


def test_filters_by_text_and_by_field_combine() -> None:
    """Text is found anywhere, whatever the case; field = value is exact."""
    filler = _orders(6)
    both = table(filler.store, now=NOON, collection="orders", search="PAID", field="amount", value="20")
    assert _ids(both) == ["o2"]
    assert both["note"] == "1 document · containing “PAID”, amount = 20"
    assert both["all"] == 6
    assert table(filler.store, now=NOON, collection="orders", search="nobody")["total"] == 0


def test_a_search_follows_changes() -> None:
    """What was searched is remembered per document, and searched again when it changes or goes."""
    filler = _orders(3)
    search = {"collection": "orders", "search": "refunded"}
    assert table(filler.store, now=NOON, **search)["total"] == 0
    filler.updated("orders", {"id": "o1", "state": "refunded"}, now=NOON + 1)
    assert _ids(table(filler.store, now=NOON, **search)) == ["o1"]
    filler.deleted("orders", "o1", now=NOON + 2)
    assert table(filler.store, now=NOON, **search)["total"] == 0


def test_deleted_ids_are_listed_until_they_come_back() -> None:
    """A table that stands still can strike out what is gone."""
    filler = _orders(3)
    filler.deleted("orders", "o1", now=NOON + 1)
    filler.deleted("orders", "o2", now=NOON + 1)
    filler.created("orders", {"id": "o2"}, now=NOON + 2)
    assert table(filler.store, now=NOON, collection="orders")["gone"] == ["o1"]


def test_many_fields_are_cut_and_said() -> None:
    """A document of 60 fields doesn't make a table of 60 columns."""
    filler = Filler()
    filler.created("wide", {"id": "a"} | {f"f{n}": n for n in range(60)})
    value = table(filler.store, now=NOON, collection="wide")
    assert len(value["columns"]) == 24
    assert value["note"] == "1 document · 24 of 61 fields"


def test_the_window_has_a_largest_size() -> None:
    """A URL asking for a million rows gets the largest window."""
    assert table(_orders(3).store, now=NOON, collection="orders", limit=10**9)["shown"] == 3


def test_a_card_tells_count_rate_and_freshness() -> None:
    """Fresh just after a change; stale at once when the link is down."""
    filler = _orders(4)
    card = cards(filler.store, now=NOON + 1)["cards"][0]
    assert (card["name"], card["label"], card["count"], card["ratePerMin"]) == ("orders", "Orders", 4, 4)
    assert (card["freshness"], card["symbol"], card["tone"]) == ("Fresh", "●", "good")
    assert len(card["spark"]) == 30
    assert sum(card["spark"]) == 4
    filler.connected(state=ConnectionState.RECONNECTING, since=NOON + 2)
    assert cards(filler.store, now=NOON + 3)["cards"][0]["freshness"] == "Stale"


@pytest.mark.parametrize(("silent", "word"), [(19, "Fresh"), (30, "Quiet"), (60, "Stale")])
def test_freshness_follows_the_usual_gap(silent: float, word: str) -> None:
    """A source of one change each ten seconds is Fresh to 20 s, Quiet to 50 s, then Stale."""
    filler = Filler()
    filler.connected(since=NOON - 100)
    for step in range(10):
        filler.created("slow", {"id": str(step)}, now=NOON - 90 + step * 10)
    assert cards(filler.store, now=NOON + silent)["cards"][0]["freshness"] == word


def test_the_busiest_come_first_with_their_share() -> None:
    """Shares are of the busiest one."""
    filler = _orders(4)
    filler.created("flights", {"id": "x"})
    found = collections.busiest(filler.store, now=NOON)["cards"]
    assert [(card["name"], card["share"]) for card in found] == [("orders", 1.0), ("flights", 0.25)]
    assert collections.busiest(Filler().store, now=NOON)["cards"] == []


def test_a_number_is_drawn_over_the_newest_documents() -> None:
    """Points stand at the moment of change, oldest first, and are named by id."""
    store = _orders(20).store
    trace = chart(store, now=NOON, collection="orders")["data"][0]
    assert (trace["y"][:3], trace["text"][:3]) == ([0, 10, 20], ["o0", "o1", "o2"])
    assert collections.chart_title(store, "orders", "amount") == "Amount of the newest documents"


def test_a_number_of_a_few_documents_is_drawn_by_document() -> None:
    """Three airports are three bars, by id from the top."""
    store = _orders(3).store
    trace = chart(store, now=NOON, collection="orders")["data"][0]
    assert (trace["y"], trace["x"]) == (["o2", "o1", "o0"], [20, 10, 0])
    assert collections.chart_title(store, "orders", "amount") == "Amount by document"
    assert collections.chart_title(store, "orders", "state") == "Documents by state"


def test_a_text_is_counted_over_all_documents() -> None:
    """The commonest value is on top (last in Plotly's order), the long tail is one bar."""
    filler = Filler()
    filler.many("calls", [{"id": str(n), "city": f"c{n % 18}" if n < 36 else "c0"} for n in range(40)])
    trace = chart(filler.store, now=NOON, collection="calls", y="city")["data"][0]
    assert (trace["y"][-1], trace["x"][-1]) == ("c0", 6)
    assert (trace["y"][0], trace["x"][0]) == ("3 others", 6)


def test_charts_choose_a_measure_before_a_name() -> None:
    """`dep_delay` is drawn rather than `flight`, which is a number only in name."""
    filler = Filler()
    filler.many("flights", [{"id": str(n), "flight": n, "dep_delay": n * 2, "origin": "JFK"} for n in range(6)])
    assert chartable(filler.store, "flights") == (("flight", "dep_delay", "origin"), "dep_delay")


def test_an_empty_collection_has_an_empty_chart() -> None:
    """No document, no field, no error."""
    assert chart(Filler().store, now=NOON, collection="nothing")["data"] == []


def test_values_of_a_field_are_the_commonest_first() -> None:
    """What a filter offers is what there is most of."""
    store = _orders(5).store
    assert collections.values_of(store, "orders", "state") == ("paid", "open")
    assert collections.fields(store, "orders") == ("id", "amount", "state")
