"""The live channel over real sockets: tickets let in, the newest comes at once, a hidden tab is sent nothing."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Iterator

import pytest
import websocket

from realtime.config import Settings
from realtime.hub.backlog import Backlog
from realtime.hub.connection import Connection
from realtime.hub.outgoing import outgoing_publication
from realtime.hub.ports import Member, OutPublication
from realtime.live.runtime import Runtime, current, install, uninstall
from realtime.live.tickets import Tickets, channel_of, ticket_key
from realtime.protocol.codes import may_reconnect
from tests.live.serving import ASSETS, Serving, Tab
from tests.live.support import SECRET, broken, one_number
from tests.support.waiting import until


@pytest.fixture(scope="module")
def shared() -> Iterator[Serving]:
    """Serve once for the module."""
    with Serving() as running:
        yield running


@pytest.fixture
def serving(shared: Serving) -> Serving:
    """Start every test with an empty store that nobody follows."""
    until(lambda: shared.live.caster.followed == {})
    shared.store.put("a", None)
    return shared


@pytest.fixture
def tab(serving: Serving) -> Iterator[Tab]:
    """Open one tab."""
    made = serving.tab()
    yield made
    made.close()


def test_joining_gives_the_newest_value(serving: Serving, tab: Tab) -> None:
    """The reply to a subscription carries epoch, version and the full value."""
    serving.store.put("a", 5)
    data = tab.show(serving, one_number)["subscribe"]["data"]
    assert data["full"] == {"number": 5, "pad": ""}
    assert data["epoch"] == tab.welcome["connect"]["data"]["epoch"] == serving.live.caster.epoch
    assert data["v"] == serving.live.caster.current(one_number).version


def test_a_change_is_pushed(serving: Serving, tab: Tab) -> None:
    """What changes after joining comes by itself, with the next version."""
    joined = tab.show(serving, one_number)["subscribe"]["data"]
    serving.store.put("a", 6)
    pushed = tab.next_push()
    assert pushed["full"]["number"] == 6
    assert pushed["v"] > joined["v"]


def test_changes_are_pushed_as_patches_on_what_the_tab_has(serving: Serving, tab: Tab) -> None:
    """A big value that changes a little costs a little."""
    version = tab.show(serving, one_number, pad=500)["subscribe"]["data"]["v"]
    for number in range(5):
        serving.store.put("a", number)
        pushed = tab.next_push()
        assert pushed["base"] == version
        assert pushed["patch"] == [["s", ["number"], number]]
        version = pushed["v"]


def test_a_tab_that_misses_the_base_gets_the_whole(serving: Serving, tab: Tab) -> None:
    """Asking for a view brings its full value."""
    cast = serving.live.caster.current(one_number, {"pad": 500})
    tab.show(serving, one_number, pad=500)
    tab.tell(want=cast.channel)
    assert "full" in tab.next_push()
    tab.tell(want="view:unknown")
    assert tab.has_silence()


def test_the_whole_that_a_tab_asked_for_is_left_out_for_no_patch(
    serving: Serving, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks once, and takes no patch before it has the whole: one that came instead would freeze its view."""
    cast = serving.live.caster.current(one_number, {"pad": 500})
    tab.show(serving, one_number, pad=500)
    queued = Backlog(limit_bytes=1_000_000)

    def keep(_member: Member, channel: str, publication: OutPublication) -> None:
        """Be a connection that is behind: everything goes into its backlog."""
        queued.add(outgoing_publication(channel, publication))
        queued.add(outgoing_publication(channel, OutPublication(b"{}", key=channel, can_coalesce=True)))

    monkeypatch.setattr(Connection, "push", keep)
    tab.tell(want=cast.channel)
    until(lambda: len(queued) == 2)
    assert b'"full"' in queued.take(limit_bytes=1_000_000).line


def test_a_hidden_tab_is_sent_nothing_and_on_return_the_newest(serving: Serving, tab: Tab) -> None:
    """While one tab is hidden, another that shows the same goes on; nothing is rendered for hidden tabs alone."""
    other = serving.tab()
    cast = serving.live.caster.current(one_number)
    tab.show(serving, one_number)
    other.show(serving, one_number)
    tab.tell(visible=False)
    until(lambda: serving.live.caster.followed == {cast.channel: 1})
    for number in (1, 2, 3):
        serving.store.put("a", number)
        assert other.next_push()["full"]["number"] == number
    assert tab.has_silence()
    tab.tell(visible=True)
    assert tab.next_push()["full"]["number"] == 3
    other.tell(visible=False)
    tab.tell(visible=False)
    until(lambda: serving.live.caster.followed == {})
    version = serving.live.caster.current(one_number).version
    serving.store.put("a", 4)
    assert tab.has_silence()
    assert serving.live.caster.current(one_number).version > version
    other.close()


def test_a_tab_that_joins_hidden_or_while_others_are_misses_nothing(serving: Serving, tab: Tab) -> None:
    """Joining while another tab is hidden gives the newest again after the reply, in case something fell in between."""
    other = serving.tab()
    other.tell(visible=False)
    other.show(serving, one_number)
    joined = tab.show(serving, one_number)["subscribe"]["data"]
    assert tab.next_push()["v"] >= joined["v"]
    other.tell(visible=True)
    assert "full" in other.next_push()
    other.close()


def test_going_away_releases_the_view(serving: Serving, tab: Tab) -> None:
    """Unsubscribing and vanishing both count the tab out."""
    other = serving.tab()
    cast = serving.live.caster.current(one_number)
    tab.show(serving, one_number)
    other.show(serving, one_number)
    assert serving.live.caster.followed == {cast.channel: 2}
    tab.ask(unsubscribe={"channel": cast.channel})
    assert serving.live.caster.followed == {cast.channel: 1}
    other.tell(visible=False)
    until(lambda: serving.live.caster.followed == {})
    other.close()
    until(lambda: serving.live.backend._hidden == {})


@pytest.mark.parametrize(
    ("channel", "secret", "view", "now"),
    [
        ("right", b"another secret of thirty-two bytes", "support.one_number", 0.0),
        ("wrong", SECRET, "support.one_number", 0.0),
        ("right", SECRET, "support.one_number", -90_000.0),
    ],
)
def test_a_bad_ticket_is_refused(
    serving: Serving, tab: Tab, channel: str, secret: bytes, view: str, now: float
) -> None:
    """Forged, for another view, or expired: permission denied, and the connection lives on."""
    ticket = Tickets(ticket_key(secret)).issue(view, {}, now=time.time() + now)
    good = serving.live.caster.current(one_number).channel
    reply = tab.ask(subscribe={"channel": good if channel == "right" else "view:other", "token": ticket})
    assert reply["error"]["code"] == 103
    assert "subscribe" in tab.show(serving, one_number)


@pytest.mark.parametrize(("view", "profile"), [("support.no_such_view", "default"), ("support.one_number", "sales")])
def test_a_good_ticket_for_what_isnt_here_yet_may_come_again(
    serving: Serving, tab: Tab, view: str, profile: str
) -> None:
    """A view or a profile that no page has opened since the start: not refused for good, a page may be about to."""
    ticket = Tickets(ticket_key(SECRET)).issue(view, {}, profile=profile, now=time.time())
    reply = tab.ask(subscribe={"channel": channel_of(view, {}, profile=profile), "token": ticket})
    assert (reply["error"]["code"], reply["error"]["temporary"]) == (108, True)


def test_a_broken_view_is_an_error_of_its_own(serving: Serving, tab: Tab, caplog: pytest.LogCaptureFixture) -> None:
    """A view that fails at joining is refused as temporary; the next try may do better."""
    ticket = Tickets(ticket_key(SECRET)).issue(broken.name, {}, now=time.time())
    request = {"channel": channel_of(broken.name, {}), "token": ticket}
    serving.store.put("a", "bad")
    reply = tab.ask(subscribe=request)
    assert reply["error"] == {"code": 100, "message": "The view support.broken failed.", "temporary": True}
    serving.store.put("a", 1)
    assert tab.ask(subscribe=request)["subscribe"]["data"]["full"] == {"number": 1}


def test_a_view_that_breaks_later_leaves_the_tab_what_it_has(
    serving: Serving, tab: Tab, caplog: pytest.LogCaptureFixture
) -> None:
    """The caster logs it, and the next good value comes."""
    cast = serving.live.caster.current(broken)
    tab.show(serving, broken)
    serving.store.put("a", "bad")
    until(lambda: "broken failed" in caplog.text)
    tab.tell(want=cast.channel)
    until(lambda: "can't be shown" in caplog.text)
    serving.store.put("a", 9)
    assert tab.next_push()["full"]["number"] == 9


def test_tabs_can_do_nothing_else(serving: Serving, tab: Tab) -> None:
    """Publishing, history, methods and tokens are refused; nonsense is ignored."""
    channel = serving.live.caster.current(one_number).channel
    tab.show(serving, one_number)
    assert tab.ask(publish={"channel": channel, "data": {}})["error"]["code"] == 103
    assert tab.ask(history={"channel": channel})["error"]["code"] == 108
    assert tab.ask(rpc={"method": "x", "data": {}})["error"]["code"] == 104
    assert tab.ask(refresh={"token": "x"})["error"]["code"] == 108
    assert tab.ask(sub_refresh={"channel": channel, "token": "x"})["error"]["code"] == 108
    tab.tell(visible="perhaps")
    tab.tell(idle=True)
    serving.store.put("a", 77)
    assert tab.next_push()["full"]["number"] == 77


def test_one_tab_shows_so_many_views_and_no_more(serving: Serving, tab: Tab) -> None:
    """Subscriptions are bounded."""
    for number in range(200):
        assert "subscribe" in tab.show(serving, one_number, topic=f"t{number}")
    assert tab.show(serving, one_number, topic="one-too-many")["error"]["code"] == 106


def test_assets_are_kept_for_good_under_their_version(serving: Serving) -> None:
    """Modules come gzip'd where that is understood, immutable under the right version, not kept under another."""
    assets = serving.live.assets
    plain = serving.get(assets.url("patch.js"))
    zipped = serving.get(assets.url("patch.js"), **{"accept-encoding": "gzip"})
    assert plain.content == zipped.content == (ASSETS / "patch.js").read_bytes()
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.headers["content-type"].startswith("text/javascript")
    assert "immutable" in plain.headers["cache-control"]
    assert serving.get("/live/assets/old/patch.js").headers["cache-control"] == "no-store"
    assert serving.get(assets.url("../secret")).status_code == 404
    assert serving.get(assets.url("nothing.js")).status_code == 404


def test_plotly_comes_from_our_own_port(serving: Serving) -> None:
    """The plotly.js of the plotly package, zipped once."""
    assets = serving.live.assets
    found = assets.find("plotly.min.js")
    assert found is not None
    assert found is assets.find("plotly.min.js")
    assert b"plotly.js v" in found.plain[:200]
    assert gzip.decompress(found.zipped) == found.plain
    assert len(serving.get(assets.url("plotly.min.js"), **{"accept-encoding": "gzip"}).content) == len(found.plain)


def test_shutdown_sends_tabs_away_to_come_back() -> None:
    """Leaving ends every connection in a moment, with a code that invites back."""
    with Serving() as running:
        tab = running.tab()
        tab.show(running, one_number)
        began = time.monotonic()
        running.server.should_exit = True
        code = None
        while code is None:
            opcode, frame = tab._socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                code = int.from_bytes(frame[:2], "big")
        tab.close()
    assert may_reconnect(code)
    assert time.monotonic() - began < 5


def test_a_runtime_is_found_until_it_is_uninstalled(serving: Serving) -> None:
    """Pages find the process's runtime, and a clear error when there is none."""
    from realtime.errors import NotRunning

    runtime = Runtime(
        settings=Settings(), store=serving.store.as_store, caster=serving.live.caster, assets=serving.live.assets
    )
    install(runtime)
    assert current() is runtime
    uninstall()
    with pytest.raises(NotRunning, match="streamlit run"):
        current()


def test_no_foreign_page_opens_a_channel(serving: Serving) -> None:
    """Whatever tickets it might have got hold of; our own page does."""
    url = f"ws://127.0.0.1:{serving.port}/live/channel"
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{serving.port + 1}"):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            websocket.create_connection(url, timeout=5, origin=origin)
        assert refused.value.status_code == 403
    websocket.create_connection(url, timeout=5, origin=f"http://127.0.0.1:{serving.port}").close()


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fconfig.py",
        "%2e%2e%2fconfig.py",
        "....//config.py",
        "..%5cconfig.py",
        "%00patch.js",
        "patch.js%00",
        "",
    ],
)
def test_no_asset_leads_out_of_its_folder(serving: Serving, name: str) -> None:
    """What isn't a name in the folder isn't there, however it is written."""
    with socket.create_connection(("127.0.0.1", serving.port), timeout=5) as wire:
        path = f"/live/assets/{serving.live.assets.version}/{name}"
        wire.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = wire.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"Settings" not in answer
