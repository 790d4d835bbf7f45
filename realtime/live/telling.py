"""Tells of people: makes events of what presence decided, in order per person, one at a time. No clock, no thread.

One event of a person is under way at most, so that a login never overtakes a logout, and hours offline don't fill the
outbox, which is for changes. What waits is kept here: a coming and going that nobody heard of is as good as neither.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from realtime.errors import CommandError, EventError, TideboardError
from realtime.live.presence import Came, Did, Effect, Went
from realtime.metrics import PRESENCE_DROPPED
from realtime.protocol.events import PEOPLE_SOURCE, Envelope, UserActivity, UserLogin, UserLogout, data_of

WAITING_EACH: Final = 32
UNDER_WAY: Final = 100
_log = logging.getLogger(__name__)


class Sender(Protocol):
    """What events leave by: a WebSocketClient, as far as this room needs one."""

    @property
    def outbox(self) -> Any:
        """Return what keeps emits, if anything does."""

    def send(self, envelope: Envelope) -> Future[Any]:
        """Send an event; the future holds where it was stored."""


class Telling:
    """What is to be told, by person. `identify` gives each event its id. Threads: the driver's."""

    def __init__(self, sender: Sender, *, name: str, identify: Callable[[], str], wake: Callable[[], None]) -> None:
        self.source = f"{PEOPLE_SOURCE}/{name}"
        self._sender = sender
        self._identify = identify
        self._wake = wake
        self._waiting: dict[str, deque[Effect]] = {}
        self._under_way: dict[str, tuple[Effect, Envelope, Future[Any]]] = {}
        self._has_complained = False

    def take(self, effects: Iterable[Effect]) -> None:
        """Put effects behind what waits of the same person. A going takes back a coming that wasn't told yet."""
        for effect in effects:
            line = self._waiting.setdefault(effect.person, deque())
            if isinstance(effect, Went):
                self._take_went(line, effect)
            elif isinstance(effect, Came) and line and isinstance(line[-1], Went):
                line.pop()
            elif isinstance(effect, Did) and len(line) >= WAITING_EACH:
                PRESENCE_DROPPED.inc()
            else:
                line.append(effect)

    @staticmethod
    def _take_went(line: deque[Effect], effect: Went) -> None:
        told = [each for each in line if not isinstance(each, Came)]
        has_untold_coming = len(told) < len(line)
        line.clear()
        line.extend([] if has_untold_coming else [*told, effect])

    def pump(self) -> bool:
        """Settle what was answered and send what may go; tell whether something has to be tried again later."""
        must_try_again = False
        for person, (effect, envelope, future) in list(self._under_way.items()):
            if future.done():
                del self._under_way[person]
                must_try_again |= self._settle(effect, envelope, future)
        for person in list(self._waiting):
            if len(self._under_way) >= UNDER_WAY:
                break
            line = self._waiting[person]
            if person in self._under_way:
                continue
            if not line:
                del self._waiting[person]
            elif not must_try_again:
                self._send(line.popleft())
        return must_try_again

    def _send(self, effect: Effect) -> None:
        envelope = envelope_of(effect, identifier=self._identify(), source=self.source)
        future = self._sender.send(envelope)
        self._under_way[effect.person] = (effect, envelope, future)
        future.add_done_callback(lambda _: self._wake())

    def _settle(self, effect: Effect, envelope: Envelope, future: Future[Any]) -> bool:
        """Look at an answer. What was refused for good is let go; a coming or going that found no room comes again."""
        error = future.exception()
        if error is None:
            self._has_complained = False
            return False
        is_for_good = isinstance(error, EventError) or (isinstance(error, CommandError) and not error.is_temporary)
        if not self._has_complained:
            _log.warning("Who is here can't be told: %s", error)
        self._has_complained = True
        if is_for_good and self._sender.outbox is not None:
            self._sender.outbox.withdraw(envelope)
        if is_for_good or isinstance(effect, Did) or not isinstance(error, TideboardError):
            PRESENCE_DROPPED.inc()
            return False
        self._waiting.setdefault(effect.person, deque()).appendleft(effect)
        return True


def envelope_of(effect: Effect, *, identifier: str, source: str) -> Envelope:
    """Make the event that tells of an effect, at its own time."""
    moment = datetime.fromtimestamp(effect.at, UTC).isoformat(timespec="milliseconds")
    event: UserLogin | UserLogout | UserActivity
    if isinstance(effect, Came):
        event = UserLogin(user_id=effect.person, timestamp=moment)
    elif isinstance(effect, Went):
        event = UserLogout(user_id=effect.person, timestamp=moment)
    else:
        metadata = dict(effect.metadata) or None
        event = UserActivity(user_id=effect.person, action=effect.action, timestamp=moment, metadata=metadata)
    return Envelope(
        id=identifier, source=source, type=event.TYPE, specversion="1.0", time=moment, actor=effect.person,
        data=data_of(event),
    )  # fmt: skip
