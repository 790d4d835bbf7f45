"""Leads to the one Redis server that holds our keys, and finds it again when it became another.

Threads: any. The lock covers which client is the present one; asking around is done outside it.
"""

from __future__ import annotations

import logging
from threading import Event, Lock, Thread
from typing import Final

from redis import Redis
from redis.exceptions import RedisError

from realtime.config import Settings
from realtime.errors import StartError, StorageError
from realtime.gateway.nodes.checking import check
from realtime.gateway.nodes.dialing import CALL_S, Certificates, Dialing, Place
from realtime.gateway.nodes.finding import Finder, finder_of
from realtime.gateway.nodes.keys import Keys
from realtime.gateway.nodes.words import words
from realtime.redis_url import Kind, RedisUrl, parse_redis_url

WATCH_S: Final = 2.0
"""How often Sentinels are asked whether the master is still the one."""
log = logging.getLogger(__name__)


class Link:
    """The way to Redis. Whatever it hands out raises redis-py's errors (RedisError), which `words` explains."""

    def __init__(self, url: RedisUrl, *, keys: Keys, certificates: Certificates) -> None:
        self.keys = keys
        self._secrets = url.secrets
        self._dialing = Dialing(url, certificates)
        self._finder: Finder = finder_of(url, self._dialing, slot=keys.slot)
        self._is_watched = url.kind is Kind.SENTINEL
        self._watch: Thread | None = None
        self._closing = Event()
        self._lock = Lock()
        self._place: Place | None = None
        self._client: Redis | None = None
        self._generation = 0
        self._described = str(Place(*url.hosts[0])) if url.hosts else url.path

    @classmethod
    def of(cls, settings: Settings) -> Link:
        """Make the link that the settings ask for; nothing is connected yet. Raises StartError for unusable files."""
        if settings.redis_url is None:
            raise StartError("redis_url isn't set: set it to the address of a Redis.")
        return cls(
            parse_redis_url(settings.redis_url),
            keys=Keys(settings.redis_prefix),
            certificates=Certificates.of(settings),
        )

    @property
    def where(self) -> str:
        """Return where the server is, as far as it is known, without any login: for people."""
        place = self._place
        return self._described if place is None else str(place)

    @property
    def generation(self) -> int:
        """Return how often the server was looked for again: a follower of an older generation is to be made anew."""
        return self._generation

    def client(self) -> Redis:
        """Return the client of the server that holds our keys, the same one until `find_again`.

        Any thread may use it. A command waits two seconds for its answer and is never sent twice. Raises RedisError
        when no server is known.
        """
        client = self._client
        return client if client is not None else self._found()

    def follower(self, *, waits_s: float = 5.0) -> Redis:
        """Make a client with one connection of its own, for one thread that blocks up to `waits_s` in a command.

        It stays with the server it was made for; the caller closes it. Raises RedisError when no server is known.
        """
        place = self._place or self._finder.find()
        return self._dialing.redis(place, connections=1, call_s=waits_s + CALL_S)

    def find_again(self, failed: Redis | None = None) -> None:
        """Forget which server it is, so that `client` looks again: after lost connections, READONLY, MOVED and such.

        With `failed`, the client that failed, only if that is still the present one: of many threads that meet the
        same failure, one is enough.
        """
        with self._lock:
            client = self._client
            if client is None or (failed is not None and failed is not client):
                return
            # Not closed here: other threads may be in the middle of a command. It goes with the last who uses it.
            self._client = None
            self._place = None
            self._generation += 1

    def check(self) -> None:
        """See at the start that this Redis will do. Raises StartError if it won't, StorageError if it isn't there."""
        try:
            check(self.client(), where=self.where)
        except RedisError as error:
            raise self.words(error) from error

    def words(self, error: BaseException) -> StorageError:
        """Say in one sentence what an error means and what to do; StorageFull when Redis is full."""
        return words(error, where=self.where, secrets=self._secrets)

    def close(self) -> None:
        """Close all connections, but for followers': those are their callers'. What is under way fails."""
        self._closing.set()
        with self._lock:
            client, self._client, self._place = self._client, None, None
            watch, self._watch = self._watch, None
        if watch is not None:
            watch.join()
        if client is not None:
            client.close()

    def _found(self) -> Redis:
        place = self._finder.find()
        made = self._dialing.redis(place)
        with self._lock:
            client = self._client
            if client is None:
                self._client = client = made
                self._place = place
            if self._is_watched and self._watch is None and not self._closing.is_set():
                self._watch = Thread(target=self._keep_watch, name="tideboard-redis-watch", daemon=True)
                self._watch.start()
        if client is made:
            log.info("Redis is at %s.", place)
        return client

    def _keep_watch(self) -> None:
        """Leave a master that Sentinels have given up, though it may still answer us: what it takes will be lost."""
        while not self._closing.wait(WATCH_S):
            client, place = self._client, self._place
            if client is None:
                continue
            try:
                found = self._finder.find()
            except RedisError:
                continue  # who uses the master finds out what that means for it
            if found != place:
                log.warning("Sentinels made %s the master, %s isn't any more.", found, place)
                self.find_again(client)
