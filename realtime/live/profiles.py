"""Keeps one connection and one store for each permission profile in use: no page has what its reader may not see.

They are opened when somebody comes who has the rights, and closed when nobody looked for a while. What isn't anybody's
documents (flags, samples of the process, who is here) is told to all stores by one thread.
Threads: any; one lock. A seat is opened under it: a file and a thread, no network.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Protocol

import msgspec

from realtime.client import Outbox, WebSocketClient
from realtime.errors import StartError, TooManyProfiles
from realtime.live.caster import Caster
from realtime.live.casters import Casters
from realtime.live.permission import Permission
from realtime.live.runtime import Runtime
from realtime.protocol.channels import USERS
from realtime.store import Store
from realtime.store.health import DeadLetters
from realtime.store.model import Here, Looking

MOST: Final = 16
UNUSED_S: Final = 300.0
OUTBOX_PREFIX: Final = "outbox-"
_ROLES_NAME: Final = "profiles.json"
_TURN_S: Final = 1.0
_SWEEP_S: Final = 5.0
_READY_S: Final = 3.0
_JOIN_S: Final = 5.0
_log = logging.getLogger(__name__)


class Connect(Protocol):
    """Makes the connection of a profile: with the roles its token names, into its store, with its outbox."""

    def __call__(self, roles: tuple[str, ...], *, store: Store, outbox: Outbox) -> WebSocketClient: ...  # noqa: D102


@dataclass(slots=True)
class _Seat:
    """One profile in use. `heres` is what its store was told of who is here."""

    runtime: Runtime
    client: WebSocketClient
    outbox: Outbox
    touched_at: float
    heres: dict[str, Here] = field(default_factory=dict)

    @property
    def has_waiting(self) -> bool:
        """Tell whether a change of somebody's still waits to be sent."""
        return any(entry.is_open for entry in self.outbox.entries)


class Profiles:
    """The profiles in use. `rights` says what roles allow together, `connect` makes a connection with them."""

    def __init__(
        self,
        process: Runtime,
        casters: Casters,
        *,
        rights: Callable[[Collection[str]], Permission],
        connect: Connect,
        make_caster: Callable[[Store, str], Caster],
        most: int = MOST,
        unused_s: float = UNUSED_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._process = process
        self._casters = casters
        self._rights = rights
        self._connect = connect
        self._make_caster = make_caster
        self._most = most
        self._unused_s = unused_s
        self._now = now
        self._folder: Path = process.settings.data_dir
        self._lock = threading.Lock()
        self._left = threading.Condition(self._lock)
        self._ending: set[str] = set()
        self._seats: dict[str, _Seat] = {}
        self._dead_letters: DeadLetters | None = None
        self._swept_at = now()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open those whose changes wait from before, and begin to tell all stores what is for all."""
        for roles in self._left_waiting():
            try:
                self.runtime(roles, patience_s=0.0)
            except (StartError, TooManyProfiles) as error:
                _log.warning("Changes by people with the roles %s wait on: %s", ", ".join(roles), error)
        self._thread = threading.Thread(target=self._run, name="tideboard-profiles", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close all."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_JOIN_S)
        for key in list(self._seats):
            self._close(key)

    def runtime(self, roles: Collection[str], *, patience_s: float = _READY_S) -> Runtime:
        """Return what pages of somebody with these roles read; waits a little for a connection that is just opened.

        Raises TooManyProfiles when too many different ones are in use.
        """
        profile = self._rights(roles)
        key = name_of(profile)
        with self._lock:
            # Its files and its thread are still being closed: they can't be opened twice.
            self._left.wait_for(lambda: key not in self._ending, _JOIN_S * 3)
            seat = self._seats.get(key)
            is_new = seat is None
            if seat is None:
                self._make_room()
                seat = self._seats[key] = self._open(profile, key)
            seat.touched_at = self._now()
        if is_new:
            _log.info("opened the profile %s (%s)", key, ", ".join(profile.roles) or "no role")
            self._remember()
            self._share(seat, None)
            _wait_until_synced(seat.runtime.store, patience_s)
        return seat.runtime

    @property
    def keys(self) -> tuple[str, ...]:
        """Name the profiles in use."""
        with self._lock:
            return tuple(self._seats)

    # Opening and closing

    def _open(self, profile: Permission, key: str) -> _Seat:
        settings = self._process.settings
        store = Store(feed_size=settings.feed_size)
        store.inboxes = self._process.store.inboxes
        store.is_counted = False
        outbox = Outbox.open(
            self._folder / f"{OUTBOX_PREFIX}{key}.db",
            most_events=settings.outbox_events, most_bytes=settings.outbox_bytes, on_change=store.set_outbox,
        )  # fmt: skip
        try:
            client = self._connect(profile.roles, store=store, outbox=outbox)
            client.connect()
        except BaseException:
            outbox.close()
            raise
        caster = self._make_caster(store, key)
        self._casters.add(caster)
        runtime = replace(
            self._process, store=store, caster=caster, client=client, permission=profile,
            hold=lambda: self._hold(key),
        )  # fmt: skip
        return _Seat(runtime, client, outbox, touched_at=self._now())

    def _hold(self, key: str) -> Callable[[], None]:
        """Keep a profile open for somebody who listens without looking, until they let go."""
        self._casters.hold(key)
        return lambda: self._casters.release(key)

    def _make_room(self) -> None:
        """Close the one longest unused when there are too many. Call it under the lock."""
        if len(self._seats) < self._most:
            return
        idle = sorted((seat.touched_at, key) for key, seat in self._seats.items() if self._is_idle(key, seat))
        if not idle:
            raise TooManyProfiles(
                f"{self._most} different sets of rights are in use at once; close some pages, then try again."
            )
        threading.Thread(target=self._end, args=(idle[0][1], self._take(idle[0][1])), daemon=True).start()

    def _is_idle(self, key: str, seat: _Seat) -> bool:
        return not self._casters.is_held(key) and not seat.has_waiting

    def _close(self, key: str) -> None:
        with self._lock:
            seat = self._take(key)
        self._end(key, seat)

    def _take(self, key: str) -> _Seat:
        """Take a seat out of use. Call it under the lock, and `_end` without."""
        self._ending.add(key)
        return self._seats.pop(key)

    def _end(self, key: str, seat: _Seat) -> None:
        try:
            self._casters.drop(key)
            seat.client.disconnect()
            seat.outbox.close()
        finally:
            with self._left:
                self._ending.discard(key)
                self._left.notify_all()
        _log.info("closed the profile %s", key)

    def _remember(self) -> None:
        """Write down whose changes may wait in which file."""
        with self._lock:
            roles = {key: list(seat.runtime.permission.roles) for key, seat in self._seats.items()}
        path = self._folder / _ROLES_NAME
        known = _read_roles(path)
        kept = {key: each for key, each in known.items() if (self._folder / f"{OUTBOX_PREFIX}{key}.db").exists()}
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode({**kept, **roles}))
        fresh.replace(path)

    def _left_waiting(self) -> list[list[str]]:
        found: list[list[str]] = []
        for key, roles in _read_roles(self._folder / _ROLES_NAME).items():
            path = self._folder / f"{OUTBOX_PREFIX}{key}.db"
            is_closed = key not in self.keys and path.exists()
            if is_closed and name_of(self._rights(roles)) == key and _has_entries(path):
                found.append(roles)
        return found

    # Telling all

    def set_dead_letters(self, dead_letters: DeadLetters | None) -> None:
        """Take the gateway's dead letters, for those who may see them. Threads: any."""
        self._dead_letters = dead_letters
        for seat in self._all():
            if seat.runtime.permission.is_admin:
                seat.runtime.store.set_dead_letters(dead_letters)

    def _run(self) -> None:
        tick = 0
        while not self._stopping.is_set():
            tick, topics = self._process.store.wait_for_changes(tick, timeout_s=_TURN_S)
            try:
                for seat in self._all():
                    self._share(seat, topics)
                self._sweep()
            except Exception:  # the driver's one broad net: the next turn tries again
                _log.exception("Telling the profiles failed; it goes on")
                self._stopping.wait(_TURN_S)

    def _share(self, seat: _Seat, topics: Collection[str] | None) -> None:
        """Tell a store what is for all; `topics` says what changed, None: everything."""
        own, store = self._process.store, seat.runtime.store
        if topics is None or "flags" in topics:
            store.set_flags(own.flags)
        if (topics is None or "figures" in topics) and own.flags_told is not None and seat.runtime.permission.is_admin:
            store.set_flags_told(own.flags_told)
        if topics is None or "health" in topics:
            samples = own.health(now=self._now()).samples
            if samples:
                store.set_process(samples[-1])
        if topics is None and seat.runtime.permission.is_admin:
            store.set_dead_letters(self._dead_letters)
        if (topics is None or "here" in topics) and seat.runtime.permission.hears(USERS):
            self._tell_of_people(seat)

    def _tell_of_people(self, seat: _Seat) -> None:
        """Tell who is at this app's pages; of what they look at, only what the reader may see."""
        heres = {
            person.user_id: _seen_by(seat.runtime.permission, person.here)
            for person in self._process.store.people()
            if person.here is not None
        }
        changes: dict[str, Here | None] = {
            person: here for person, here in heres.items() if seat.heres.get(person) != here
        }
        changes |= dict.fromkeys(seat.heres.keys() - heres.keys())
        seat.heres = heres
        if changes:
            seat.runtime.store.set_here(changes, now=self._now())

    def _sweep(self) -> None:
        now = self._now()
        if 0.0 <= now - self._swept_at < _SWEEP_S:
            return
        self._swept_at = now
        with self._lock:
            over = [
                key for key, seat in self._seats.items()
                if now - seat.touched_at > self._unused_s and self._is_idle(key, seat)
            ]  # fmt: skip
            ended = [(key, self._take(key)) for key in over]
        for key, seat in ended:
            self._end(key, seat)

    def _all(self) -> list[_Seat]:
        with self._lock:
            return list(self._seats.values())


def name_of(profile: Permission) -> str:
    """Name a profile in tickets and files: never as the process's own."""
    return profile.key or "everything"


def _seen_by(permission: Permission, here: Here) -> Here:
    looking = tuple(
        each if not each.collection or permission.may("read", each.collection) else Looking(each.page)
        for each in here.looking
    )
    return here if looking == here.looking else msgspec.structs.replace(here, looking=looking)


def _wait_until_synced(store: Store, patience_s: float) -> None:
    """Wait for a new connection to bring what there is, so that a first page isn't an empty one."""
    deadline, tick = time.monotonic() + patience_s, 0
    while not store.connection.is_connected and time.monotonic() < deadline:
        tick, _ = store.wait_for_changes(tick, timeout_s=max(0.0, deadline - time.monotonic()))


def _read_roles(path: Path) -> dict[str, list[str]]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, list[str]])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _has_entries(path: Path) -> bool:
    try:
        outbox = Outbox.open(path)
    except StartError:
        return False  # a page was quicker, and has it open
    try:
        return any(entry.is_open for entry in outbox.entries)
    finally:
        outbox.close()
