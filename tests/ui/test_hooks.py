"""The hooks: data without reruns, handlers that a rerun replaces and a session's end releases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from realtime.errors import EventError, NotRunning
from realtime.live.runtime import current, install, uninstall
from realtime.protocol.events import CollectionCreated, CollectionDeleted, CollectionUpdated
from realtime.store import ConnectionState, ConnectionStatus, Store
from realtime.ui import use_connection_status, use_realtime_collections, use_realtime_data
from realtime.ui.session import Subscriptions
from tests.ui.stage import RecordingClient, event, put, runtime_of


@pytest.fixture
def store() -> Iterator[Store]:
    """Install a runtime over a store with two orders."""
    made = Store()
    put(made, event("created", "o1", value=1), event("created", "o2", value=2))
    install(runtime_of(made, client=RecordingClient()))
    yield made
    uninstall()


def client() -> RecordingClient:
    """Return the runtime's client."""
    found: Any = current().client
    assert isinstance(found, RecordingClient)
    return found


def data_page() -> None:
    """Show a collection beside the switch."""
    import streamlit as st

    from realtime.ui import realtime_toggle, use_realtime_data

    realtime_toggle()
    orders = use_realtime_data("orders")
    st.session_state["frame"] = orders.data
    if st.button("Hold"):
        orders.disable_realtime()
    if st.button("Go on"):
        orders.enable_realtime()
    st.session_state["is_on"] = orders.is_realtime_enabled


def test_data_is_the_collection_as_it_is_now(store: Store) -> None:
    """A DataFrame with the documents' ids as index, newer with every run."""
    app = AppTest.from_function(data_page).run()
    assert list(app.session_state["frame"]["value"]) == [1, 2]
    put(store, event("updated", "o1", value=5))
    assert app.run().session_state["frame"].loc["o1", "value"] == 5


def test_held_data_stay_as_they_were(store: Store) -> None:
    """While real-time is off, `data` is what it was when the hold began; on again, it is the newest."""
    app = AppTest.from_function(data_page).run()
    app.button[0].click().run()
    assert app.session_state["is_on"] is False
    app.run()
    put(store, event("created", "o3", value=3))
    assert list(app.run().session_state["frame"].index) == ["o1", "o2"]
    assert app.toggle[0].value is False
    app.button[1].click().run()
    assert list(app.run().session_state["frame"].index) == ["o1", "o2", "o3"]
    app.button[0].click().run()
    put(store, event("created", "o4", value=4))
    assert "o3" in app.run().session_state["frame"].index


def test_the_connection_is_as_the_store_knows_it(store: Store) -> None:
    """Both hooks say the same."""
    store.set_connection(ConnectionStatus(state=ConnectionState.CONNECTED, since=1.0), now=time.time())
    orders = use_realtime_data("orders")
    assert orders.is_connected
    assert use_realtime_collections().is_connected
    assert use_connection_status() == orders.connection_status
    assert orders.connection_status.state is ConnectionState.CONNECTED


def test_collections_are_listed_in_numbers(store: Store) -> None:
    """Names and counts, with no network."""
    found = use_realtime_collections()
    assert found.names == ("orders",)
    assert found.collections[0].count == 2


def test_the_last_update_is_the_newest_change(store: Store) -> None:
    """Its time is UTC; a collection that never changed has none."""
    last = use_realtime_data("orders").last_update
    assert last is not None
    assert abs(last.timestamp() - time.time()) < 60
    assert use_realtime_data("nothing").last_update is None


def test_a_name_that_cannot_be_a_collections_is_refused(store: Store) -> None:
    """A typo with a slash is an error, not an empty table."""
    with pytest.raises(EventError, match="can't name a collection"):
        use_realtime_data("a/b")


def test_outside_a_tideboard_the_hooks_say_so() -> None:
    """There is no store to read."""
    uninstall()
    for use in (lambda: use_realtime_data("orders"), use_realtime_collections, use_connection_status):
        with pytest.raises(NotRunning):
            use()


def test_reconnect_dials_now(store: Store) -> None:
    """The hook reaches the client, and says when there is none."""
    use_realtime_data("orders").reconnect()
    assert client().reconnects == 1
    install(runtime_of(store))
    with pytest.raises(NotRunning, match="follows no gateway"):
        use_realtime_data("orders").reconnect()


def handlers_page() -> None:
    """Register handlers in every run, as pages do."""
    import streamlit as st

    from realtime.ui import use_realtime_data

    heard = st.session_state.setdefault("heard", [])
    orders = use_realtime_data("orders")
    orders.on_data_created(lambda event: heard.append(event))
    orders.on_data_updated(lambda event: heard.append(event))
    st.session_state["stop"] = orders.on_data_deleted(lambda event: heard.append(event))
    use_realtime_data("other").on_data_created(lambda event: heard.append(f"never {event}"))
    if "unnamed" not in st.session_state:
        st.session_state["unnamed"] = heard.append
    orders.on_data_created(st.session_state["unnamed"])


def test_handlers_hear_their_own_collection_and_kind(store: Store) -> None:
    """Created, updated and deleted orders each reach their handlers, once however often the page ran; others don't."""
    app = AppTest.from_function(handlers_page).run()
    count = len(client().handlers)
    for _ in range(3):
        app.run()
    assert not app.exception
    assert len(client().handlers) == count == 5
    for kind in ("created", "updated", "deleted"):
        client().publish(event(kind, "o9", value=1))
    kinds = [type(each) for each in app.session_state["heard"]]
    assert kinds == [CollectionCreated, CollectionCreated, CollectionUpdated, CollectionDeleted]
    for _ in range(2):
        app.session_state["stop"]()
    client().publish(event("deleted", "o9"))
    assert len(app.session_state["heard"]) == 4


def test_the_end_of_a_session_releases_its_handlers() -> None:
    """What was kept is let go of, once."""
    kept, released = Subscriptions(), []
    for name in ("a", "b", "a"):
        kept.keep(name, lambda name=name: lambda: released.append(name))  # type: ignore[misc]
    assert (len(kept), released) == (2, ["a"])
    kept.release_all()
    kept.release_all()
    assert sorted(released) == ["a", "a", "b"]
    assert len(kept) == 0
