"""Tabs on real sockets, as attendance hears of them: named, idle, hidden, closed, and silent for too long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from realtime.config import Settings
from realtime.live.live import BEAT_S, Live
from realtime.live.tickets import channel_of
from realtime.store import Looking, PersonSeen, Store
from realtime.views.feed import newest
from tests.live.serving import Tab
from tests.live.support import Clock
from tests.live.test_attendance import Sender
from tests.support.waiting import until

ASSETS = Path(__file__).parents[2] / "realtime" / "ui" / "assets"


class Serving:
    """The live side behind a real server, over a real store, at a told time."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.store, self.sender = Clock(), Store(), Sender()
        self.open_tabs: list[Tab] = []
        self.live = Live(self.store, settings=Settings(data_dir=folder), assets_folder=ASSETS, clock=self.clock)
        app = Starlette(routes=self.live.routes(), lifespan=lambda _app: self.live.running())
        config = uvicorn.Config(app, port=0, log_level="error", ws="websockets-sansio", lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Serving:
        self.thread.start()
        until(lambda: self.server.started)
        self.port: int = self.server.servers[0].sockets[0].getsockname()[1]
        self.live.attendance.start(self.sender, name="app-1")
        return self

    def __exit__(self, *_error: object) -> None:
        for tab in self.open_tabs:
            tab.close()
        self.live.attendance.stop()
        self.server.should_exit = True
        self.thread.join(10)

    def tab(self, person: str, *, name: str) -> Tab:
        """Open a tab of somebody's, that shows the feed and says its name."""
        made = Tab(f"ws://127.0.0.1:{self.port}/live/channel")
        self.open_tabs.append(made)
        cast = self.live.caster.current(newest, {"limit": 5}, person=person)
        answer = made.ask(subscribe={"channel": channel_of(newest.name, {"limit": 5}), "token": cast.ticket})
        assert "error" not in answer, answer
        made.say({"send": {"data": {"tab": name, "idle": False}}})
        return made

    def person(self, name: str) -> PersonSeen | None:
        """Return what the store knows of a person."""
        return self.store.person(name)

    def tabs(self, name: str) -> int | None:
        """Return how many tabs a person has open, None when they aren't here."""
        found = self.store.person(name)
        return None if found is None or found.here is None else found.here.tabs

    def passed(self, seconds: float) -> None:
        """Let time pass, and let everybody notice."""
        self.clock.now += seconds
        self.live.attendance.looked("nobody", "nobody", Looking())


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """Serve until the test is over."""
    with Serving(tmp_path) as running:
        yield running


def test_a_tab_is_its_persons_once_both_are_known(serving: Serving) -> None:
    """Before it says its name it is nobody's; two of them are two tabs of one person."""
    first = serving.tab("ann", name="t1")
    until(lambda: serving.tabs("ann") == 1)
    serving.tab("ann", name="t2")
    until(lambda: serving.tabs("ann") == 2)
    assert serving.sender.told == ["login ann"]
    first.close()
    until(lambda: serving.tabs("ann") == 1)


def test_a_tab_that_comes_back_before_its_old_socket_is_missed_is_one_tab(serving: Serving) -> None:
    """A half-open connection and its successor have the same name."""
    serving.tab("ann", name="t1")
    serving.tab("ann", name="t1")
    serving.tab("ann", name="t2")
    until(lambda: serving.tabs("ann") == 2)


def test_a_closed_tab_has_its_grace(serving: Serving) -> None:
    """Fifteen seconds, to the second."""
    tab = serving.tab("ann", name="t1")
    until(lambda: serving.tabs("ann") == 1)
    tab.close()
    until(lambda: serving.tabs("ann") == 0)
    serving.passed(14.9)
    serving.tab("bob", name="b1")
    until(lambda: "login bob" in serving.sender.told)
    assert "logout ann" not in serving.sender.told
    serving.passed(0.2)
    until(lambda: "logout ann" in serving.sender.told)


def test_a_silent_tab_is_gone_fifteen_seconds_after_its_last_sign(serving: Serving) -> None:
    """It is pinged after ten, hung up on after fourteen, and the grace counts from the beginning."""
    serving.tab("ann", name="t1")
    until(lambda: serving.tabs("ann") == 1)
    serving.passed(BEAT_S)
    until(lambda: all(one.session._pong_by is not None for one in serving.live.hub._connections))
    serving.passed(4.0)
    until(lambda: serving.tabs("ann") == 0)
    assert serving.sender.told == ["login ann"]
    serving.passed(1.0)
    until(lambda: serving.sender.told == ["login ann", "logout ann"])


def test_idle_and_hidden_tabs_are_said_so(serving: Serving) -> None:
    """Idling is told to all; hiding only changes what the person is said to look at."""
    tab = serving.tab("ann", name="t1")
    until(lambda: serving.tabs("ann") == 1)
    serving.live.attendance.looked("t1", "ann", Looking("Overview"))

    def here() -> Any:
        found = serving.person("ann")
        return None if found is None else found.here

    until(lambda: here().looking == (Looking("Overview"),))
    tab.say({"send": {"data": {"visible": False}}})
    until(lambda: here().looking == ())
    tab.say({"send": {"data": {"idle": True}}})
    until(lambda: here().is_idle)
    tab.say({"send": {"data": {"visible": True, "idle": False}}})
    until(lambda: here().looking == (Looking("Overview"),) and not here().is_idle)
    until(lambda: len(serving.sender.told) == 4)


def test_a_name_that_is_no_name_counts_nobody(serving: Serving) -> None:
    """What can't be read is ignored, as everything on this channel."""
    tab = serving.tab("ann", name="x" * 65)
    tab.say({"send": {"data": {"tab": ""}}})
    tab.say({"send": {"data": {"tab": 7}}})
    serving.tab("bob", name="b")
    until(lambda: serving.tabs("bob") == 1)
    assert serving.person("ann") is None
