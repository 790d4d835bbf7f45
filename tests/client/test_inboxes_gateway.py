"""People's inboxes between the app and a real gateway: followed at run time, predicted, sent, refused, remembered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from realtime.client import Outbox, WebSocketClient
from realtime.client.inboxes import Inboxes
from realtime.config import CONFIG_VARIABLE
from realtime.errors import NoticeError
from realtime.notifications.centre import unread_count
from realtime.notifications.commands import Add, Command, command_value
from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.inbox import read_inbox
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import Notification, State
from realtime.protocol.events import Envelope
from realtime.store import InboxCopy, Store
from tests.support.faults import Fault, FaultKind, FaultProxy
from tests.support.processes import Process, start_gateway
from tests.support.producing import Poster, numbered

WAIT_S = 30.0


class App:
    """The app's client side: store, outbox, client, inboxes. A context manager."""

    def __init__(self, base_url: str, folder: Path, *, transport: Any = "auto", linger_s: float = 120.0) -> None:
        self.store = Store()
        self.refused: list[tuple[str, str, str]] = []
        self.outbox = Outbox.open(folder / "outbox.db")
        self.client = WebSocketClient(
            base_url.replace("http", "ws", 1) + "/connection/websocket", http_url=base_url, store=self.store,
            outbox=self.outbox, transport=transport,
        )  # fmt: skip
        self.client.set_reconnect_options(base_s=0.02, cap_s=0.2)
        self.inboxes = Inboxes(
            self.store, self.client, rules=DEFAULT_RULES, linger_s=linger_s,
            on_refused=lambda *told: self.refused.append(told),
        )  # fmt: skip

    def __enter__(self) -> App:
        self.inboxes.start()
        self.client.connect()
        return self

    def __exit__(self, *_error: object) -> None:
        self.inboxes.stop()
        self.client.disconnect()
        self.outbox.close()

    def until(self, claim: Callable[[], bool]) -> None:
        """Wait for changes of the store until a claim holds."""
        deadline, tick = time.monotonic() + WAIT_S, -1
        while not claim():
            assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s; {self.store.connection}"
            tick, _ = self.store.wait_for_changes(tick, timeout_s=0.05)

    def copy(self, person: str = "ann") -> InboxCopy:
        """Return what is held of a person's inbox."""
        return self.store.inbox(person)

    def open(self, person: str = "ann") -> Callable[[], None]:
        """Open a page for a person, and wait for their inbox."""
        release = self.inboxes.open(person, person.title())
        self.inboxes.led(person, is_led=True)
        self.until(lambda: self.copy(person).is_synced and self.client.is_connected)
        return release

    def settled(self, person: str = "ann") -> None:
        """Wait until everything that was done here is in the stream."""
        self.until(lambda: not self.copy(person).replica.pending and self.copy(person).is_synced)


class World:
    """A real gateway on a data folder that outlives it, and apps beside it."""

    def __init__(self, folder: Path, stack: ExitStack, *, extra: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.stack = stack
        self._extra = extra
        self.gateway = self._start(None)
        self.poster = stack.enter_context(Poster(self.gateway.base_url))
        self._apps = 0

    def app(self, **more: Any) -> App:
        """Run an app with an outbox of its own."""
        self._apps += 1
        folder = self.folder / f"app{self._apps}"
        folder.mkdir()
        return self.stack.enter_context(App(self.gateway.base_url, folder, **more))

    def tell(self, *commands: Command, person: str = "ann") -> None:
        """Put commands into a person's stream, as the gateway's own notifier does."""
        self.poster.post(*(_event(command, person) for command in commands))

    def inbox(self, person: str = "ann") -> dict[str, Any]:
        """Return the gateway's own fold."""
        found: dict[str, Any] = self.poster.get(f"/api/inbox/{person}")
        return found

    def fold(self) -> Inbox:
        """Return the gateway's own fold of Ann's inbox."""
        return read_inbox(self.inbox()["inbox"])

    def kill_and_restart(self) -> None:
        """End the gateway as `kill -9` does, and start it again on the same data and port."""
        self.gateway.kill()
        self.gateway = self._start(self.gateway.port)

    def _start(self, port: int | None) -> Process:
        gateway = self.stack.enter_context(start_gateway(self.folder / "data", port=port, extra=self._extra))
        gateway.wait_ready()
        return gateway


def _event(command: Command, person: str) -> Envelope:
    data = {"user": person, "command": command_value(command)}
    return Envelope(id=command.id, source="/tests", type="inbox:command", specversion="1.0", data=data)


def telling(key: str, *, at: float | None = None, **more: Any) -> Add:
    """Make the command that puts a notice in."""
    moment = time.time() if at is None else at
    values: dict[str, Any] = {"severity": "warning", "kind": "warning", "title": f"About {key}", **more}
    return Add(id=f"add {key} {moment}", at=moment, notification=Notification(id=key, key=key, at=moment, **values))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a gateway and take it away."""
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def told(app: App) -> int:
    """Count the notices that the tests put in, whatever the connection did."""
    inbox = app.copy().inbox
    return inbox.dropped + sum(row.total for row in inbox.rows.values() if row.newest.about != "connection")


def toasted(app: App, person: str = "ann") -> list[str]:
    """Name the toasts that stand, newest first."""
    return [toast.key for toast in app.copy(person).toasts.visible]


def test_an_inbox_is_loaded_then_live_and_only_live_news_is_toasted(world: World) -> None:
    """What was there before the page is in the centre without a toast; what comes after has one."""
    world.tell(telling("before"))
    app = world.app()
    app.open()
    assert list(app.copy().inbox.rows) == ["before"]
    assert toasted(app) == []
    world.tell(telling("after"))
    app.until(lambda: toasted(app) == ["after"])
    assert list(app.copy().inbox.rows) == ["before", "after"]


def test_what_is_done_shows_at_once_and_is_the_same_everywhere(world: World) -> None:
    """Two apps and the gateway's own fold agree on what one person did."""
    one, two = world.app(), world.app()
    world.tell(telling("a"), telling("b"))
    one.open()
    two.open()
    one.inboxes.act("ann", {"do": "set", "keys": ["a"], "mark": "read", "id": "x1"})
    assert one.copy().inbox.rows["a"].marks.state is State.READ
    two.until(lambda: two.copy().inbox.rows["a"].marks.state is State.READ)
    one.settled()
    assert one.copy().inbox == two.copy().inbox
    assert world.inbox()["inbox"]["rows"]["a"]["marks"]["state"] == "read"


def test_without_a_connection_acts_show_and_wait_in_order(world: World) -> None:
    """Everything done offline reaches the stream in the order it was done, once."""
    app = world.app()
    world.tell(telling("a"))
    app.open()
    world.gateway.kill()
    app.until(lambda: not app.client.is_connected)
    for mark in ("read", "done", "undone", "unread"):
        app.inboxes.act("ann", {"do": "set", "keys": ["a"], "mark": mark})
    app.inboxes.act("ann", {"do": "prefer", "changes": {"sound": True}})
    assert app.copy().inbox.preferences.sound is True
    world.kill_and_restart()
    app.settled()
    rows = world.inbox()["inbox"]["rows"]
    assert rows["a"].get("marks", {}).get("state", "unseen") == "unseen"
    assert world.inbox()["inbox"]["preferences"]["sound"] is True


def test_what_waits_survives_a_restart_of_the_app(world: World) -> None:
    """A new process on the same data folder shows what the last one did, before the gateway has it."""
    folder = world.folder / "app"
    folder.mkdir()
    world.tell(telling("a"))
    url = world.gateway.base_url
    with App(url, folder) as app:
        app.open()
        app.settled()
        world.gateway.kill()
        app.until(lambda: toasted(app) == ["connection"])
        app.inboxes.act("ann", {"do": "set", "keys": ["a"], "mark": "done"})
        app.inboxes.show("ann", {"title": "Shown while away"})
    with App(url, folder) as app:
        app.inboxes.open("ann")
        app.until(lambda: len(app.copy().replica.pending) == 3)
        assert toasted(app) == []
        world.kill_and_restart()
        app.settled()
        assert app.copy().inbox.rows["a"].marks.state is State.DONE
        titles = [row.newest.title for row in app.copy().inbox.rows.values()]
        assert titles == ["About a", "Connection to the gateway lost", "Shown while away"]
    assert list(world.inbox()["inbox"]["rows"]) == list(app.copy().inbox.rows)


def test_a_refusal_takes_back_what_was_shown_and_says_so(tmp_path: Path) -> None:
    """What the gateway won't have disappears again, with its reason; what comes after goes on."""
    with ExitStack() as stack:
        world = World(tmp_path, stack, extra={"TIDEBOARD_MAX_EVENT_BYTES": "2000"})
        app = world.app()
        app.open()
        app.inboxes.show("ann", {"title": "Small"})
        refused = app.inboxes.show("ann", {"title": "Big", "message": "x" * 5_000})
        assert toasted(app) == [f"shown ~{refused}", *toasted(app)[1:]]
        app.inboxes.show("ann", {"title": "After"})
        app.settled()
        assert [row.newest.title for row in app.copy().inbox.rows.values()] == ["Small", "After"]
        app.until(lambda: app.outbox.waiting_for("inbox#ann") == ())
        [(person, identifier, reason)] = app.refused
        assert (person, identifier) == ("ann", f"add {refused}")
        assert "2000 are accepted" in reason
        assert len(toasted(app)) == 2


def test_nonsense_is_refused_before_it_is_sent(world: World) -> None:
    """One sentence, and nothing in the stream."""
    app = world.app()
    app.open()
    app.settled()
    before = world.inbox()["position"]
    for act in ({"do": "fly"}, {"do": "prefer", "changes": {"volume": 11}}, {"do": "set", "keys": "a", "mark": "read"}):
        with pytest.raises(NoticeError):
            app.inboxes.act("ann", act)
    assert world.inbox()["position"] == before


def test_after_cuts_nothing_is_missing_and_nothing_told_twice(world: World) -> None:
    """Through a wire that is cut again and again, every notice is in the inbox once, as the gateway has it."""
    folder = world.folder / "app"
    folder.mkdir()
    with FaultProxy(world.gateway.port) as proxy, App(proxy.base_url, folder) as app:
        app.open()
        for turn in range(5):
            world.tell(*(telling(f"k{turn}-{number}") for number in range(10)))
            proxy.cut()
            world.tell(*(telling(f"m{turn}-{number}") for number in range(10)))
        app.until(lambda: told(app) == 100 and app.client.is_connected)
        app.settled()
        assert app.copy().replica.confirmed == world.fold()


def test_what_a_short_outage_held_up_is_toasted_and_old_news_is_not(world: World) -> None:
    """What comes by resume has a toast while it is news; what is loaded anew has none."""
    folder = world.folder / "app"
    folder.mkdir()
    with FaultProxy(world.gateway.port) as proxy, App(proxy.base_url, folder) as app:
        app.open()
        proxy.begin(Fault(0.0, FaultKind.REFUSE))
        app.until(lambda: toasted(app) == ["connection"])
        world.tell(telling("held-up"))
        proxy.calm()
        app.until(lambda: "held-up" in app.copy().inbox.rows)
        assert "held-up" in toasted(app)


def test_while_polling_it_is_the_same(world: World) -> None:
    """Without a socket an inbox is loaded, followed and acted on just so."""
    app = world.app(transport="polling")
    world.tell(telling("a"))
    app.open()
    app.inboxes.act("ann", {"do": "set", "keys": ["a"], "mark": "done"})
    world.tell(telling("b"))
    app.until(lambda: "b" in app.copy().inbox.rows)
    app.settled()
    assert app.copy().inbox == world.fold()
    assert toasted(app) == ["b"]


def test_a_gateway_that_was_killed_is_gone_on_from(world: World) -> None:
    """After its restart the inbox is as it was, and what comes then is live."""
    app = world.app()
    app.open()
    world.tell(telling("a"))
    app.until(lambda: "a" in app.copy().inbox.rows)
    world.kill_and_restart()
    world.tell(telling("b"))
    app.until(lambda: "b" in app.copy().inbox.rows)
    app.settled()
    assert app.copy().inbox == world.fold()


def test_the_client_hears_what_happens_to_its_own_connection(world: World) -> None:
    """The gateway never hears of it, so the app tells: at once while it is away, kept when it is back."""
    app = world.app()
    app.open()
    world.gateway.kill()
    app.until(lambda: [row.newest.rule for row in app.copy().inbox.rows.values()] == ["lost"])
    assert [toast.title for toast in app.copy().toasts.visible] == ["Connection to the gateway lost"]
    world.kill_and_restart()
    app.until(lambda: [row.newest.rule for row in app.copy().inbox.rows.values()] == ["restored"])
    app.settled()
    assert app.copy().inbox == world.fold()


def test_a_crowd_that_hears_of_a_loss_leaves_room_for_clicks(world: World) -> None:
    """All see at once that the connection is lost; what is kept of it waits its turn, and a click never does."""
    app = world.app()
    people = [f"p{number}" for number in range(400)]
    for person in people:
        app.inboxes.open(person)
    app.until(lambda: app.client.is_connected and all(app.copy(person).is_synced for person in people))
    app.until(lambda: app.outbox.waiting == 0)
    world.gateway.kill()
    app.until(lambda: all(toasted(app, person) == ["connection"] for person in people))
    app.inboxes.act("p0", {"do": "clear-history"})
    assert app.outbox.waiting <= 250
    world.kill_and_restart()
    app.until(lambda: all(not app.copy(person).replica.pending for person in people))
    assert world.inbox("p399")["inbox"]["rows"]["connection"]["total"] >= 1


def test_an_inbox_is_let_go_a_while_after_the_last_page(world: World) -> None:
    """Held by two, it stays when one lets go; let go by both, it is left and forgotten, and can be had again."""
    app = world.app(linger_s=0.05)
    one, two = app.open(), app.open()
    one()
    one()
    world.tell(telling("a"))
    app.until(lambda: "a" in app.copy().inbox.rows)
    two()
    app.until(lambda: app.store.inboxes.people == ())
    assert app.copy() == InboxCopy(person="ann")
    world.tell(telling("b"))
    app.open()
    assert list(app.copy().inbox.rows) == ["a", "b"]


def test_a_person_is_met_once_a_day_with_name_and_roles(world: World) -> None:
    """Opening pages again and again tells the gateway once."""
    app = world.app()
    for _ in range(3):
        app.open()()
    app.inboxes.open("ann", "Ann", frozenset({"ops"}))
    app.until(lambda: app.outbox.waiting_for("inbox#ann") == ())
    app.settled()
    app.until(lambda: world.inbox()["position"]["offset"] == 2)


def test_a_thousand_openings_leave_nothing_behind(world: World) -> None:
    """Sessions come and go; nothing is followed or kept for people who have left."""
    app = world.app(linger_s=0.0)
    for number in range(1_000):
        app.inboxes.open(f"p{number % 50}")()
    app.until(lambda: app.store.inboxes.people == ())
    assert app.inboxes._people == {}
    assert app.client._followed == {}
    app.until(lambda: all(app.outbox.waiting_for(f"inbox#p{number}") == () for number in range(50)))


def test_show_and_hide_and_the_time(world: World) -> None:
    """A page's own notice is a row and a toast; hidden it is done; a snooze ends by itself."""
    app = world.app()
    app.open()
    shown = app.inboxes.show("ann", {"title": "Saved", "type": "success", "duration": 3600})
    [row] = app.copy().inbox.rows.values()
    assert (row.newest.id, row.newest.kind, toasted(app)) == (shown, "success", [row.key])
    assert app.inboxes.hide("ann", shown)
    assert toasted(app) == []
    assert app.copy().inbox.rows[row.key].marks.state is State.DONE
    assert not app.inboxes.hide("ann", "unknown")
    app.inboxes.show("ann", {"title": "Brief", "duration": 0.01})
    app.until(lambda: toasted(app) == [])
    version = app.store.version("inbox#ann")
    key = list(app.copy().inbox.rows)[-1]
    app.inboxes.act("ann", {"do": "snooze", "keys": [key], "until": time.time() + 0.3})
    app.settled()
    assert unread_count(app.copy().inbox, now=time.time()) == 0
    version = app.store.version("inbox#ann")
    app.until(lambda: app.store.version("inbox#ann") > version)
    assert unread_count(app.copy().inbox, now=time.time()) == 1


def test_toasts_are_held_dismissed_and_let_go_by_acts(world: World) -> None:
    """What a tab says of toasts stays in this process."""
    app = world.app()
    app.open()
    app.inboxes.show("ann", {"title": "One"})
    app.settled()
    before = world.inbox()["position"]
    app.inboxes.act("ann", {"do": "toasts-hold"})
    assert app.copy().toasts.held_at is not None
    app.inboxes.act("ann", {"do": "toasts-release"})
    assert app.copy().toasts.held_at is None
    app.inboxes.act("ann", {"do": "toast-dismiss", "key": toasted(app)[0]})
    assert toasted(app) == []
    app.inboxes.show("ann", {"title": "Two"})
    app.settled()
    app.inboxes.act("ann", {"do": "centre-opened"})
    assert toasted(app) == []
    assert world.inbox()["position"]["offset"] == before["offset"] + 1
    app.inboxes.led("ann", is_led=False)
    assert app.copy().toasts.held_at is not None


RULES = """\
[[rules]]
id = "tested"
event = "collection:created"
collection = "tested"
severity = "warning"
title = "{id}"
group = "tested"
"""


def test_ten_thousand_notices_are_in_the_copy_once_whatever_breaks(tmp_path: Path) -> None:
    """The wire is cut, the gateway killed, the app started anew: in the end the app has each event counted once."""
    config = tmp_path / "tideboard.toml"
    config.write_text(RULES)
    folder = tmp_path / "app"
    folder.mkdir()
    with ExitStack() as stack:
        world = World(tmp_path, stack, extra={CONFIG_VARIABLE: str(config)})
        proxy = stack.enter_context(FaultProxy(world.gateway.port))
        numbers = iter(range(10_000))
        with App(proxy.base_url, folder) as app:
            app.open()
            app.until(lambda: app.outbox.waiting_for("inbox#ann") == ())
            for turn in range(10):
                world.poster.post(*numbered("tested", list(islice(numbers, 500))))
                if turn % 4 == 3:
                    world.kill_and_restart()
                else:
                    proxy.cut()
        for _ in range(10):
            world.poster.post(*numbered("tested", list(islice(numbers, 500))))
            proxy.cut()
        with App(proxy.base_url, folder) as app:
            app.open()
            app.until(lambda: told(app) == 10_000)
            app.settled()
            assert app.copy().replica.confirmed == world.fold()
            assert app.copy().inbox.rows["tested"].total == 10_000
