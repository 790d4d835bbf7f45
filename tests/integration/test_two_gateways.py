"""Two gateways over one Redis: whatever is killed, cut off or emptied, what was acknowledged is on every page again.

Producers post to both, and send again what wasn't answered; a client with a store listens at each, as an app does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from realtime.client import WebSocketClient
from realtime.notifications.commands import Meet
from realtime.protocol.events import Envelope
from realtime.store import Store
from tests.integration.test_notices import Client
from tests.support.faults import Fault, FaultKind, FaultProxy
from tests.support.processes import Process, start_gateway
from tests.support.producing import updated
from tests.support.redis_server import KEPT, RedisServer
from tests.support.waiting import until

DOCUMENTS = 20


class Producer:
    """Somebody who posts to one gateway, one event after the other, until each is acknowledged."""

    def __init__(self, name: str, base_url: str) -> None:
        self.name = name
        self.acknowledged: list[Envelope] = []
        self._base_url = base_url
        self._ending = threading.Event()
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """Return how many events were acknowledged."""
        return len(self.acknowledged)

    def has_more_than(self, count: int) -> bool:
        """Tell whether more events than these were acknowledged."""
        return self.count > count

    @property
    def truth(self) -> dict[str, Any]:
        """Return the documents as the acknowledged events leave them."""
        documents = (event.data["document"] for event in self.acknowledged)
        return {document["id"]: document for document in documents}

    def stop(self) -> None:
        """End, once what is under way is acknowledged."""
        self._ending.set()
        self._thread.join(20)
        assert not self._thread.is_alive(), f"{self.name} isn't answered any more"

    def give_up(self) -> None:
        """End at once, answered or not: a test that has failed leaves gateways behind that may never answer."""
        self._ending.set()
        self._given_up.set()

    def _run(self) -> None:
        with Client(self._base_url) as client:
            number = 0
            while not self._ending.is_set():
                # The first ones are left alone from then on: nothing that comes later puts them right.
                kept = number if number < DOCUMENTS else DOCUMENTS + number % DOCUMENTS
                document = {"id": f"{self.name}{kept}", "value": number}
                event = updated("orders", document)
                if not client.post([event], is_given_up=self._given_up.is_set):
                    return
                self.acknowledged.append(event)
                number += 1
                time.sleep(0.002)


class World:
    """A Redis, two gateways of which one reaches it by way of a proxy, and at each a producer and a page's store."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.redis = stack.enter_context(RedisServer(settings=KEPT))
        self.proxy = stack.enter_context(FaultProxy(self.redis.port))
        self.gateways = {name: self._start(name, None) for name in "ab"}
        self.stores = {name: Store(feed_size=2000) for name in "ab"}
        for name in "ab":
            self._listen(name)
        self.producers = {name: Producer(name, self.gateways[name].base_url) for name in "ab"}

    def kill_gateway(self, name: str) -> None:
        """End a gateway as `kill -9` does, and start it again."""
        self.gateways[name].kill()
        self.gateways[name] = self._start(name, self.gateways[name].port)

    def settle(self) -> None:
        """Let producers go on for a while after what happened, then end them."""
        before = {name: one.count for name, one in self.producers.items()}
        for name, one in self.producers.items():
            until(partial(one.has_more_than, before[name] + 50), what=f"events go through {name}")
        for one in self.producers.values():
            one.stop()

    @property
    def truth(self) -> dict[str, Any]:
        """Return all documents as acknowledged."""
        return {**self.producers["a"].truth, **self.producers["b"].truth}

    def held(self, name: str) -> dict[str, Any]:
        """Return the documents that a store holds."""
        return {key: state.document for key, state in self.stores[name].collection("orders").documents.items()}

    def _start(self, name: str, port: int | None) -> Process:
        redis_port = self.redis.port if name == "a" else self.proxy.port
        extra = {"TIDEBOARD_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0", "TIDEBOARD_REDIS_PREFIX": "two"}
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        gateway = self.stack.enter_context(start_gateway(folder / "data", port=port, extra=extra))
        gateway.wait_ready()
        return gateway

    def _listen(self, name: str) -> None:
        gateway = self.gateways[name]
        client = WebSocketClient(
            f"{gateway.ws_url}/connection/websocket", http_url=gateway.base_url, store=self.stores[name]
        )
        client.set_reconnect_options(cap_s=0.5)
        self.stack.callback(client.disconnect)
        client.connect()
        until(lambda: client.is_connected)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give two gateways, and take them away."""
    with ExitStack() as stack:
        made = World(tmp_path, stack)
        for one in made.producers.values():
            stack.callback(one.give_up)
        yield made


def _kill_a_gateway(world: World) -> None:
    world.kill_gateway("a")


def _kill_redis(world: World) -> None:
    world.redis.kill()
    world.redis.start()


def _wait_until_unready(gateway: Process) -> None:
    until(lambda: httpx.get(f"{gateway.base_url}/api/health/ready", timeout=20).status_code == 503)


def _freeze_redis(world: World) -> None:
    world.redis.freeze()
    _wait_until_unready(world.gateways["a"])
    world.redis.thaw()


def _cut_one_off(world: World) -> None:
    world.proxy.begin(Fault(0.0, FaultKind.HOLE))
    _wait_until_unready(world.gateways["b"])
    count = world.producers["a"].count
    until(lambda: world.producers["a"].count > count + 50, what="the other goes on")
    world.proxy.calm()


def _flush_redis(world: World) -> None:
    world.redis.flush()


def _flush_redis_and_kill_a_gateway(world: World) -> None:
    world.redis.flush()
    world.kill_gateway("b")


FAULTS: list[Callable[[World], None]] = [
    _kill_a_gateway,
    _kill_redis,
    _freeze_redis,
    _cut_one_off,
    _flush_redis,
    _flush_redis_and_kill_a_gateway,
]


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.__name__.strip("_") for fault in FAULTS])
def test_nothing_acknowledged_is_lost_and_every_page_shows_it_again(
    world: World, fault: Callable[[World], None]
) -> None:
    """By whichever gateway it came, and wherever the page is served."""
    for one in world.producers.values():
        until(partial(one.has_more_than, 100))
    fault(world)
    world.settle()
    for name in "ab":
        until(partial(_shows_all, world, name), what=f"the page at {name} shows what was acknowledged")


def test_people_and_what_they_have_yet_to_read_are_the_same_at_both(world: World) -> None:
    """Also after one gateway and Redis were killed: who is here, and the unread of an inbox."""
    for one in world.producers.values():
        one.stop()
    fire = {"error": "The till is on fire.", "severity": "high"}
    with Client(world.gateways["a"].base_url) as a, Client(world.gateways["b"].base_url) as b:

        def is_told(count: int) -> bool:
            return a.inbox("ann")[0].total == b.inbox("ann")[0].total == count

        a.command("ann", Meet(id="meet:ann:1", at=0.0, name="Ann"))
        b.post([_event("in", "user:login", {"userId": "ann", "timestamp": "2026-01-01T12:00:00Z"})])
        b.post([_event("f1", "system:error", fire)])
        until(lambda: is_told(1), what="ann is told at both")
        until(lambda: all(_is_here(world, name, "ann") for name in "ab"), what="ann is here at both")
        world.kill_gateway("a")
        _kill_redis(world)
        b.post([_event("f2", "system:error", fire | {"error": "It is out."})])
        until(lambda: is_told(2), what="ann is told at both again")
        until(lambda: all(_is_here(world, name, "ann") for name in "ab"), what="ann is still here at both")
        b.post([_event("out", "user:logout", {"userId": "ann", "timestamp": "2026-01-01T12:01:00Z"})])
        until(lambda: not any(_is_here(world, name, "ann") for name in "ab"), what="ann has left at both")


def _shows_all(world: World, name: str) -> bool:
    return world.held(name) == world.truth


def _event(identifier: str, kind: str, data: dict[str, Any]) -> Envelope:
    return Envelope(id=identifier, source="/t", type=kind, specversion="1.0", data=data)


def _is_here(world: World, name: str, user: str) -> bool:
    person = world.stores[name].person(user)
    return person is not None and person.is_online
