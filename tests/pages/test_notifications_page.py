"""The Notifications page as Streamlit runs it: what the URL opens, preferences and what is refused, mutes, history."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from streamlit.testing.v1 import AppTest

from realtime.client.inboxes import Inboxes
from realtime.live.runtime import current, install
from realtime.notifications.commands import Acknowledge, Command
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.preferences import Preferences
from realtime.protocol.events import InboxCommand, event_of
from realtime.protocol.positions import Position
from realtime.ui.notices_history import history_csv
from tests.notifications.making import adding, notice
from tests.pages.conftest import Board, RecordingClient
from tests.ui.stage import components

PAGE = "notifications.py"
ME = "local"


class FollowingClient(RecordingClient):
    """Also follows inboxes, which are empty at first."""

    def follow(self, channel: str) -> Callable[[], None]:
        """Load an empty inbox."""
        current().store.inboxes.load(channel.partition("#")[2], Inbox(), position=Position("e", 0), now=time.time())
        return lambda: None


@pytest.fixture
def desk(board: Board) -> Board:
    """Return a Tideboard at which people have inboxes."""
    board.client = FollowingClient(is_silent=True)
    inboxes = Inboxes(current().store, cast("Any", board.client))
    install(replace(current(), client=cast("Any", board.client), inboxes=inboxes))
    return board


def put(*commands: Command) -> None:
    """Let things happen to the inbox of who is at the page."""
    current().store.inboxes.open(ME, now=time.time())
    current().store.inboxes.predict(ME, commands, now=time.time())


def asked(board: Board) -> list[dict[str, Any]]:
    """Return what was asked of the inbox and sent, in order."""
    events = [event_of(envelope) for envelope, _ in board.client.sent]
    return [event.command for event in events if isinstance(event, InboxCommand)]


def panel(test: AppTest, view: str) -> dict[str, Any]:
    """Return what the panel of a view was handed."""
    found = [json.loads(proto.json) for proto in components(test)]
    return next(each for each in found if each.get("view") == view)


def preferences() -> Preferences:
    """Return the preferences of who is at the page."""
    return current().store.inbox(ME).inbox.preferences


def press(test: AppTest, label: str) -> AppTest:
    """Press a button by its label."""
    return next(button for button in test.button if button.label == label).click().run()


def choose(test: AppTest, about: str, channel: str, threshold: str) -> None:
    """Choose a threshold in the matrix."""
    places = [box for box in test.selectbox if str(box.key).startswith(f"tideboard.threshold:{about}:{channel}:")]
    places[0].set_value(threshold)


def test_every_page_has_bell_banner_and_toasts_of_who_is_there(desk: Board) -> None:
    """The shell mounts them once, whatever page is open."""
    for page in ("", "collections.py", "health.py", PAGE):
        test = desk.open(page)
        views = [json.loads(proto.json).get("view") for proto in components(test)]
        assert [views.count(f"notices.{name}") for name in ("bell", "banner", "toasts")] == [1, 1, 1]


def test_a_link_opens_the_same_tab_and_search(desk: Board) -> None:
    """As the reader left them."""
    put(adding(notice("a", title="Boiler")), adding(notice("b", offset=2, title="Door")))
    shown = panel(desk.open(PAGE, tab="all", words="boiler"), "notices_centre.centre")["value"]
    assert (shown["tab"], shown["search"], [row["key"] for row in shown["rows"]]) == ("all", "boiler", ["a"])


def test_without_a_gateway_the_page_stands_and_says_so(board: Board) -> None:
    """A demo with a store alone has no inboxes."""
    test = board.open(PAGE, show="Preferences")
    press(test, "Send a test")
    assert "follows no gateway" in test.error[0].value


def test_a_threshold_is_saved(desk: Board) -> None:
    """And told to the gateway, whole."""
    test = desk.open(PAGE, show="Preferences")
    choose(test, "people", "toast", "error")
    press(test, "Save")
    assert preferences().people.toast == "error"
    assert asked(desk)[-1]["do"] == "prefer"


def test_what_makes_no_sense_is_refused_with_a_sentence_and_what_was_chosen_stays(desk: Board) -> None:
    """A toast of what isn't in the inbox would be gone for good."""
    test = desk.open(PAGE, show="Preferences")
    choose(test, "people", "centre", "error")
    press(test, "Save")
    assert "For people, the toast would come from 'info' on but the centre from 'error'" in test.error[0].value
    assert preferences() == Preferences()
    kept = [box.value for box in test.selectbox if str(box.key).startswith("tideboard.threshold:people:centre:")]
    assert kept == ["error"]


def test_quiet_hours_are_in_the_readers_zone_and_have_to_make_sense(desk: Board) -> None:
    """Begun and ended at the same time they are refused."""
    test = desk.open(PAGE, show="Preferences")
    toggle = next(each for each in test.toggle if each.label == "Keep quiet")
    toggle.set_value(True)
    press(test, "Save")
    hours = preferences().quiet_hours
    assert hours is not None
    assert (hours.is_on, hours.start, hours.end, hours.zone) == (True, "22:00", "07:00", "UTC")
    begin = next(each for each in test.time_input if each.label == "From")
    begin.set_value(next(each for each in test.time_input if each.label == "To").value)
    press(test, "Save")
    assert "Quiet hours begin and end at 07:00" in test.error[0].value


def test_everyday_changes_can_be_asked_for(desk: Board) -> None:
    """They are off at first."""
    test = desk.open(PAGE, show="Preferences")
    assert not preferences().routine
    next(each for each in test.toggle if each.label == "Everyday changes").set_value(True)
    press(test, "Save")
    assert preferences().routine


def test_a_mute_ends_by_itself_and_can_be_ended_before(desk: Board) -> None:
    """Of a kind of event, a collection or a rule."""
    desk.filler.created("flights", {"id": "UA1"})
    test = desk.open(PAGE, show="Preferences")
    test.selectbox(key="tideboard.mute-what").set_value("collection:flights")
    test.selectbox(key="tideboard.mute-length").set_value("8 hours")
    press(test, "Mute")
    mute = preferences().mutes[0]
    assert mute.what == "collection:flights"
    assert 8 * 3600 - 60 < mute.until - time.time() <= 8 * 3600
    assert any("collection flights, until" in text.value for text in test.run().text)
    press(test, "Unmute")
    assert preferences().mutes == ()


def test_the_test_button_sends_one_through_everything(desk: Board) -> None:
    """To this person's inbox, as any other notice."""
    test = desk.open(PAGE, show="Preferences")
    press(test, "Send a test")
    assert [row.newest.title for row in current().store.inbox(ME).inbox.rows.values()] == ["This is a test"]
    assert asked(desk)[-1]["do"] == "add"


def test_the_history_is_searched_and_cleared(desk: Board) -> None:
    """Rows in the inbox stay."""
    put(
        adding(notice("a", severity="critical"), at=time.time()),
        Acknowledge(id="k", at=time.time(), keys=("a",), who="bob"),
    )
    test = desk.open(PAGE, show="History", words="bob")
    assert len(panel(test, "notices_centre.history")["value"]["rows"]) == 1
    press(test, "Clear the history")
    assert current().store.inbox(ME).inbox.history == ()
    assert list(current().store.inbox(ME).inbox.rows) == ["a"]


def test_the_history_can_be_downloaded(desk: Board) -> None:
    """What the search finds, as CSV."""
    put(adding(notice("a", title="=HYPERLINK(1)")), adding(notice("b", offset=2, title="Door")))
    desk.open(PAGE, show="History")
    lines = history_csv("hyperlink").decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert "'=HYPERLINK(1)" in lines[1]
