"""Pages as Streamlit runs them: what panels are handed, what the switch holds, when the page refreshes itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from realtime.errors import NotRunning, TicketError
from realtime.live.runtime import current, install, uninstall
from realtime.live.tickets import Tickets
from realtime.protocol.flags import REALTIME, UNTOUCHED, Flag, Flags
from realtime.store import Store
from realtime.ui import live, live_view
from tests.ui.stage import RecordingClient, components, event, put, runtime_of


@pytest.fixture
def store() -> Iterator[Store]:
    """Install a runtime over a store with one order."""
    made = Store()
    put(made, event("created", "o1", value=1))
    install(runtime_of(made, client=RecordingClient()))
    yield made
    uninstall()


def data_of(app: AppTest) -> list[dict[str, Any]]:
    """Return what each component was handed."""
    assert not app.exception, app.exception
    return [json.loads(proto.json) for proto in components(app)]


def feed_page() -> None:
    """Show a feed."""
    from realtime.ui import live_view
    from realtime.views import feed

    live_view(feed.newest, height=300, options={"label": "Newest"}, limit=5)


def whole_page() -> None:
    """Show one of everything."""
    import streamlit as st

    from realtime.ui import autorefresh_fallback, connection_badge, live, live_view, realtime_toggle
    from realtime.views import connection, feed

    assert connection is not None
    connection_badge()
    realtime_toggle()
    st.session_state["refreshes"] = autorefresh_fallback()
    live_view("feed.newest", key="feed", on={"opened": lambda: None})

    @live("collection:orders", at_most_per_s=2.0)
    def counted() -> None:
        st.session_state["seen"] = st.session_state.get("seen", 0) + 1

    counted()
    assert feed is not None


def test_a_panel_is_handed_value_ticket_and_version(store: Store) -> None:
    """Enough for the first paint, and for following with no further word from the page."""
    (data,) = data_of(AppTest.from_function(feed_page).run())
    assert (data["view"], data["kind"], data["height"]) == ("feed.newest", "feed", 300)
    assert data["value"]["rows"][0]["title"] == "o1"
    assert data["version"] >= 1
    assert data["epoch"] == current().caster.epoch
    assert data["options"] == {"label": "Newest"}
    assert data["module"] == current().assets.url("feed.js")
    ticket = Tickets(b"u" * 32).verify(data["ticket"], now=0.0)
    assert ticket.channel == data["channel"]
    assert dict(ticket.parameters) == {"limit": 5}


def test_a_panel_keeps_its_identity_over_reruns(store: Store) -> None:
    """The same view with the same parameters is the same element, so its DOM stays; its value is the newest."""
    app = AppTest.from_function(feed_page).run()
    before = components(app)[0].id
    put(store, event("created", "o2", value=2))
    app.run()
    assert components(app)[0].id == before
    assert data_of(app)[0]["value"]["rows"][0]["title"] == "o2"


def test_a_rerun_without_changes_hands_over_the_same(store: Store) -> None:
    """Nothing new for the browser: the data are equal to the byte."""
    app = AppTest.from_function(feed_page).run()
    before = components(app)[0].json
    app.run()
    assert components(app)[0].json == before


def test_an_unknown_view_is_a_clear_error(store: Store) -> None:
    """A typo in a view's name says so."""
    with pytest.raises(TicketError, match=r"no view named 'feed\.nothing'"):
        live_view("feed.nothing")


def test_without_a_running_tideboard_a_panel_says_what_to_do() -> None:
    """`streamlit run pages/shell.py` instead of app.py is the usual mistake."""
    uninstall()
    with pytest.raises(NotRunning, match=r"streamlit run app\.py"):
        live_view("changes.changed", topics=["feed"])


def test_a_page_mounts_badge_feed_and_trigger(store: Store) -> None:
    """Each kind has its module, and the trigger says which version its fragment has seen."""
    badge, panel, trigger = data_of(AppTest.from_function(whole_page).run())
    assert badge["module"].endswith("/badge.js")
    assert badge["options"]["refreshSeconds"] == 7.0
    assert badge["options"]["channel"] == "open"
    assert panel["module"].endswith("/feed.js")
    assert trigger["module"].endswith("/trigger.js")
    assert (trigger["run"], trigger["perSecond"]) == (1, 2.0)


def test_every_run_of_a_live_fragment_is_told_to_its_trigger(store: Store) -> None:
    """The trigger waits for the answer before it asks again."""
    app = AppTest.from_function(whole_page).run()
    first = data_of(app)[2]
    put(store, event("updated", "o1", value=9))
    second = data_of(app.run())[2]
    assert second["run"] == first["run"] + 1
    assert second["version"] > first["version"]


def test_a_live_fragment_needs_a_topic() -> None:
    """Without one it would never rerun."""
    with pytest.raises(ValueError, match="at least one topic"):
        live()


def test_the_switch_holds_every_panel(store: Store) -> None:
    """Off: each panel is told to stand still, and where the count of what waits begins; on: to go on."""
    app = AppTest.from_function(whole_page).run()
    app.toggle(key="tideboard.realtime").set_value(False).run()
    assert {json.dumps(data["hold"]) for data in data_of(app)} == {'{"held": true, "turn": 1, "at": 1}'}
    app.toggle(key="tideboard.realtime").set_value(True).run()
    assert {(data["hold"]["held"], data["hold"]["turn"]) for data in data_of(app)} == {(False, 2)}


def test_a_page_that_can_be_pushed_to_does_not_refresh_itself(store: Store) -> None:
    """No autorefresh unless it is needed."""
    app = AppTest.from_function(whole_page).run()
    assert app.session_state["refreshes"] is False
    assert len(app.caption) == 0


def test_a_page_without_a_channel_refreshes_itself_and_says_so(store: Store) -> None:
    """The badge told that the channel is blocked; when it tells that it is open, refreshing ends."""
    app = AppTest.from_function(whole_page).run()
    app.session_state["tideboard.badge"] = {"channel": "blocked"}
    app.run()
    assert app.session_state["refreshes"] is True
    assert app.caption[0].value == "◆ Refreshing every 7 s: live channel unavailable"
    assert data_of(app)[0]["options"]["channel"] == "blocked"
    app.session_state["tideboard.badge"] = {"channel": "open"}
    app.run()
    assert app.session_state["refreshes"] is False


def test_a_held_page_does_not_refresh_itself(store: Store) -> None:
    """Standing still is standing still."""
    app = AppTest.from_function(whole_page).run()
    app.session_state["tideboard.badge"] = {"channel": "blocked"}
    app.toggle(key="tideboard.realtime").set_value(False).run()
    assert app.session_state["refreshes"] is False


def chosen_page() -> None:
    """Refresh by choice."""
    from realtime.ui import autorefresh_fallback

    autorefresh_fallback(interval_s=2.5, is_pushing_off=True)


def test_a_person_may_choose_refreshing(store: Store) -> None:
    """The chosen interval is said, and why."""
    app = AppTest.from_function(chosen_page).run()
    assert app.caption[0].value == "◆ Refreshing every 2.5 s: pushing is off"


def test_a_page_whose_real_time_is_switched_off_refreshes_and_says_so(store: Store) -> None:
    """For whom it is off, and as long as it is; the badge is told, so that it needn't find out."""
    store.set_flags(Flags(1, (Flag(REALTIME, 0),)))
    app = AppTest.from_function(whole_page).run()
    assert data_of(app)[0]["options"]["channel"] == "off"
    assert app.session_state["refreshes"] is True
    assert "switched off by an operator" in app.caption[0].value
    store.set_flags(UNTOUCHED)
    app.run()
    assert app.session_state["refreshes"] is False


def retry_page() -> None:
    """Press the badge's button."""
    from realtime.ui.badge import _reconnect

    _reconnect()


def test_retry_dials_the_gateway(store: Store) -> None:
    """The badge's button reaches the client; without one it does nothing."""
    client: Any = current().client
    AppTest.from_function(retry_page).run()
    assert isinstance(client, RecordingClient)
    assert client.reconnects == 1
    install(runtime_of(store))
    assert not AppTest.from_function(retry_page).run().exception
