"""The app's knowledge of flags: pushed over a real socket, asked for where there is none, and obeyed at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from realtime.client import WebSocketClient
from realtime.client.flags import FlagWatch
from realtime.protocol.flags import READ_ONLY, REALTIME, UNTOUCHED, WEBSOCKET, Flag, Flags
from realtime.pulse import PULSE, PUSHES
from realtime.store import ConnectionState, Store
from tests.gateway.making import envelope
from tests.gateway.serving import Served, served
from tests.support.waiting import until

OFF = Flags(5, (Flag(READ_ONLY, 100),))


def message(flags: Flags) -> bytes:
    """Make what the gateway pushes."""
    return msgspec.json.encode({"flags": flags})


@contextmanager
def following(gateway: Served) -> Iterator[tuple[Store, FlagWatch, WebSocketClient]]:
    """Follow a gateway as the app does, until it is live."""
    store = Store()
    watch = FlagWatch(store, base_url=gateway.url)
    client = WebSocketClient(
        f"ws://127.0.0.1:{gateway.port}/connection/websocket", http_url=gateway.url, store=store, consumer="app",
        on_message=watch.pushed,
    )  # fmt: skip
    watch.watch(lambda _flags: client.look_for_socket())
    client.connect()
    watch.start()
    try:
        until(lambda: client.connection_state is ConnectionState.CONNECTED, what="a connection")
        yield store, watch, client
    finally:
        watch.stop()
        client.disconnect()


def test_a_change_is_pushed_to_the_store(tmp_path: Path) -> None:
    """Nobody has to ask while there is a socket; listeners hear of it, once."""
    with served(tmp_path) as gateway, following(gateway) as (store, watch, _):
        heard: list[int] = []
        watch.watch(lambda flags: heard.append(flags.revision))
        gateway.gateway.flags.set({READ_ONLY: 100}, by="ann")
        until(lambda: store.flags.is_on(READ_ONLY, "anybody"), what="the flag in the store")
        assert heard == [1]
        assert store.version("flags") > 0


def test_sockets_off_means_polls_and_on_means_sockets_again(tmp_path: Path) -> None:
    """Nothing is lost on the way, and no loss is told: events of all three stretches are there, in order."""
    with served(tmp_path) as gateway, following(gateway) as (store, _, _client):
        gateway.post(envelope(1))
        until(lambda: store.document("orders", "d1"), what="the first document")
        gateway.gateway.flags.set({WEBSOCKET: 0}, by="ann")
        until(lambda: store.connection.is_connected and store.connection.transport == "polling", what="polls")
        gateway.post(envelope(2))
        until(lambda: store.document("orders", "d2"), what="the second document")
        gateway.gateway.flags.set({WEBSOCKET: 100}, by="ann")
        until(lambda: store.connection.is_connected and store.connection.transport == "websocket", what="a socket")
        gateway.post(envelope(3))
        until(lambda: store.document("orders", "d3"), what="the third document")
        assert [entry.envelope.type for entry in store.feed(channels=("connection",))] == ["connection:established"]
        assert store.connection.reconnects == 0


def test_figures_are_asked_for_with_this_apps_own_pushes(tmp_path: Path) -> None:
    """A gateway elsewhere can't know them; what was before a change is remembered here."""
    with served(tmp_path) as gateway:
        store = Store()
        watch = FlagWatch(store, base_url=gateway.url)
        PULSE.note(PUSHES, 0.02)
        gateway.gateway.flags.set({REALTIME: 10}, by="ann")
        watch.look()
        assert store.flags_told is not None
        [told] = [one for one in store.flags_told.flags if one.name == REALTIME]
        assert told.before is not None
        assert told.before.count >= 1
        assert store.flags.get(REALTIME).percent == 10


def test_an_answer_asked_for_before_a_push_is_older_than_it() -> None:
    """Else a switch would seem to be taken back for a moment."""
    store = Store()
    watch = FlagWatch(store, base_url="http://127.0.0.1:9", steady=lambda: 100.0)
    assert watch.pushed(message(OFF))
    assert not watch._take(UNTOUCHED, asked_at=99.0)
    assert store.flags == OFF
    assert watch._take(UNTOUCHED, asked_at=101.0)
    assert store.flags == UNTOUCHED


@pytest.mark.parametrize("data", [b"{}", b"nonsense", b'{"channel": "users", "epoch": "x"}', b"\xff", b'{"flags": 3}'])
def test_other_messages_are_left_to_others(data: bytes) -> None:
    """They are told apart by what they hold."""
    store = Store()
    assert not FlagWatch(store, base_url="http://127.0.0.1:9").pushed(data)
    assert store.version("flags") == 0


def test_where_nobody_answers_everything_stays_as_it_is() -> None:
    """Also what was told before."""
    store = Store()
    watch = FlagWatch(store, base_url="http://127.0.0.1:9")
    watch.pushed(message(OFF))
    watch.look()
    assert store.flags == OFF
    assert store.flags_told is None
