"""Decides what the client's connection does next. No sockets, threads, clocks or logging.

The caller brings the time and the jitter, and carries out the effects, which are values. Every dial has a generation;
a fact about an older one changes nothing and is counted. Retry rules: DESIGN.md, promise 6.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from realtime.client.phases import (
    TRANSITIONS,
    WITH_SOCKET,
    Dial,
    Effect,
    Hangup,
    Open,
    Phase,
    Ping,
    Probe,
    Raise,
    Renew,
)
from realtime.client.route import Choice, Route, Way
from realtime.errors import ProtocolError
from realtime.protocol.codes import DisconnectCode, ErrorCode, may_reconnect
from realtime.protocol.events import ConnectionEstablished, ConnectionLost, ConnectionRestored
from realtime.store import ConnectionState

OPENING_S: Final = 5.0
ABNORMAL: Final = 1006


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """How to come back: full jitter below `base_s`, doubled by each dial up to `cap_s`. Dead after ping + `slack_s`."""

    base_s: float = 0.1
    cap_s: float = 4.0
    slack_s: float = 10.0
    heartbeat_s: float | None = None  # provoke a sign of life after so long a silence

    def delay_s(self, attempts: int, *, jitter: Callable[[], float]) -> float:
        """Return how long to wait after `attempts` dials without being in sync. `jitter` returns 0..1."""
        return jitter() * min(self.cap_s, self.base_s * 2.0 ** min(attempts, 30))


class Connection:
    """The life of the client's connection: facts in, effects out."""

    def __init__(self, *, jitter: Callable[[], float], retry: Retry | None = None, transport: Choice = "auto") -> None:
        self.retry = retry or Retry()
        self.route = Route(transport, jitter=jitter)
        self.over: Way = self.route.first
        self.phase = Phase.IDLE
        self.since = 0.0
        self.generation = 0
        self.attempts = 0
        self.reconnects = 0
        self.stale_facts = 0
        self.next_dial_at: float | None = None
        self.connected_since: float | None = None
        self.last_connected_at: float | None = None
        self.lost_at: float | None = None
        self.downtime_s: float | None = None
        self.reason: str | None = None
        self._jitter = jitter
        self._heard_at = 0.0
        self._pinged_at = 0.0
        self._ping_s = 0.0
        self._renew_at: float | None = None
        self._was_live = False

    @property
    def state(self) -> ConnectionState:
        """Return the phase in the words people know."""
        if self.phase in (Phase.DIALING, Phase.OPENING, Phase.WAITING):
            is_first = not self._was_live and self.attempts <= 1 and self.phase is not Phase.WAITING
            return ConnectionState.CONNECTING if is_first else ConnectionState.RECONNECTING
        return _STATES[self.phase]

    @property
    def is_open(self) -> bool:
        """Tell whether commands can be sent."""
        return self.phase in (Phase.SYNCING, Phase.LIVE)

    @property
    def wake_at(self) -> float | None:
        """Return when `tick` has something to do, None if never."""
        return min((moment for moment in self._moments() if moment is not None), default=None)

    # What the owner wants

    def start(self, now: float) -> list[Effect]:
        """Begin to dial, unless begun."""
        if self.phase not in (Phase.IDLE, Phase.REFUSED):
            return []
        self.attempts = 0
        return self._dial(now)

    def stop(self, now: float) -> list[Effect]:
        """End it; nothing more happens until `start` or `reconnect`."""
        reason = "Disconnected on request."
        effects = self._let_go(now, reason=reason)
        if self.phase is not Phase.IDLE:
            self._enter(Phase.IDLE, now)
        return [*effects, *self._tell_of_loss(now, reason)]

    def reconnect(self, now: float) -> list[Effect]:
        """Dial at once, whatever it does now; a dial under way is left alone."""
        if self.phase is Phase.DIALING:
            return []
        effects = self._let_go(now, reason="Reconnecting on request.")
        return [*effects, *self._dial(now)]

    def woke(self, now: float) -> list[Effect]:
        """Take in that the machine slept: whatever socket there was is of no use, and no failed dial counts any more.

        A dial under way is left alone; what isn't wanted, or was refused for good, stays so.
        """
        if self.phase in (Phase.IDLE, Phase.DIALING, Phase.REFUSED):
            return []
        effects = self._let_go(now, reason="The machine was asleep.")
        self.attempts = 0
        return [*effects, *self._dial(now)]

    def set_transport(self, choice: Choice, now: float) -> list[Effect]:
        """Choose how to connect; what isn't allowed any more is hung up and dialed the other way, which is no loss."""
        self.route.choice = choice
        if self.phase in WITH_SOCKET and not self.route.allows(self.over):
            return self._switch(now, self.route.first, reason="The transport was switched.")
        if self.phase is Phase.LIVE:
            self.route.synced(self.over, now)
        return []

    def hurry(self, now: float) -> list[Effect]:
        """Look for the socket now, while polling."""
        self.route.hurry(now)
        return []

    # What happened

    def dialed(self, generation: int, now: float) -> list[Effect]:
        """Take in that the socket is open."""
        if self._is_stale(generation):
            return [Hangup(generation, "An older dial.")]
        self._enter(Phase.OPENING, now)
        self._heard_at = now
        return [Open(generation)]

    def dial_failed(self, generation: int, reason: str, now: float) -> list[Effect]:
        """Take in that no socket could be had."""
        if self._is_stale(generation):
            return []
        instead = self.route.failed(self.over)
        if instead is not None:
            self.reason = reason
            return self._dial(now, over=instead, is_instead=True)
        # When polls aren't answered either, why there is no socket says more.
        return self._wait(now, (self.reason if self.over == "polling" else None) or reason)

    def probed(self, generation: int, now: float, *, is_open: bool) -> list[Effect]:
        """Take in whether a socket could be had while polling: if so, it is dialed, and nobody calls that a loss."""
        if self._is_stale(generation) or self.over != "polling":
            return []
        return self._switch(now, "websocket", reason="The WebSocket can be had again.") if is_open else []

    def welcomed(self, generation: int, now: float, *, ping_s: float, expires_in_s: float | None = None) -> None:
        """Take in that `connect` was accepted; the server pings every `ping_s` seconds, 0 for never."""
        if self._is_stale(generation):
            return
        self._enter(Phase.SYNCING, now)
        self._heard_at = now
        self._ping_s = ping_s
        self._renew_at = None if not expires_in_s else now + expires_in_s * 0.8
        self.connected_since = now

    def refused(self, generation: int, now: float, *, code: int, reason: str, is_temporary: bool) -> list[Effect]:
        """Take in that `connect` was answered by an error. An expired token is worth a fresh one, the rest an end."""
        if self._is_stale(generation):
            return []
        effects = self._let_go(now, reason=reason)
        if is_temporary or code in (ErrorCode.TOKEN_EXPIRED, ErrorCode.EXPIRED):
            return [*effects, *self._wait(now, reason)]
        return [*effects, *self._end(now, reason)]

    def synced(self, generation: int, now: float) -> list[Effect]:
        """Take in that everything was caught up: only now the backoff starts over."""
        if self._is_stale(generation) or self.phase is Phase.LIVE:
            return []
        self._enter(Phase.LIVE, now)
        self.route.synced(self.over, now)
        self.attempts = 0
        self.last_connected_at = now
        self.reason = None
        if not self._was_live:
            self._was_live = True
            return [Raise(ConnectionEstablished(timestamp=_iso(now)))]
        if self.lost_at is None:
            return []
        self.downtime_s = max(now - self.lost_at, 0.0)
        self.lost_at = None
        self.reconnects += 1
        return [Raise(ConnectionRestored(timestamp=_iso(now), downtime=round(self.downtime_s, 3)))]

    def unsynced(self, generation: int, now: float) -> None:
        """Take in that a hole was found while live: what is held isn't current until `synced`."""
        if not self._is_stale(generation) and self.phase is Phase.LIVE:
            self._enter(Phase.SYNCING, now)

    def heard(self, generation: int, now: float) -> None:
        """Take in that anything at all came from the other side."""
        if generation == self.generation:
            self._heard_at = now

    def closed(self, generation: int, now: float, *, code: int = ABNORMAL, reason: str = "") -> list[Effect]:
        """Take in that the socket is gone or useless. The close code says whether to come back."""
        if self._is_stale(generation):
            return []
        words, was_opening = reason or "The connection was cut.", self.phase is Phase.OPENING
        if code == DisconnectCode.WEBSOCKET_OFF and self.route.choice == "auto":
            # Nothing is broken: an operator wants it so, and nobody calls it a loss unless polls fail, too.
            return self._switch(now, "polling", reason=words)
        effects = self._let_go(now, reason=words)
        if not may_reconnect(code):
            return [*effects, *self._end(now, words)]
        # A proxy may let the upgrade through and nothing after it.
        instead = self.route.failed(self.over) if was_opening else None
        if instead is not None:
            self.reason = words
            return [*effects, *self._dial(now, over=instead, is_instead=True)]
        return [*effects, *self._wait(now, words)]

    def tick(self, now: float) -> list[Effect]:
        """Do what is due at `now`."""
        self._heard_at = min(self._heard_at, now)  # a clock set back mustn't make us wait for it to catch up
        if self.phase is Phase.WAITING and self.next_dial_at is not None:
            is_due = not now < self.next_dial_at <= now + self.retry.cap_s
            return self._dial(now) if is_due else []
        dead_at = self._dead_at()
        if dead_at is not None and now >= dead_at:
            words = "didn't let us in" if self.phase is Phase.OPENING else "gave no sign of life"
            since = self.since if self.phase is Phase.OPENING else self._heard_at
            return self.closed(self.generation, now, reason=f"The gateway {words} for {now - since:.0f} s.")
        effects: list[Effect] = []
        if self.is_open and self._has_heartbeat and now >= self._ping_due():
            self._pinged_at = now
            effects.append(Ping(self.generation))
        if self.phase is Phase.LIVE and self.route.is_probe_due(now):
            self.route.probed(now)
            effects.append(Probe(self.generation))
        if self.is_open and self._renew_at is not None and now >= self._renew_at:
            self._renew_at = None
            effects.append(Renew(self.generation))
        return effects

    def renewed(self, generation: int, now: float, *, expires_in_s: float | None) -> None:
        """Take in that the connection lives on with a fresh token."""
        if not self._is_stale(generation):
            self._renew_at = None if not expires_in_s else now + expires_in_s * 0.8

    # Inside

    def _moments(self) -> tuple[float | None, ...]:
        return (
            self.next_dial_at,
            self._dead_at(),
            self._ping_due() if self.is_open and self._has_heartbeat else None,
            self.route.probe_at if self.phase is Phase.LIVE else None,
            self._renew_at if self.is_open else None,
        )

    def _dead_at(self) -> float | None:
        """Return when the other side counts as dead unless something is heard of it, None for never."""
        if self.phase is Phase.OPENING:
            return self.since + OPENING_S
        interval = self._ping_s
        if self._has_heartbeat and self.retry.heartbeat_s is not None:
            interval = min(interval or self.retry.heartbeat_s, self.retry.heartbeat_s)
        return self._heard_at + interval + self.retry.slack_s if self.is_open and interval else None

    @property
    def _has_heartbeat(self) -> bool:
        """Tell whether silence is answered by a ping; a poll that isn't answered fails by itself."""
        return self.retry.heartbeat_s is not None and self.over == "websocket"

    def _ping_due(self) -> float:
        return max(self._heard_at, self._pinged_at) + (self.retry.heartbeat_s or 0.0)

    def _is_stale(self, generation: int) -> bool:
        is_stale = generation != self.generation or self.phase in (Phase.IDLE, Phase.WAITING, Phase.REFUSED)
        self.stale_facts += is_stale
        return is_stale

    def _dial(self, now: float, *, over: Way | None = None, is_instead: bool = False) -> list[Effect]:
        """Dial. What is dialed at once in place of a failed dial belongs to the same attempt."""
        self._enter(Phase.DIALING, now)
        self.over = over or self.route.first
        self.generation += 1
        self.attempts += not is_instead
        return [Dial(self.generation, self.over)]

    def _switch(self, now: float, over: Way, *, reason: str) -> list[Effect]:
        """Hang up and dial the other way; people are told of a loss only if that comes to nothing."""
        hangup = Hangup(self.generation, reason)
        return [hangup, *self._dial(now, over=over)]

    def _wait(self, now: float, reason: str) -> list[Effect]:
        self._enter(Phase.WAITING, now)
        self.reason = reason
        self.next_dial_at = now + self.retry.delay_s(max(self.attempts - 1, 0), jitter=self._jitter)
        return self._tell_of_loss(now, reason)

    def _end(self, now: float, reason: str) -> list[Effect]:
        self._enter(Phase.REFUSED, now)
        self.reason = reason
        return self._tell_of_loss(now, reason)

    def _let_go(self, now: float, *, reason: str) -> list[Effect]:
        """Close the socket if there is one, and tell people if they had been told that all is well."""
        effects: list[Effect] = []
        if self.phase in WITH_SOCKET:
            effects.append(Hangup(self.generation, reason))
        if self.phase in (Phase.SYNCING, Phase.LIVE):
            effects += self._tell_of_loss(now, reason)
        return effects

    def _tell_of_loss(self, now: float, reason: str) -> list[Effect]:
        """Tell people once that what they see isn't current any more."""
        if not self._was_live or self.lost_at is not None:
            return []
        self.lost_at = now
        return [Raise(ConnectionLost(timestamp=_iso(now), reason=reason))]

    def _enter(self, phase: Phase, now: float) -> None:
        """Change the phase; the only place that does. Raises ProtocolError when the table doesn't allow it."""
        if phase not in TRANSITIONS[self.phase]:
            raise ProtocolError(f"A connection can't go from {self.phase.value} to {phase.value}.")
        self.phase = phase
        self.since = now
        self.next_dial_at = None
        if phase not in (Phase.SYNCING, Phase.LIVE):
            self.connected_since = None
            self._renew_at = None


_STATES: Final = {
    Phase.IDLE: ConnectionState.DISCONNECTED,
    Phase.SYNCING: ConnectionState.SYNCING,
    Phase.LIVE: ConnectionState.CONNECTED,
    Phase.REFUSED: ConnectionState.REFUSED,
}


def _iso(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
