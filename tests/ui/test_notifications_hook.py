"""use_notifications, member by member, as a page of another Streamlit author uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, cast

import pytest
from streamlit.testing.v1 import AppTest

from realtime.client.calls import Ack
from realtime.client.inboxes import Inboxes
from realtime.errors import NotRunning
from realtime.live.runtime import install, uninstall
from realtime.notifications.commands import Command
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.events import Envelope
from realtime.protocol.positions import Position
from realtime.store import Store
from realtime.ui import Notice, use_notifications
from tests.notifications.making import NOW, adding, notice
from tests.ui.stage import RecordingClient, runtime_of


class FollowingClient(RecordingClient):
    """Also records what is followed and sent; nothing is ever answered."""

    outbox = None

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.sent: list[Envelope] = []
        self.followed: list[str] = []
        self._store = store

    def follow(self, channel: str) -> Callable[[], None]:
        """Load an empty inbox."""
        self.followed.append(channel)
        person = channel.partition("#")[2]
        self._store.inboxes.load(person, Inbox(), position=Position("e", 0), now=NOW)
        return lambda: self.followed.remove(channel)

    def send(self, envelope: Envelope) -> Future[Ack]:
        """Keep an event."""
        self.sent.append(envelope)
        return Future()


@pytest.fixture
def client() -> Iterator[FollowingClient]:
    """Install a runtime with inboxes over a store."""
    store = Store()
    made = FollowingClient(store)
    inboxes = Inboxes(store, cast("Any", made), now=lambda: NOW)
    install(replace(runtime_of(store, client=made), inboxes=inboxes))
    yield made
    uninstall()


def author_page() -> None:
    """Use everything there is."""
    import streamlit as st

    from realtime.ui import Notice, use_notifications

    notes = use_notifications()
    st.session_state["notes"] = notes
    if st.button("Show"):
        st.session_state["id"] = notes.show(Notice(title="Saved", type="success", metadata={"n": 1}))
        notes.show({"title": "Look", "type": "warning", "key": "look"})
    if st.button("Hide"):
        notes.hide(st.session_state["id"])
    if st.button("Clear"):
        notes.clear_all()
    if st.button("Prefer"):
        notes.update_preferences(sound=True)
    if st.button("Forget"):
        notes.clear_history()
    st.write(notes.unread_count, [each.title for each in notes.notifications])


def press(app: AppTest, label: str) -> Any:
    """Press a button and return the hook of the run after it."""
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception
    return app.session_state["notes"]


def dos(client: FollowingClient) -> list[str]:
    """Name what was sent."""
    return [envelope.data["command"]["do"] for envelope in client.sent]


def test_show_hide_and_clear(client: FollowingClient) -> None:
    """What is shown is there at once, unread; hidden or cleared it is done."""
    app = AppTest.from_function(author_page).run()
    notes = press(app, "Show")
    shown = app.session_state["id"]
    assert {each.title for each in notes.notifications} == {"Saved", "Look"}
    saved = next(each for each in notes.notifications if each.id == shown)
    assert (saved.type, saved.metadata, saved.is_read) == ("success", {"n": 1}, False)
    assert notes.unread_count == 2
    notes = press(app, "Hide")
    assert [each.title for each in notes.notifications] == ["Look"]
    notes = press(app, "Clear")
    assert (notes.notifications, notes.unread_count) == ((), 0)
    assert dos(client) == ["add", "add", "set", "set"]
    assert {envelope.data["user"] for envelope in client.sent} == {"local"}


def test_preferences_and_history(client: FollowingClient) -> None:
    """Changes show at once and keep the rest; the history tells what was shown, until it is cleared."""
    app = AppTest.from_function(author_page).run()
    press(app, "Show")
    notes = press(app, "Prefer")
    assert notes.preferences.sound is True
    assert [past.title for past in notes.history] == ["Look", "Saved"]
    notes = press(app, "Forget")
    assert notes.history == ()
    assert dos(client)[-2:] == ["prefer", "clear-history"]


def test_reruns_hold_the_inbox_once(client: FollowingClient) -> None:
    """However often the script runs."""
    app = AppTest.from_function(author_page).run()
    for _ in range(3):
        app.run()
    assert client.followed == ["inbox#local"]


def test_the_runtime_is_needed(client: FollowingClient) -> None:
    """Where no gateway is followed, one sentence says so."""
    install(runtime_of(Store()))
    with pytest.raises(NotRunning, match="no notifications"):
        use_notifications()


def test_what_the_gateway_tells_is_there_too(client: FollowingClient) -> None:
    """Notices of rules stand beside those of pages."""
    app = AppTest.from_function(author_page).run()
    store = client._store
    told: list[Command] = [adding(notice("a", severity="critical"))]
    store.inboxes.predict("local", told, now=NOW)
    notes = press(app, "Show")
    first = notes.notifications[0]
    assert (first.key, first.needs_acknowledgement, first.severity) == ("a", True, "critical")
    notes = press(app, "Clear")
    assert [each.key for each in notes.notifications] == ["a"]
    assert Notice(title="x").type == "info"
