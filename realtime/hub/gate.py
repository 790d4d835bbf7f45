"""Decides which connections may come in, and how much each may ask: by origin, and by counts per address and person.

One gate serves the sockets and the HTTP routes of a process, so that what it counts is all there is. How fast somebody
may ask is counted behind `Rates`. No sockets in here. Threads: the event loop's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, Protocol

from realtime.hub.notes import Notes, Unnoted
from realtime.hub.origin import Origins
from realtime.hub.peers import Proxies, network_of
from realtime.hub.ports import Peer
from realtime.metrics import LIMITED
from realtime.protocol.codes import DisconnectCode, ErrorCode, hang_up, refuse

WINDOW_S: Final = 10
"""Rates are meant per second and counted over this long, so that a burst isn't taken for a habit."""
MOST_REFUSALS: Final = 200
"""Commands in a row that a connection may have refused for coming too fast; then it is sent away for a while."""
_LEASE: Final = 32


class Rates(Protocol):
    """Counts how much somebody asked for lately. In memory, or in Redis for all nodes together."""

    async def take(self, what: str, who: str, *, most: int, window_s: int, cost: int = 1) -> float:
        """Count `cost` if at most `most` then fell into the window; returns 0, or in how many seconds it would fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """How much anybody may have at a time, or ask per second."""

    connections_per_address: int = 2_000
    connections_per_person: int = 500
    subscriptions_per_address: int = 100_000
    subscriptions_per_person: int = 20_000
    commands_per_s: int = 2_000
    events_per_s: int = 50_000

    @property
    def waiting_per_address(self) -> int:
        """Return how many of an address's connections may have said nothing yet."""
        return max(1, self.connections_per_address // 4)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection isn't taken: an HTTP status, a code and reason, and when to come back, 0 for never."""

    status: int
    code: str
    reason: str
    retry_s: int = 0


FOREIGN_ORIGIN: Final = Refusal(403, "foreign_origin", "A page of another site may not use this.")
FOREIGN_HOST: Final = Refusal(
    403, "foreign_origin", "This name isn't known to be ours; put its origin into allowed_origins, or use an address."
)
_TOO_MANY: Final = Refusal(429, "too_many_requests", "Too many connections from this address; close some.", retry_s=10)


class Gate:
    """The one gate of a process."""

    def __init__(
        self,
        *,
        origins: Origins | None = None,
        proxies: Proxies | None = None,
        quotas: Quotas | None = None,
        rates: Rates | None = None,
        notes: Notes | None = None,
    ) -> None:
        self.origins = origins or Origins()
        self.quotas = quotas or Quotas()
        self.notes = notes or Unnoted()
        self._proxies = proxies or Proxies()
        self._rates = rates
        self._counts: Counter[tuple[str, str]] = Counter()

    def peer_of(self, scope: Any) -> Peer:
        """Say who asks, by an ASGI scope."""
        return self._proxies.peer_of(scope)

    def is_proxy(self, address: str) -> bool:
        """Tell whether an address is a proxy's, so that it stands for many."""
        return address in self._proxies

    def objection(self, peer: Peer) -> Refusal | None:
        """Say what is wrong with where a request comes from, or None."""
        if not self.origins.knows_host(peer):
            return FOREIGN_HOST
        return None if self.origins.allows(peer) else FOREIGN_ORIGIN

    def enter(self, peer: Peer) -> Seat | Refusal:
        """Give a new connection its seat, unless its address has too many already."""
        network = network_of(peer.address)
        quotas = self.quotas
        if not self.count("waiting", network, most=quotas.waiting_per_address):
            return _TOO_MANY
        if not self.count("connections", network, most=quotas.connections_per_address):
            self.uncount("waiting", network)
            return _TOO_MANY
        return Seat(self, network)

    async def wait_s(self, what: str, who: str, *, per_s: int, cost: int = 1) -> float:
        """Count something asked for; returns 0 when it may be, else in how many seconds.

        What is too much by itself may be when nothing else was asked for lately.
        """
        if self._rates is None:
            return 0.0
        most = per_s * WINDOW_S
        return await self._rates.take(what, who, most=most, window_s=WINDOW_S, cost=min(cost, most))

    def told(self, what: str, *, actor: str, origin: str, target: str = "") -> None:
        """Note that a limit was reached, in the metrics and the audit."""
        LIMITED.labels(what).inc()
        self.notes.note("limit", actor=actor, outcome="refused", target=target, origin=origin, detail=what)

    def count(self, what: str, who: str, *, most: int) -> bool:
        """Count one more, if there may be."""
        if self._counts[what, who] >= most:
            return False
        self._counts[what, who] += 1
        return True

    def uncount(self, what: str, who: str) -> None:
        """Count one less; who has none is forgotten."""
        self._counts[what, who] -= 1
        if self._counts[what, who] <= 0:
            del self._counts[what, who]

    @property
    def counted(self) -> dict[tuple[str, str], int]:
        """Return what is counted now, for tests and for whoever wants to know that nothing leaks."""
        return {key: count for key, count in self._counts.items() if count}


class Seat:
    """What one connection takes up. Left once, whatever happens."""

    def __init__(self, gate: Gate, network: str) -> None:
        self.network = network
        self._gate = gate
        self._person = ""
        self._is_waiting = True
        self._is_left = False
        self._is_trusted = False
        self._followed: set[str] = set()
        self._credit = 0
        self._credit_until = 0.0
        self._refused = 0

    @property
    def who(self) -> str:
        """Name who is counted: the person, or the address of nobody in particular."""
        return f"person:{self._person}" if self._person else f"address:{self.network}"

    def let_in(self, person: str, *, is_trusted: bool = False) -> None:
        """Learn who it is. Raises Disconnect 3504 when the person has too many connections. Nobody's name is empty.

        `is_trusted`: what comes is of many people, and whoever brings it has counted them.
        """
        gate = self._gate
        self._is_trusted = is_trusted
        self._stop_waiting()
        if person and not is_trusted and not self._is_left:
            if not gate.count("connections", person, most=gate.quotas.connections_per_person):
                gate.told("connections_per_person", actor=person, origin=self.network)
                raise hang_up(DisconnectCode.CONNECTION_LIMIT)
            self._person = person

    def follow(self, channel: str) -> None:
        """Count a subscription. Raises CommandError 106 when there are too many."""
        gate, quotas = self._gate, self._gate.quotas
        if self._is_left or channel in self._followed:
            return
        if not gate.count("subscriptions", self.network, most=quotas.subscriptions_per_address):
            gate.told("subscriptions_per_address", actor=self._person, origin=self.network)
            raise refuse(ErrorCode.LIMIT_EXCEEDED)
        if self._person and not gate.count("subscriptions", self._person, most=quotas.subscriptions_per_person):
            gate.uncount("subscriptions", self.network)
            gate.told("subscriptions_per_person", actor=self._person, origin=self.network)
            raise refuse(ErrorCode.LIMIT_EXCEEDED)
        self._followed.add(channel)

    def unfollow(self, channel: str) -> None:
        """Count a subscription less."""
        if channel in self._followed:
            self._followed.discard(channel)
            self._gate.uncount("subscriptions", self.network)
            if self._person:
                self._gate.uncount("subscriptions", self._person)

    async def wait_s(self, now: float) -> float:
        """Count a command at `now`; returns 0 when it may be carried out, else in how many seconds.

        Several are counted at once and used up one by one: asking is dearer than a command may be. Raises Disconnect
        3013 for who goes on and on.
        """
        if self._is_trusted:
            return 0.0
        if self._credit > 0 and now < self._credit_until:
            self._credit -= 1
            return 0.0
        per_s = self._gate.quotas.commands_per_s
        lease = max(1, min(_LEASE, per_s * WINDOW_S // 100))
        wait_s = await self._gate.wait_s("commands", self.who, per_s=per_s, cost=lease)
        if wait_s == 0:
            self._credit, self._credit_until, self._refused = lease - 1, now + WINDOW_S, 0
            return 0.0
        self._refused += 1
        if self._refused == 1:
            self._gate.told("commands_per_s", actor=self._person, origin=self.network)
        if self._refused > MOST_REFUSALS:
            raise hang_up(DisconnectCode.TOO_MANY_REQUESTS)
        return wait_s

    def leave(self) -> None:
        """Give back all that was counted."""
        if self._is_left:
            return
        for channel in list(self._followed):
            self.unfollow(channel)
        self._stop_waiting()
        self._is_left = True
        self._gate.uncount("connections", self.network)
        if self._person:
            self._gate.uncount("connections", self._person)

    def _stop_waiting(self) -> None:
        if self._is_waiting and not self._is_left:
            self._is_waiting = False
            self._gate.uncount("waiting", self.network)
