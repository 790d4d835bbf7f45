"""The Health page as Streamlit runs it: empty, with a life behind it, offline."""

from __future__ import annotations

from realtime.store import ConnectionState
from tests.pages.conftest import Board
from tests.pages.test_overview_page import _views

EXPECTED = {
    *("health.link", "health.deliveries", "health.process"),
    *("health_lists.verdict", "health_lists.lost_because", "health_lists.queues", "health_lists.gaps"),
    "health_lists.dead_letters",
    *("health_charts.timeline", "health_charts.delivery_times", "health_charts.traffic"),
    *("health_charts.memory", "health_charts.cpu"),
}


def test_all_panels_are_there_before_anything_has_arrived(board: Board) -> None:
    """Health is of interest most when nothing works."""
    assert _views(board.open("health.py")) >= EXPECTED


def test_offline_the_page_stays(board: Board) -> None:
    """It says why."""
    board.filler.connected(state=ConnectionState.RECONNECTING)
    assert _views(board.open("health.py")) >= EXPECTED


def test_the_window_is_in_the_url(board: Board) -> None:
    """A copied link opens the same one."""
    test = board.open("health.py", window="24 h")
    assert test.segmented_control(key="window").value == "24 h"
    test.segmented_control(key="window").set_value("1 h").run()
    assert not test.exception
