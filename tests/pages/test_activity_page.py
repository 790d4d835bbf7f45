"""The Activity page as Streamlit runs it: panels, the URL, choosing a person, the hour."""

from __future__ import annotations

from tests.pages.conftest import Board
from tests.pages.test_overview_page import _views

PANELS = {"activity.strip", "activity.choices", "activity.events", "people.present"}


def test_all_panels_are_there_before_anything_has_arrived(board: Board) -> None:
    """The feed waits; it isn't replaced by anything that would move later."""
    assert _views(board.open("activity.py")) >= PANELS


def test_the_url_says_what_is_shown(board: Board) -> None:
    """A copied link opens the same: with a person there is their card."""
    test = board.open("activity.py", person="ann", kind="people")
    assert _views(test) >= {*PANELS, "people.person"}
    assert "people.person" not in _views(board.open("activity.py", kind="people"))
