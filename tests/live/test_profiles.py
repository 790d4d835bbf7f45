"""Claims about one connection and one store for each profile: who gets which, how long, how many, what is told."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.client import Outbox
from realtime.config import Settings
from realtime.errors import TicketError, TooManyProfiles
from realtime.gateway.role_tables import rights_from
from realtime.live import Live
from realtime.live.permission import Permission
from realtime.live.profiles import Profiles
from realtime.live.runtime import Runtime, current, install, process, uninstall
from realtime.protocol.events import Envelope
from realtime.protocol.flags import REALTIME, Flag, Flags
from realtime.store import ConnectionState, ConnectionStatus, Store
from realtime.store.health import DeadLetters
from realtime.store.model import Here, Looking
from realtime.ui import ASSETS_FOLDER
from realtime.views import feed
from tests.support.waiting import until

ROLES: dict[str, Any] = {
    **{name: {"actions": "read", "collections": name} for name in ("orders", "tickets", "notes")},
    "people": {"actions": "read", "collections": "orders", "channels": ["users"]},
    "twin": {"actions": "read", "collections": "orders"},
}


class Line:
    """A connection that only records; it is in sync as soon as it is opened."""

    def __init__(self, roles: tuple[str, ...], store: Store, outbox: Outbox) -> None:
        self.roles, self.store, self.outbox = roles, store, outbox
        self.is_open = False

    def connect(self) -> None:
        """Be in sync."""
        self.is_open = True
        self.store.set_connection(ConnectionStatus(state=ConnectionState.CONNECTED), now=1.0)

    def disconnect(self) -> None:
        """Be gone."""
        self.is_open = False


class World:
    """A process, its profiles, and a clock."""

    def __init__(self, folder: Path, *, most: int = 3) -> None:
        self.clock = 1000.0
        self.lines: list[Line] = []
        settings = Settings(data_dir=folder)
        self.store = Store()
        self.live = Live(self.store, settings=settings, assets_folder=ASSETS_FOLDER)
        self.process = Runtime(settings=settings, store=self.store, caster=self.live.caster, assets=self.live.assets)
        rights = rights_from(ROLES, contact="the desk")

        def allowed(roles: Collection[str]) -> Permission:
            return rights.profile(roles)

        self.profiles = Profiles(
            self.process, self.live.casters, rights=allowed, connect=self._connect,  # type: ignore[arg-type]  # a stand-in
            make_caster=self.live.make_caster, most=most, unused_s=300.0, now=lambda: self.clock,
        )  # fmt: skip

    def _connect(self, roles: tuple[str, ...], *, store: Store, outbox: Outbox) -> Line:
        self.lines.append(Line(roles, store, outbox))
        return self.lines[-1]

    def sweep(self, later_s: float) -> None:
        """Let time pass, and the profiles notice."""
        self.clock += later_s
        self.profiles._sweep()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Yield a process whose profiles aren't swept by themselves."""
    made = World(tmp_path)
    yield made
    made.profiles.stop()
    uninstall()


def test_the_same_rights_share_a_connection_and_others_have_their_own(world: World) -> None:
    """Whatever the roles are called; nobody's is the process's own."""
    one, twin, other = (world.profiles.runtime([role]) for role in ("orders", "twin", "tickets"))
    assert one.store is twin.store
    assert len({id(each.store) for each in (one, other, world.process)}) == 3
    assert one.caster.profile != other.caster.profile
    assert [line.roles for line in world.lines] == [("orders",), ("tickets",)]
    assert all(line.is_open for line in world.lines)
    assert one.permission.may("read", "orders")
    assert not one.permission.may("read", "tickets")


def test_what_a_ticket_lets_see_is_of_its_profile(world: World) -> None:
    """A view is cast from the profile's own store, under a channel of its own; inboxes are the process's."""
    one, other = world.profiles.runtime(["orders"]), world.profiles.runtime(["tickets"])
    channels = {each.caster.current(feed.newest, {"limit": 5}).channel for each in (one, other, world.process)}
    assert len(channels) == 3
    assert one.caster.epoch == world.process.caster.epoch
    assert one.store.inboxes is world.store.inboxes
    install(world.process)
    assert one.caster_of(feed.newest, {"limit": 5}) is one.caster


def test_pages_find_what_their_person_may_read(world: World) -> None:
    """Through whoever resolves it; finding out who is there doesn't go round in circles."""
    seen: list[Store] = []

    def resolve(found: Runtime) -> Runtime:
        seen.append(current().store)
        return world.profiles.runtime(["orders"])

    install(world.process, resolve=resolve)
    assert current().store is world.lines[0].store
    assert seen == [world.store]
    assert process() is world.process


def test_one_that_nobody_looks_at_is_closed_after_a_while(world: World) -> None:
    """Not while a tab shows something of it, be it hidden; what a ticket named is gone then."""
    runtime = world.profiles.runtime(["orders"])
    profile = runtime.caster.profile
    world.live.casters.hold(profile)
    world.sweep(later_s=1000)
    assert list(world.profiles.keys) == [profile]
    world.live.casters.release(profile)
    world.sweep(later_s=6)
    assert not world.profiles.keys
    assert not world.lines[0].is_open
    with pytest.raises(TicketError, match="reload the page"):
        world.live.casters.hold(profile)
    assert world.profiles.runtime(["orders"]).store is not runtime.store


def test_a_session_that_only_listens_keeps_it_open(world: World) -> None:
    """Until it lets go; the process's own needs nobody's hold."""
    let_go = world.profiles.runtime(["orders"]).hold()
    world.sweep(later_s=1000)
    assert len(list(world.profiles.keys)) == 1
    let_go()
    world.sweep(later_s=6)
    assert not world.profiles.keys
    world.process.hold()()


def test_one_whose_changes_wait_stays_and_is_there_again_after_a_restart(tmp_path: Path, world: World) -> None:
    """Nobody's change is lost because they closed the page."""
    runtime = world.profiles.runtime(["orders"])
    data = {"collection": "orders", "document": {"id": "a"}}
    world.lines[0].outbox.put(Envelope(id="1", source="/t", type="collection:created", specversion="1.0", data=data))
    world.sweep(later_s=1000)
    assert world.profiles.keys == (runtime.caster.profile,)
    until(lambda: [entry.is_open for entry in runtime.store.outbox] == [True])
    world.profiles.runtime(["tickets"])
    world.profiles.stop()
    again = World(tmp_path)
    again.profiles.start()
    assert [line.roles for line in again.lines] == [("orders",)]
    assert len(again.lines[0].outbox.entries) == 1
    again.profiles.stop()


def test_too_many_at_once_are_refused_and_the_longest_unused_makes_room(world: World) -> None:
    """What somebody looks at isn't taken away for another."""
    held = [world.profiles.runtime([role]) for role in ("orders", "tickets", "notes")]
    for each in held:
        world.live.casters.hold(each.caster.profile)
    with pytest.raises(TooManyProfiles, match="3 different sets of rights"):
        world.profiles.runtime(["people"])
    world.clock += 1
    world.live.casters.release(held[1].caster.profile)
    assert world.profiles.runtime(["people"]).permission.hears("users")
    until(lambda: not world.lines[1].is_open)
    assert held[1].caster.profile not in world.profiles.keys


def test_many_at_once_open_one_connection(world: World) -> None:
    """Of the same rights."""
    found: list[Runtime] = []
    threads = [threading.Thread(target=lambda: found.append(world.profiles.runtime(["orders"]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each.store) for each in found}) == len(world.lines) == 1


def test_what_is_for_all_is_told_to_all(world: World) -> None:
    """Flags at once, who is here to those who may know, dead letters to administrators."""
    plain, people, admin = (world.profiles.runtime([role]) for role in ("orders", "people", "admin"))
    world.profiles.start()
    world.store.set_flags(Flags(7, (Flag(REALTIME, 0),)))
    until(lambda: all(each.store.flags.revision == 7 for each in (plain, people, admin)))
    looking = (Looking("Collections", "orders", "a"), Looking("Collections", "tickets", "t-1"))
    world.store.set_here({"ann": Here(1, False, 1.0, looking)}, now=1.0)
    until(lambda: people.store.person("ann"))
    here = people.store.person("ann")
    assert here is not None
    assert here.here is not None
    assert here.here.looking == (looking[0], Looking("Collections"))
    assert plain.store.person("ann") is None
    world.profiles.set_dead_letters(DeadLetters(3, ()))
    assert admin.store.health(now=1.0).dead_letters == DeadLetters(3, ())
    assert plain.store.health(now=1.0).dead_letters is None
    world.store.set_here({"ann": None}, now=2.0)
    until(lambda: (seen := people.store.person("ann")) is None or seen.here is None)
