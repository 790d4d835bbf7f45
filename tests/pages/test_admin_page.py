"""The Admin page as Streamlit runs it: to whom it is shown, what it switches, and what it says when that fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from realtime.errors import NotConnected
from realtime.live.runtime import current, install
from realtime.protocol.flags import READ_ONLY, USUAL, WEBSOCKET, Flag, Flags
from realtime.ui import writes
from realtime.ui.person import Person
from tests.pages.conftest import Board
from tests.pages.test_overview_page import _views


@dataclass
class RecordingFlags:
    """Remembers what was switched, or fails as told."""

    wishes: list[tuple[dict[str, int], str, str]] = field(default_factory=list)
    trouble: str = ""

    def set(self, changes: Mapping[str, int], *, by: str, why: str = "") -> None:
        """Remember it."""
        if self.trouble:
            raise NotConnected(self.trouble)
        self.wishes.append((dict(changes), by, why))
        current().store.set_flags(Flags(1, tuple(Flag(*one) for one in changes.items())))


@pytest.fixture
def flags(board: Board) -> RecordingFlags:
    """Let the board switch flags."""
    recording = RecordingFlags()
    install(replace(current(), flags=recording))
    return recording


def test_every_flag_stands_there_with_its_figures(board: Board, flags: RecordingFlags) -> None:
    """Where it stands is said in words."""
    test = board.open("admin.py")
    assert "flags.figures" in _views(test)
    headings = [each.value for each in test.markdown]
    assert [f"**{name}**" in headings for name in ("WebSocket", "Real-time", "Notifications", "Read-only")] == [
        True
    ] * 4
    assert len(test.select_slider) == len(USUAL)


def test_a_share_is_applied_for_who_is_at_the_page_with_the_reason(board: Board, flags: RecordingFlags) -> None:
    """And shown at once."""
    test = board.open("admin.py")
    test.select_slider(key=f"share-{WEBSOCKET}").set_value(10)
    test.text_input(key=f"why-{WEBSOCKET}").set_value("slowly")
    test.button[[each.label for each in test.button].index("Apply")].click().run()
    assert not test.exception
    assert flags.wishes == [({WEBSOCKET: 10}, "local", "slowly")]
    assert any("On for 10 % of the people" in each.value for each in test.markdown)


def test_a_refusal_is_said_in_the_gateways_words(board: Board, flags: RecordingFlags) -> None:
    """Beside the flag it is about; the next success takes it away."""
    flags.trouble = "Only an administrator may switch flags."
    test = board.open("admin.py")
    apply = [each.label for each in test.button].index("Apply")
    test.select_slider(key=f"share-{WEBSOCKET}").set_value(0)
    test.button[apply].click().run()
    assert [each.value for each in test.error] == ["Only an administrator may switch flags."]
    flags.trouble = ""
    test.button[apply].click().run()
    assert not test.error


def test_without_a_gateway_nothing_is_switched(board: Board) -> None:
    """It says so."""
    test = board.open("admin.py")
    test.button[[each.label for each in test.button].index("Apply")].click().run()
    assert "follows no gateway" in test.error[0].value


def test_where_people_are_told_apart_the_page_is_for_administrators(
    board: Board, flags: RecordingFlags, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others don't have it in the navigation; whoever loses the role while it is open is told what they lack."""
    install(replace(current(), settings=replace(current().settings, require_token=True)))
    with pytest.raises(ValueError, match="navigation page"):
        board.open("admin.py")
    admin = Person("ann", "Ann", frozenset({"admin"}))
    monkeypatch.setattr("realtime.ui.admin.current_person", lambda: admin)
    assert "flags.figures" in _views(board.open("admin.py"))
    monkeypatch.undo()
    test = AppTest.from_function(_admin_page).run()
    assert "Only administrators" in test.warning[0].value
    assert "flags.figures" not in _views(test)


def _admin_page() -> None:
    from realtime.ui.admin_parts import admin_page

    admin_page()


def test_while_read_only_a_save_is_refused_at_the_click(board: Board) -> None:
    """Nothing is sent, and nothing waits in the outbox for later."""
    current().store.set_flags(Flags(1, (Flag(READ_ONLY, 100),)))
    outcome: Any = writes.sent("created", "orders", {"id": "a"}, expected_offset=0)
    assert outcome.reason.startswith("Read-only: an operator")
    assert board.client.sent == []
