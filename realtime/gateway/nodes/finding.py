"""Finds the one server that holds our keys: the given one, the master of Sentinels, or a slot's owner in a Cluster.

Threads: any; what is known of the others is replaced whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
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

    All of them are asked, and the newest configuration counts: one that hasn't heard of a failover yet names the old
    master, which may be back by then, empty, and take itself for the master.
    """

    def __init__(self, sentinels: Iterable[Place], dialing: Dialing, *, master: str) -> None:
        self._sentinels = tuple(sentinels)
        self._dialing = dialing
        self._master = master

    def find(self) -> Place:
        """Ask all Sentinels at once, then the master."""
        with ThreadPoolExecutor(len(self._sentinels), thread_name_prefix="tideboard-sentinels") as pool:
            answers = list(pool.map(self._answer, self._sentinels))
        named = [answer for answer in answers if not isinstance(answer, str)]
        if not named:
            raise NoServer(self._nobody(str(answer) for answer in answers))
        _, found = max(named, key=lambda answer: answer[0])
        try:
            with closing(self._dialing.redis(found, connections=1)) as client:
                role = ask(client, "INFO", "replication").get("role")
        except RedisError as error:
            raise NoServer(self._nobody([str(words(error, where=str(found)))])) from error
        if role != "master":
            raise NoServer(
                self._nobody([f"Redis at {found} is no master (any more): Sentinels are about to choose another"])
            )
        return found

    def _answer(self, sentinel: Place) -> tuple[int, Place] | str:
        """Return the age of what a Sentinel knows, and the master by it; or why it can't say."""
        try:
            with closing(self._dialing.sentinel(sentinel)) as client:
                answer = ask(client, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._master)
                if not answer:
                    return f"The Sentinel at {sentinel} knows no master {self._master!r}: correct redis_url"
                told = ask(client, "SENTINEL", "MASTER", self._master)
        except RedisError as error:
            return str(words(error, where=str(sentinel)))
        facts = dict(zip(told[::2], told[1::2], strict=True))
        return int(facts[b"config-epoch"]), Place(_text(answer[0]), int(answer[1]))

    def _nobody(self, reasons: Iterable[str]) -> str:
        told = "; ".join(dict.fromkeys(reason.rstrip(".") for reason in reasons))
        return f"No Sentinel leads to the master {self._master!r} ({told})."


class ByCluster:
    """Asks nodes of a Cluster who owns our slot, those that the last answer named as well as those of the address."""

    def __init__(self, nodes: Iterable[Place], dialing: Dialing, *, slot: int) -> None:
        self._seeds = tuple(nodes)
        self._known: tuple[Place, ...] = ()
        self._dialing = dialing
        self._slot = slot

    def find(self) -> Place:
        """Ask one node after the other, the owner of last time last: it may be the reason for asking."""
        reasons: dict[str, None] = {}
        for node in dict.fromkeys((*self._known, *self._seeds)):
            try:
                return self._ask(node)
            except RedisError as error:
                reasons[str(words(error, where=str(node))).rstrip(".")] = None
        raise NoServer(f"No node of the Redis Cluster leads to slot {self._slot} ({'; '.join(reasons)}).")

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


def _place(row: list[Any], asked: Place) -> Place:
    """Read a node of CLUSTER SLOTS; one that doesn't know its own host is the one that was asked."""
    host = _text(row[0] or b"")
    return Place(host if host and host != "?" else asked.host, int(row[1]))


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
