"""Finds the one server that holds our keys: the given one, the master of Sentinels, or a slot's owner in a Cluster.

Threads: any; what is known of the others is replaced whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Protocol

from redis.exceptions import RedisError

from realtime.gateway.nodes.dialing import Dialing, Place, ask
from realtime.gateway.nodes.words import NoServer, words
from realtime.redis_url import MOST_HOSTS, Kind, RedisUrl


class Finder(Protocol):
    """Knows how to find the server."""

    def find(self) -> Place:
        """Return where it is now. Raises RedisError, NoServer when nobody asked knows one."""


def finder_of(url: RedisUrl, dialing: Dialing, *, slot: int) -> Finder:
    """Choose by the kind of address."""
    places = [Place(host, port) for host, port in url.hosts]
    if url.kind is Kind.SENTINEL:
        return BySentinel(places, dialing, master=url.master)
    if url.kind is Kind.CLUSTER:
        return ByCluster(places, dialing, slot=slot)
    return Given(Place(path=url.path) if url.path else places[0])


class Given:
    """The address says it."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def find(self) -> Place:
        """Return the one there is."""
        return self._place


class BySentinel:
    """Asks Sentinels for the master of a name, and the master whether it is one (redis.io, "Sentinel client spec").

    A Sentinel may not know yet that the master is gone; so one that doesn't say it is a master isn't taken.
    """

    def __init__(self, sentinels: Iterable[Place], dialing: Dialing, *, master: str) -> None:
        self._sentinels = tuple(sentinels)
        self._dialing = dialing
        self._master = master

    def find(self) -> Place:
        """Ask one Sentinel after the other; who answers first is asked first the next time."""
        return _first(self._sentinels, self._ask, then=self._prefer, nobody=self._nobody)

    def _ask(self, sentinel: Place) -> Place:
        with closing(self._dialing.sentinel(sentinel)) as client:
            answer = ask(client, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._master)
        if not answer:
            raise NoServer(f"The Sentinel at {sentinel} knows no master {self._master!r}: correct redis_url.")
        found = Place(_text(answer[0]), int(answer[1]))
        try:
            with closing(self._dialing.redis(found, connections=1)) as client:
                role = ask(client, "INFO", "replication").get("role")
        except RedisError as error:
            raise NoServer(str(words(error, where=str(found)))) from error
        if role != "master":
            raise NoServer(f"Redis at {found} is no master (any more): Sentinels are about to choose another.")
        return found

    def _prefer(self, sentinel: Place) -> None:
        self._sentinels = (sentinel, *(other for other in self._sentinels if other != sentinel))

    def _nobody(self, reasons: str) -> str:
        return f"No Sentinel leads to the master {self._master!r} ({reasons})."


class ByCluster:
    """Asks nodes of a Cluster who owns our slot, those that the last answer named as well as those of the address."""

    def __init__(self, nodes: Iterable[Place], dialing: Dialing, *, slot: int) -> None:
        self._seeds = tuple(nodes)
        self._known: tuple[Place, ...] = ()
        self._dialing = dialing
        self._slot = slot

    def find(self) -> Place:
        """Ask one node after the other, the owner of last time last: it may be the reason for asking."""
        asked = tuple(dict.fromkeys((*self._known, *self._seeds)))
        return _first(asked, self._ask, then=lambda _node: None, nobody=self._nobody)

    def _ask(self, node: Place) -> Place:
        with closing(self._dialing.redis(node, connections=1)) as client:
            ranges = ask(client, "CLUSTER", "SLOTS")
        # A row is: first slot, last slot, owner, replicas …; each of these host, port, id …
        owners = [_place(row[2], node) for row in ranges if row[0] <= self._slot <= row[1]]
        if not owners:
            raise NoServer(f"The Redis Cluster at {node} gave slot {self._slot} to nobody: finish setting it up.")
        others = dict.fromkeys(_place(one, node) for row in ranges for one in row[2:])
        others.pop(owners[0])
        self._known = (*list(others)[: MOST_HOSTS - 1], owners[0])
        return owners[0]

    def _nobody(self, reasons: str) -> str:
        return f"No node of the Redis Cluster leads to slot {self._slot} ({reasons})."


def _first(
    places: Iterable[Place],
    ask: Callable[[Place], Place],
    *,
    then: Callable[[Place], None],
    nobody: Callable[[str], str],
) -> Place:
    """Return the first answer; raise NoServer with everybody's reason if there is none."""
    reasons: dict[str, None] = {}
    for place in places:
        try:
            found = ask(place)
        except RedisError as error:
            reasons[str(words(error, where=str(place))).rstrip(".")] = None
            continue
        then(place)
        return found
    raise NoServer(nobody("; ".join(reasons)))


def _place(row: list[Any], asked: Place) -> Place:
    """Read a node of CLUSTER SLOTS; one that doesn't know its own host is the one that was asked."""
    host = _text(row[0] or b"")
    return Place(host if host and host != "?" else asked.host, int(row[1]))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
