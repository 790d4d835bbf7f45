"""Keeps count of who is here and tells of it: the driver around presence. Decides nothing (presence.py does).

Threads: any may bring facts; one of its own writes the file, hands the roster to the store and sends the events. One
lock around presence, memory work only, never held while any of that is done.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from realtime.live.here_file import FILE_NAME, HereFile
from realtime.live.presence import Effects, Presence
from realtime.live.telling import Sender, Telling
from realtime.metrics import PRESENCE_DROPPED, PRESENCE_PEOPLE
from realtime.protocol.events import PEOPLE_SOURCE, Envelope, UserLogin, UserLogout, event_of
from realtime.store import Looking, Store

if TYPE_CHECKING:
    from realtime.client import WebSocketClient

_TRY_AGAIN_S: Final = 5.0
_JOIN_S: Final = 2.0
_log = logging.getLogger(__name__)


class Attendance:
    """Who is at this app's pages. Bring it facts at any time; `start` begins to tell of them, `stop` ends that.

    `name` tells this app from others on the same gateway. People whom a killed process left behind are logged out after
    the grace, unless they come back. Stopping logs nobody out: after a restart their tabs are back within the grace.
    """

    def __init__(
        self,
        store: Store,
        *,
        folder: Path,
        grace_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._clock = clock
        self._file = HereFile(folder / FILE_NAME)
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._presence = Presence(grace_s=grace_s)
        self._saved_turn = 0
        self._effects: Effects = []
        self._dropped = 0
        self._has_news = True
        self._is_stopping = False
        self._telling: Telling | None = None
        self._unsubscribes: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None

    # Facts

    def opened(self, tab: str, person: str) -> None:
        """Take in that a tab's live channel opened. Threads: any, as everything here."""
        with self._lock:
            self._take(self._presence.opened(tab, person, now=self._clock()))

    def closed(self, tab: str, person: str, *, silent_s: float = 0.0) -> None:
        """Take in that a tab's live channel ended; `silent_s` before now it gave its last sign of life."""
        with self._lock:
            now = self._clock()
            self._take(self._presence.closed(tab, person, sign_at=now - silent_s, now=now))

    def seated(self, tab: str, person: str) -> None:
        """Take in that a tab's script ran."""
        with self._lock:
            self._take(self._presence.seated(tab, person, now=self._clock()))

    def unseated(self, tab: str, person: str) -> None:
        """Take in that a tab's Streamlit session ended."""
        with self._lock:
            self._take(self._presence.unseated(tab, person, now=self._clock()))

    def left(self, tab: str, person: str) -> None:
        """Take in that a person said goodbye in a tab: gone from it at once."""
        with self._lock:
            self._take(self._presence.left(tab, person, now=self._clock()))

    def left_all(self, person: str) -> None:
        """Take in that a person logged out: gone at once, whatever tabs are open."""
        with self._lock:
            self._take(self._presence.left_all(person, now=self._clock()))

    def idled(self, tab: str, person: str, *, is_idle: bool) -> None:
        """Take in that nobody has touched a tab for a while, or somebody does again."""
        with self._lock:
            self._take(self._presence.idled(tab, person, is_idle=is_idle, now=self._clock()))

    def shown(self, tab: str, person: str, *, is_visible: bool) -> None:
        """Take in whether a tab can be seen."""
        with self._lock:
            self._presence.shown(tab, person, is_visible=is_visible)
            self._take([])

    def looked(self, tab: str, person: str, looking: Looking) -> None:
        """Take in what a tab shows."""
        with self._lock:
            self._take(self._presence.looked(tab, person, looking, now=self._clock()))

    def did(self, person: str, action: str, metadata: Mapping[str, Any]) -> None:
        """Take in that a person did something here."""
        with self._lock:
            self._take(self._presence.did(person, action, metadata, now=self._clock()))

    # Its life

    def start(self, client: WebSocketClient | Sender, *, name: str) -> None:
        """Begin to tell, by `client`. Call it once, before the client hears of what happened meanwhile."""
        left_behind, since = self._file.load(), self._file.saved_at()
        with self._lock:
            self._presence.left_behind(left_behind, since=since, now=self._clock())
        self._telling = Telling(client, name=name, identify=lambda: str(uuid.uuid4()), wake=self._ring)
        subscribe = getattr(client, "subscribe", None)
        if subscribe is not None:
            self._unsubscribes = [
                subscribe(UserLogin.TYPE, self._heard_login),
                subscribe(UserLogout.TYPE, self._heard_logout),
            ]
        self._thread = threading.Thread(target=self._run, name="tideboard-attendance", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop telling. Who is here stays written down for the next process."""
        for unsubscribe in self._unsubscribes:
            unsubscribe()
        with self._lock:
            self._is_stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    # Inside

    def _take(self, effects: Effects) -> None:
        """Keep effects for the thread. Call it under the lock."""
        self._effects += effects
        self._has_news = True
        self._wake.notify_all()

    def _ring(self) -> None:
        with self._lock:
            self._take([])

    def _heard_login(self, envelope: Envelope) -> None:
        """Leave it to another app to tell of a person's going who has come to it from here."""
        event = event_of(envelope)
        source = envelope.source
        if self._telling is None or source == self._telling.source or not source.startswith(f"{PEOPLE_SOURCE}/"):
            return
        if isinstance(event, UserLogin):
            try:
                at = datetime.fromisoformat(event.timestamp).timestamp()
            except (ValueError, OverflowError):
                return
            with self._lock:
                self._presence.came_elsewhere(event.user_id, at=at)
                self._take([])

    def _heard_logout(self, envelope: Envelope) -> None:
        """Tell again of a person who is here when another app, or a producer, tells that they left."""
        event = event_of(envelope)
        if self._telling is None or envelope.source == self._telling.source or not isinstance(event, UserLogout):
            return
        with self._lock:
            self._take(self._presence.contradicted(event.user_id, now=self._clock()))

    def _run(self) -> None:
        again_at: float | None = None
        while True:
            with self._lock:
                self._wake.wait_for(lambda: self._has_news or self._is_stopping, self._patience_s(again_at))
                if self._is_stopping:
                    return
                self._has_news = False
                self._effects += self._presence.tick(self._clock())
                effects, self._effects = self._effects, []
                changes = self._presence.changes()
                turn, dropped = self._presence.turn, self._presence.dropped
                people = self._presence.people if turn != self._saved_turn else None
            try:
                again_at = self._tell(effects, changes, people=people, dropped=dropped)
                self._saved_turn = turn
            except Exception:  # the one broad catch: presence goes on with the next news
                _log.exception("Telling of people failed")

    def _patience_s(self, again_at: float | None) -> float | None:
        """Return how long there is nothing to do. A clock that is set doesn't stop it: it looks every minute anyhow."""
        dues = [at for at in (self._presence.due_at, again_at) if at is not None]
        return min(60.0, max(0.01, min(dues) - self._clock())) if dues else 60.0

    def _tell(
        self, effects: Effects, changes: Mapping[str, Any], *, people: tuple[str, ...] | None, dropped: int
    ) -> float | None:
        """Carry out what was decided: the file first, so that nobody told of is forgotten by a crash."""
        assert self._telling is not None
        if people is not None:
            self._file.save(people)
            PRESENCE_PEOPLE.set(len(people))
        if changes:
            self._store.set_here(changes, now=self._clock())
        PRESENCE_DROPPED.inc(dropped - self._dropped)
        self._dropped = dropped
        self._telling.take(effects)
        return self._clock() + _TRY_AGAIN_S if self._telling.pump() else None
