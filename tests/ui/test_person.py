"""Who is at a page: what a chosen name may be, and that events and tickets carry the person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from realtime.live.runtime import current, install, uninstall
from realtime.live.tickets import Tickets
from realtime.protocol.channels import inbox_channel, is_known_channel
from realtime.store import Store
from realtime.ui.person import LOCAL, LONGEST_NAME, named
from tests.pages.conftest import Board
from tests.pages.conftest import board as board
from tests.ui.stage import RecordingClient, components, runtime_of


@pytest.fixture
def running() -> Iterator[None]:
    """Install an empty runtime."""
    install(runtime_of(Store(), client=RecordingClient()))
    yield
    uninstall()


def page() -> None:
    """Show the field and a feed."""
    import streamlit as st

    from realtime.ui import live_view
    from realtime.ui.person import current_person, person_field

    person_field()
    live_view("feed.newest")
    st.session_state["seen"] = current_person()


@given(text=st.text(max_size=300))
def test_every_text_names_a_person_whose_inbox_can_exist(text: str) -> None:
    """Whatever is typed, the person has a short, one-line name, and an inbox of that name is a channel."""
    person = named(text)
    assert 0 < len(person.name) <= LONGEST_NAME
    assert person.name.isprintable() or not set("\n\r\t\x00") & set(person.name)
    assert is_known_channel(inbox_channel(person.id))
    assert named(person.id) == person or person == LOCAL


def test_a_name_has_no_marks_that_turn_text() -> None:
    """A right-to-left override in a name can't turn the line it stands in."""
    assert named("  Ann\u202e  \n Lee ").name == "Ann Lee"


def test_a_chosen_name_is_in_the_tickets_and_is_told_to_panels(running: None) -> None:
    """After a choice, panels carry tickets of that person and the name for the cookie; emptied, the local one."""
    import json

    app = AppTest.from_function(page).run()
    assert app.session_state["seen"] == LOCAL
    app.text_input[0].set_value("Ann").run()
    assert app.session_state["seen"].id == "Ann"
    handed = json.loads(components(app)[-1].json)
    told = handed["person"]
    assert (told["id"], told["chosen"], told["turn"]) == ("Ann", "Ann", 1)
    assert told["tab"]
    tickets: Tickets = current().caster._tickets
    assert tickets.verify(handed["ticket"], now=0.0).person == "Ann"
    app.text_input[0].set_value("").run()
    assert app.session_state["seen"] == LOCAL
    told = json.loads(components(app)[-1].json)["person"]
    assert (told["id"], told["chosen"], told["turn"]) == ("local", "", 2)


def test_every_page_has_the_field(board: Board) -> None:
    """The sidebar asks for the name, and says the present one."""
    app = board.open()
    fields = [field for field in app.sidebar.text_input if field.label == "Your name"]
    assert len(fields) == 1
    fields[0].set_value("Bo").run()
    assert [field.value for field in app.sidebar.text_input if field.label == "Your name"] == ["Bo"]
