"""Follows the feed that all nodes share, in order and without a hole, and tells of what it brings.

What the feed no longer holds is read from the streams. Threads: one of its own, which calls every handler; `start`,
`stop`, `on`, `when_told` and the properties any.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any, Final

import msgspec
import redis

from realtime.gateway.nodes.copy import Copy
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.memory import Memory
from realtime.gateway.nodes.own import OwnCommits, stored_of, told_of
from realtime.gateway.nodes.reader import Reader
from realtime.gateway.nodes.refill import Refill
from realtime.gateway.nodes.replies import ChannelAt, Commit, Overview
from realtime.gateway.nodes.scripts import blob
from realtime.gateway.nodes.server import PUT_BACK, Server
from realtime.gateway.records import Stored

_LOG: Final = logging.getLogger(__name__)
BLOCK_MS: Final = 500
_ENTRIES: Final = 64
_PAGE_EVENTS: Final = 1_000
_AGAIN_S: Final = 0.1
_AGAIN_MOST_S: Final = 0.5
_POLL_S: Final = 0.1
EVENTS: Final = "events"
ANEW: Final = "anew"
_COMMITS: Final = msgspec.msgpack.Decoder(Commit)


class Follower:
    """Where this node is in the feed."""

    def __init__(
        self,
        link: Link,
        server: Server,
        reader: Reader,
        *,
        memory: Memory,
        own: OwnCommits,
        on_commit: Callable[[Sequence[Stored]], None],
        copy: Copy | None = None,
        critical_kept: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_commit` is told of events in the feed's order, whichever node stored them; `copy` keeps them."""
        self._link = link
        self._server = server
        self._reader = reader
        self._memory = memory
        self._own = own
        self._on_commit = on_commit
        self._copy = copy
        self._critical_kept = critical_kept
        self._clock = clock
        self._handlers: dict[str, Callable[[bytes], None]] = {}
        self._at = (0, 0)
        self._cut_at: float | None = None
        self._trouble: str | None = None
        self._waiting: list[tuple[int, int, int, Callable[[bool], None]]] = []
        self._count = 0
        self._client_id: Any = None
        self._lock = threading.Lock()
        self.on_back: Callable[[], None] = lambda: None
        """Called when the server can be reached again."""
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tideboard-feed", daemon=True)

    def on(self, kind: str, handler: Callable[[bytes], None]) -> None:
        """Call `handler` with what nodes tell each other of a kind; `ANEW`: when every epoch has changed."""
        self._handlers[kind] = handler

    def start(self) -> None:
        """Find out where everything stands, then follow. Raises StorageError."""
        try:
            self._settle()
        except (redis.RedisError, OSError) as error:
            raise self._link.words(error) from error
        self._begin(self._server.overview())
        self._heard()
        self._thread.start()

    def finish(self, *, within_s: float = 2.0) -> None:
        """Wait until everything was told of that waits for it, or can't be."""
        deadline = self._clock() + within_s
        while self._waiting and self._trouble is None and self._clock() < deadline:
            self._closing.wait(0.005)

    def stop(self) -> None:
        """End. What is stored and waits to be told of is answered untold."""
        self._closing.set()
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._answer_untold()

    @property
    def trouble(self) -> str | None:
        """Return why the feed can't be followed now, None while it can."""
        return self._trouble

    @property
    def cut_off_s(self) -> float:
        """Return for how many seconds nothing could be heard; 0 while all is well."""
        at = self._cut_at
        return 0.0 if at is None else self._clock() - at

    def when_told(self, seed: str, seq: int, run: Callable[[bool], None]) -> None:
        """Call `run` with True once the feed was told of up to there; at once, with False, if that can't be known."""
        with self._lock:
            is_told = seed == self._memory.seed and self._at[1] >= seq
            is_lost = self._trouble is not None or seed != self._memory.seed
            if not is_told and not is_lost:
                self._count += 1
                heapq.heappush(self._waiting, (self._at[0], seq, self._count, run))
                return
        run(is_told)

    # The thread

    def _run(self) -> None:
        wait_s = _AGAIN_S
        while not self._closing.is_set():
            generation = self._link.generation
            try:
                with closing(self._link.follower(waits_s=BLOCK_MS / 1000)) as client:
                    self._look_again()
                    self._client_id = client.client_id()
                    wait_s = _AGAIN_S
                    # A server that isn't ours any more may go on answering: there is never news of ours at it.
                    while not self._closing.is_set() and self._link.generation == generation:
                        self._take(client)
            except (redis.RedisError, OSError) as error:
                if self._closing.is_set():
                    return
                self._cut(error)
                self._link.find_again()
                self._closing.wait(wait_s)
                wait_s = min(wait_s * 2, _AGAIN_MOST_S)
            except Exception:
                _LOG.exception("following the feed broke off; everything is read anew")
                self._closing.wait(wait_s)
                self._at = (0, 0)

    def _look_again(self) -> None:
        """Find out after a pause whether this is still the same data; what is missing shows as a hole in the feed."""
        if self._settle() != self._memory.seed or self._at == (0, 0):
            self._begin_anew(self._server.overview_now())
        self._heard()

    def _settle(self) -> str:
        """See to it that the server is adopted, after what it has lost was put back; return the seed."""
        while not (adopted := self._server.adopt_now()).is_settled:
            self._lose()
            if adopted.status == "fill" and self._copy is not None:
                Refill(
                    self._server, self._copy.path, critical_kept=self._critical_kept,
                    may_go_on=lambda: not self._closing.is_set(),
                ).run(adopted)  # fmt: skip
            if self._closing.wait(_POLL_S):
                raise redis.ConnectionError("closing")
        return adopted.seed

    def _lose(self) -> None:
        """Know that Redis isn't what it was: what this node's copy was told of, it has to have by now."""
        if self._trouble is None:
            with self._lock:
                self._trouble = PUT_BACK
            self._answer_untold()
            if self._copy is not None:
                self._copy.drain()

    def _take(self, client: redis.Redis) -> None:
        term, seq = self._at
        reply: Any = client.xread({self._server.keys.feed: f"{term}-{seq}"}, count=_ENTRIES, block=BLOCK_MS)
        if not reply:
            self._look_round(client)
        self._heard()
        for place, fields in reply[0][1] if reply else ():
            term, seq = map(int, place.split(b"-"))
            kind = fields[b"k"].decode()
            if kind == ANEW or term != self._at[0]:
                self._begin_anew(self._server.overview_now())
                return
            if seq != self._at[1] + 1:
                self._catch_up(self._server.overview_now())
                return
            self._tell(kind, fields[b"b"], at=(term, seq))
            self._moved((term, seq))

    def _look_round(self, client: redis.Redis) -> None:
        """See in a quiet moment whether everything is still there: of what was flushed nobody tells."""
        seed: Any = client.hget(self._server.keys.meta, "seed")
        if seed is None or seed.decode() != self._memory.seed:
            self._look_again()

    def _tell(self, kind: str, body: bytes, *, at: tuple[int, int]) -> None:
        if kind == EVENTS:
            commit = _COMMITS.decode(body)
            stored = told_of(commit, own=self._own.take(commit.node, commit.number), epoch=self._memory.epoch)
            self._memory.learn(commit.channels, commit.folded)
            if self._copy is not None:
                self._copy.take(
                    at, stored=stored, channels=commit.channels, folded=commit.folded, judgement=blob(commit.judgement)
                )
            self._announce(stored)
            return
        if self._copy is not None:
            self._copy.take(at)
        handler = self._handlers.get(kind)
        if handler is not None:
            self._guarded(handler, body)

    def _announce(self, stored: Sequence[Stored]) -> None:
        if not stored:
            return
        try:
            self._on_commit(stored)
        except Exception:
            # The events are stored and readers find them; the follower has to go on whatever a listener does.
            _LOG.exception("the listener to commits failed")

    def _guarded(self, handler: Callable[[Any], None], value: Any) -> None:
        try:
            handler(value)
        except Exception:
            _LOG.exception("a listener to what nodes tell each other failed")

    def _begin(self, overview: Overview) -> None:
        self._memory.begin(overview)
        if self._copy is not None:
            self._copy.begin(overview)
        self._moved((overview.term, overview.seq))

    def _begin_anew(self, overview: Overview) -> None:
        """Everything has other epochs: nothing that was told before may be continued."""
        if overview.seed != self._memory.seed:
            _LOG.warning("Redis was restarted, lost data, or failed over: every stream has another epoch from now on")
        self._own.forget()
        self._begin(overview)
        handler = self._handlers.get(ANEW)
        if handler is not None:
            self._guarded(handler, b"")

    def _catch_up(self, overview: Overview) -> None:
        """Tell what the feed no longer holds, from the streams."""
        if overview.seed != self._memory.seed:
            self._begin_anew(overview)
            return
        self._own.forget()
        for one in overview.channels:
            while (at := self._memory.top(one.name)) < one.top:
                epoch = self._memory.epoch(one.name)
                page = self._reader.part(one.name, since=at, limit=_PAGE_EVENTS)
                if page.seed != self._memory.seed:
                    self._begin_anew(self._server.overview_now())
                    return
                entries = [entry for entry in page.entries if entry.offset <= one.top]
                if not entries:
                    break  # trimmed meanwhile: who is subscribed finds the hole by its offset
                stored = [stored_of(one.name, epoch, e.offset, e.raw.encode(), e.time_ms) for e in entries]
                self._memory.learn([ChannelAt(one.name, entries[-1].offset, one.trimmed_to, one.documents)], ())
                self._announce(stored)
        self._begin(overview)
        for kind, handler in self._handlers.items():
            if kind != ANEW:  # what nodes told each other meanwhile is gone; each knows how to ask
                self._guarded(handler, b"")

    def _wake(self) -> None:
        """End the wait for news; where that isn't allowed it ends by itself, half a second later."""
        if self._client_id is not None:
            with suppress(redis.RedisError, OSError):
                self._link.client().client_unblock(self._client_id)

    def _moved(self, at: tuple[int, int]) -> None:
        with self._lock:
            self._at = at
            due = []
            while self._waiting and self._waiting[0][:2] <= at:
                due.append(heapq.heappop(self._waiting))
        for term, _, _, run in due:
            run(term == at[0])  # of what was stored under a term before nobody knows whether it is there

    def _heard(self) -> None:
        if self._trouble is not None:
            if self._cut_at is not None:
                _LOG.warning("Redis can be reached again after %.1f s", self.cut_off_s)
            self.on_back()
        self._cut_at = None
        self._trouble = None

    def _cut(self, error: Exception) -> None:
        if self._trouble is None:
            _LOG.error("Redis can't be reached: %s", error)
        with self._lock:
            self._cut_at = self._cut_at if self._cut_at is not None else self._clock()
            self._trouble = str(self._link.words(error))
        self._answer_untold()

    def _answer_untold(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for *_, run in waiting:
            run(False)
