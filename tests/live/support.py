"""Small stand-ins for this room's neighbours: a store with topics, and views over it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

from realtime.config import Settings
from realtime.live.caster import Caster
from realtime.live.tickets import Tickets
from realtime.store import Store
from realtime.views.registry import View, view

SECRET = b"k" * 32


class FakeStore:
    """Topics with versions and one number each."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.tick = 0
        self.versions: dict[str, int] = {}
        self.numbers: dict[str, Any] = {}

    def put(self, topic: str, number: Any) -> frozenset[str]:
        """Change a topic; return it the way the caster hears of it."""
        with self.changed:
            self.tick += 1
            self.versions[topic] = self.tick
            self.numbers[topic] = number
            self.changed.notify_all()
        return frozenset((topic,))

    def version(self, topic: str) -> int:
        """Return the tick of a topic's last change."""
        return self.versions.get(topic, 0)

    def wait_for_changes(self, after: int, *, timeout_s: float) -> tuple[int, frozenset[str]]:
        """Wait as the real one does."""
        with self.changed:
            self.changed.wait_for(lambda: self.tick > after, timeout_s)
            return self.tick, frozenset(topic for topic, tick in self.versions.items() if tick > after)

    @property
    def as_store(self) -> Store:
        """Pass for the real one: views here only ask for `numbers`."""
        return cast("Store", self)


class Clock:
    """Time that stands until it is moved."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@view(kind="numbers", topics=lambda topic="a", **_: (topic,))
def one_number(store: Any, *, now: float, topic: str = "a", pad: int = 0) -> dict[str, Any]:
    """Show a topic's number, beside `pad` bytes that never change."""
    return {"number": store.numbers.get(topic), "pad": "x" * pad}


@view(kind="numbers", topics=("a",), while_hidden=True)
def title_number(store: Any, *, now: float) -> dict[str, Any]:
    """Show a number that hidden tabs want in their title."""
    return {"number": store.numbers.get("a")}


@view(kind="numbers", topics=("a",), refresh_s=5.0)
def the_time(store: Any, *, now: float) -> dict[str, Any]:
    """Show the time, which changes by the clock alone."""
    return {"now": now}


@view(kind="numbers", topics=("a",))
def broken(store: Any, *, now: float) -> dict[str, Any]:
    """Fail once the number is bad."""
    if store.numbers.get("a") == "bad":
        raise ValueError("this view is broken")
    return {"number": store.numbers.get("a")}


def caster_of(store: FakeStore, clock: Callable[[], float], *, timer: Callable[[], float] = lambda: 0.0) -> Caster:
    """Make a caster over a fake store with a told clock, whose renderings cost nothing."""
    return Caster(store.as_store, tickets=Tickets(SECRET), settings=Settings(), clock=clock, timer=timer)


__all__ = ["SECRET", "Clock", "FakeStore", "View", "broken", "caster_of", "one_number", "the_time", "title_number"]
