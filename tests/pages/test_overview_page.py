"""The shell and the Overview as Streamlit runs them: with data, empty, sampled, offline."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from realtime.store import ConnectionState
from tests.pages.conftest import Board


def _views(test: AppTest) -> set[str]:
    """Name the live views a page shows."""
    found = set()
    for component in test.get("bidi_component"):
        value: Any = component.proto
        found.add(json.loads(value.json)["view"] if value.json else "")
    return found


def _texts(test: AppTest) -> str:
    kinds = ("markdown", "caption", "subheader", "code")
    return "\n".join(str(getattr(element, "value", "")) for kind in kinds for element in test.main.get(kind))


def test_an_empty_board_invites_to_send_the_first_document(board: Board) -> None:
    """The command is complete: address, path, body."""
    test = board.open()
    command = test.main.code[0].value
    assert "/api/collections/orders/documents" in command
    assert '"id": "order-1"' in command
    assert "Waiting for the first event" in _texts(test)


def test_with_data_all_panels_are_there(board: Board) -> None:
    """Numbers, chart, busiest and newest; no invitation."""
    board.filler.many("orders", [{"id": str(n), "amount": n} for n in range(30)])
    test = board.open()
    assert {
        "overview.numbers",
        "overview.events_over_time",
        "collections.busiest",
        "feed.newest",
        "connection.badge",
    } <= _views(test)
    assert not test.main.code


def test_the_first_event_replaces_the_invitation(board: Board) -> None:
    """No reload by hand."""
    test = board.open()
    board.filler.created("orders", {"id": "a"})
    test.run()
    assert not test.main.code
    assert "overview.numbers" in _views(test)


def test_the_range_is_in_the_url(board: Board) -> None:
    """A copied link opens the same range."""
    board.filler.created("orders", {"id": "a"})
    test = board.open(range="1 h")
    assert test.segmented_control(key="range").value == "1 h"
    test.segmented_control(key="range").set_value("24 h").run()
    assert not test.exception
    assert test.segmented_control(key="range").value == "24 h"


def test_the_sample_says_that_it_is_one(sampled: Board) -> None:
    """The band names place, day and speed, and its buttons reach the sample."""
    sampled.filler.created("flights", {"id": "a"})
    test = sampled.open()
    assert "New York airports, 8 Feb 2013, ×60" in _texts(test)
    assert sampled.sample is not None
    next(button for button in test.button if button.label == "Stop").click().run()
    assert sampled.sample.calls == ["stop"]
    assert "stopped" in _texts(test)
    next(box for box in test.selectbox if box.label == "Speed").set_value(240).run()
    next(button for button in test.button if button.label == "Clear the sample data").click().run()
    assert sampled.sample.calls == ["stop", "speed 240", "clear"]


def test_without_a_sample_there_is_no_band(board: Board) -> None:
    """Real data carry no band."""
    board.filler.created("orders", {"id": "a"})
    assert "Sample data" not in _texts(board.open())


def test_offline_pages_still_show_what_is_known(board: Board) -> None:
    """Old data stay readable; the badge says the rest."""
    board.filler.created("orders", {"id": "a"})
    board.filler.connected(state=ConnectionState.RECONNECTING)
    assert "overview.numbers" in _views(board.open())
