"""The hook about people: who is here, what they did, handlers that hear and are let go of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from streamlit.testing.v1 import AppTest

from realtime.errors import EventError, NotRunning
from realtime.live.attendance import Attendance
from realtime.live.runtime import Runtime, current, install, uninstall
from realtime.protocol.events import Envelope
from realtime.store import Store
from realtime.ui import use_user_activity
from realtime.ui.activity_hook import UserActivityHook
from realtime.ui.session import Subscriptions
from realtime.ui.tracking import LARGEST_METADATA_BYTES, LONGEST_ACTION
from tests.live.test_attendance import Sender
from tests.store.making import acted, login, logout
from tests.support.waiting import until
from tests.ui.stage import RecordingClient, runtime_of

MEMBERS = ("active_users", "user_actions", "track_action", "on_user_joined", "on_user_left", "on_user_action")


@pytest.fixture
def store() -> Iterator[Store]:
    """Install a runtime in which ann is online and bob has left."""
    made = Store()
    events = [login("ann"), login("bob"), acted("ann", "export"), logout("bob")]
    made.apply("users", list(zip(events, range(1, 5), strict=True)), epoch="u", now=time.time())
    install(runtime_of(made, client=RecordingClient()))
    yield made
    uninstall()


def client() -> RecordingClient:
    """Return the runtime's client."""
    return cast(RecordingClient, current().client)


def test_the_hook_has_the_members_of_the_design(store: Store) -> None:
    """Neither fewer nor more."""
    public = {name for name in dir(UserActivityHook) if not name.startswith("_")}
    assert public == set(MEMBERS)


def test_active_users_and_actions_are_the_stores(store: Store) -> None:
    """Who is online, and what was done, newest first."""
    people = use_user_activity()
    assert [person.user_id for person in people.active_users] == ["ann"]
    assert [(did.user_id, did.action) for did in people.user_actions] == [
        ("bob", "logout"), ("ann", "export"), ("bob", "login"), ("ann", "login")
    ]  # fmt: skip


def test_outside_a_tideboard_the_hook_says_so() -> None:
    """There is no store to read."""
    uninstall()
    with pytest.raises(NotRunning):
        use_user_activity()


def handlers_page() -> None:
    """Register handlers in every run."""
    import streamlit as st

    from realtime.ui import use_user_activity

    heard = st.session_state.setdefault("heard", [])
    people = use_user_activity()
    people.on_user_joined(lambda event: heard.append(event))
    people.on_user_left(lambda event: heard.append(event))
    st.session_state["stop"] = people.on_user_action(lambda event: heard.append(event))


def test_handlers_hear_once_however_often_the_page_ran(store: Store) -> None:
    """Joined, left and action, each with its own event; after the end of it, nothing."""
    app = AppTest.from_function(handlers_page).run()
    for _ in range(3):
        app.run()
    assert not app.exception
    assert len(client().handlers) == 3
    for envelope in (login("cy"), acted("cy", "edit"), logout("cy")):
        client().publish(envelope)
    assert [event.TYPE for event in app.session_state["heard"]] == ["user:login", "user:activity", "user:logout"]
    assert app.session_state["heard"][1].action == "edit"
    app.session_state["stop"]()
    client().publish(acted("cy", "edit"))
    assert len(app.session_state["heard"]) == 3


def ignore(_event: Any) -> None:
    """Hear, and do nothing."""


def test_a_thousand_sessions_leave_no_handler_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every session registers all kinds of handlers, some twice, and ends; what its end releases is all there was."""
    from realtime.ui import activity_hook, hooks

    sizes = []
    for _ in range(1000):
        session = Subscriptions()
        monkeypatch.setattr(activity_hook, "subscriptions", lambda session=session: session)
        monkeypatch.setattr(hooks, "subscriptions", lambda session=session: session)
        for _run in range(2):
            people, orders = use_user_activity(), hooks.use_realtime_data("orders")
            people.on_user_joined(ignore)
            people.on_user_left(ignore)
            people.on_user_action(ignore)
            orders.on_data_created(ignore)
        sizes.append(len(client().handlers))
        session.release_all()
    assert set(sizes) == {4}
    assert client().handlers == []


# What people do here


def tracking_page() -> None:
    """Say what a session wants to be recorded."""
    import streamlit as st

    from realtime.ui.goodbye import say_goodbye
    from realtime.ui.tracking import note_view, track_action

    note_view("Overview")
    wish = st.session_state.get("wish")
    if wish == "leave":
        say_goodbye("local")
    elif wish is not None:
        track_action(*wish)


@pytest.fixture
def attended(tmp_path: Path) -> Iterator[Sender]:
    """Install a runtime that counts who is here."""
    made, sender = Store(), Sender()
    attendance = Attendance(made, folder=tmp_path, grace_s=15.0)
    attendance.start(sender, name="app-1")
    plain = runtime_of(made, client=RecordingClient())
    install(
        Runtime(
            settings=plain.settings, store=made, caster=plain.caster, assets=plain.assets, client=plain.client,
            attendance=attendance,
        )
    )  # fmt: skip
    yield sender
    uninstall()
    attendance.stop()


def metadata(envelope: Envelope) -> Any:
    """Return what an activity says besides."""
    return envelope.data["action"], envelope.data.get("metadata")


def test_opening_a_page_logs_in_and_says_what_is_looked_at(attended: Sender) -> None:
    """Once, however often the page's script runs."""
    app = AppTest.from_function(tracking_page).run()
    for _ in range(3):
        app.run()
    assert not app.exception
    until(lambda: len(attended.sent) == 2)
    assert attended.told == ["login local", "activity local"]
    assert metadata(attended.sent[1]) == ("view", {"page": "Overview"})


def test_an_action_is_told_with_its_person_and_metadata(attended: Sender) -> None:
    """And a goodbye has no grace."""
    app = AppTest.from_function(tracking_page)
    app.session_state["wish"] = ("export", {"collection": "orders", "rows": 3})
    app.run()
    until(lambda: len(attended.sent) == 3)
    assert metadata(attended.sent[2]) == ("export", {"collection": "orders", "rows": 3})
    app.session_state["wish"] = "leave"
    app.run()
    until(lambda: attended.told[-1] == "logout local")
    app.session_state["wish"] = None
    app.run()
    app.session_state["wish"] = ("export", {})
    app.run()
    assert attended.told[-1] == "logout local"
    until(lambda: current().store.person("local") is None or current().store.people_online == 0)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (("", {}), "1 to 80 characters"),
        (("x" * (LONGEST_ACTION + 1), {}), "1 to 80 characters"),
        (("x", {"a": object()}), "JSON object"),
        (("x", {"a": "b" * LARGEST_METADATA_BYTES}), "bytes"),
    ],
)
def test_what_cannot_be_told_is_refused_with_a_sentence(attended: Sender, wish: tuple[Any, Any], words: str) -> None:
    """At the call, so that its author finds out."""
    from realtime.ui.tracking import track_action

    with pytest.raises(EventError, match=words):
        track_action(*wish)
