"""Asks the one Redis server that holds everything, and says in words why it can't be asked.

Threads: any. What ends in `_now` raises what the redis package raises; everything else StorageError.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import redis

from realtime.errors import StorageError
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.log_keys import LogKeys
from realtime.gateway.nodes.replies import Adopted, Overview
from realtime.gateway.nodes.scripts import Scripts

_T = TypeVar("_T")
_ELSEWHERE: Final = (redis.ConnectionError, redis.ReadOnlyError)
"""What may be over at the next try: a connection that outlived its server, a server that isn't the master any more."""

_REPLICAS_MS: Final = 1_000
GATHER_MS: Final = 1_200
"""How long nodes have to offer what their copies hold, once one has noticed that Redis is another than before. A node
notices within half a second in quiet times, and tries every half second while Redis can't be reached."""
LEASE_MS: Final = 3_000
"""How long a node that puts back what Redis has lost may be silent before another one does."""
PUT_BACK: Final = "Redis was restarted or has lost something, which nodes put back now: try again in a moment."
Offer = list[Any] | bool


def whole(seed: bytes | str | None) -> str:
    """Return a seed that was read along with something. Raises StorageError where there is none.

    What Redis has lost is put back before it has a seed again: nobody is answered from what isn't all there.
    """
    if not seed:
        raise StorageError(PUT_BACK)
    return seed if isinstance(seed, str) else seed.decode()


class Server:
    """The server, wherever it is now."""

    def __init__(self, link: Link, scripts: Scripts, *, now: Callable[[], float] = time.time) -> None:
        self.link = link
        self.keys = LogKeys(link.keys)
        self._scripts = scripts
        self._now = now
        self.node = ""
        self.offer: Callable[[], Offer] | None = None
        """Says what this node's copy could put back, False for nothing. None: it has no copy, and waits for nobody."""

    @property
    def now_ms(self) -> int:
        """Return the time, Unix milliseconds."""
        return int(self._now() * 1000)

    def run(self, name: str, keys: Sequence[str], request: object, into: type[_T]) -> _T:
        """Run a script; once more where it may have been asked of the wrong server. Repeating one has to do no harm."""

        def question(client: redis.Redis) -> _T:
            found: _T = self._scripts.run(client, name, keys, request, reply=into)
            return found

        return self.ask(question)

    def ask(self, question: Callable[[redis.Redis], _T]) -> _T:
        """Ask something; once more where it may have been asked of the wrong server."""
        try:
            client = self.link.client()
            try:
                return question(client)
            except _ELSEWHERE:
                self.link.find_again(client)
                return question(self.link.client())
        except (redis.RedisError, OSError) as error:
            raise self.link.words(error) from error

    def read(self, *questions: Callable[[Any], object]) -> tuple[str, list[Any]]:
        """Ask several things at one moment, each of a pipeline; return the seed they are of, and the answers."""

        def asked(client: redis.Redis) -> Any:
            pipeline = client.pipeline(transaction=True)
            pipeline.hget(self.keys.meta, "seed")
            for question in questions:
                question(pipeline)
            return pipeline.execute()

        seed, *found = self.ask(asked)
        return whole(seed), found

    def run_durably(self, name: str, keys: Sequence[str], request: object, into: type[_T], *, replicas: int) -> _T:
        """Run a script, and wait until so many replicas have what it wrote."""
        if not replicas:
            return self.run(name, keys, request, into)

        def question(client: redis.Redis) -> tuple[_T, int]:
            # On one connection: WAIT is about what this very one has written, and is satisfied at once by another.
            with client.client() as one:  # type: ignore[no-untyped-call]
                found: _T = self._scripts.run(one, name, keys, request, reply=into)
                have: Any = one.wait(replicas, _REPLICAS_MS)
                return found, have

        found, have = self.ask(question)
        if have < replicas:
            raise StorageError(
                f"Only {have} of {replicas} replicas have it; send it again, which does no harm, in a moment."
            )
        return found

    def run_now(self, name: str, keys: Sequence[str], request: object, into: type[_T]) -> _T:
        """Run a script, once."""
        found: _T = self._scripts.run(self.link.client(), name, keys, request, reply=into)
        return found

    def adopt_now(self) -> Adopted:
        """See to it that the server is adopted: under a new seed, unless a node has done it. It may not be settled."""
        return self._adopt(self.link.client())

    def adopt(self) -> Adopted:
        """See to it that the server is adopted, or say that it takes a while."""
        adopted = self.ask(self._adopt)
        if not adopted.is_settled:
            raise StorageError(PUT_BACK)
        return adopted

    def overview_now(self) -> Overview:
        """Read all channels."""
        return self._overview(self.link.client())

    def overview(self) -> Overview:
        """Read all channels."""
        return self.ask(self._overview)

    def _adopt(self, client: redis.Redis) -> Adopted:
        offer = False if self.offer is None else self.offer()
        gather_ms = 0 if self.offer is None else GATHER_MS
        request = [self.now_ms, secrets.token_hex(16), self.node, offer, gather_ms, LEASE_MS]
        adopted: Adopted = self._scripts.run(client, "adopt", self.keys.for_adoption(), request, reply=Adopted)
        return adopted

    def _overview(self, client: redis.Redis) -> Overview:
        keys = self.keys
        names = [keys.meta, keys.tops, keys.trims, keys.counts, keys.folds]
        overview: Overview = self._scripts.run(client, "channels", names, [], reply=Overview)
        return overview
