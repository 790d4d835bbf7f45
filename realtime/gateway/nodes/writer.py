"""Writes to Redis: one thread, one script for all that is waiting (group commit), one connection.

Nothing is answered before it is stored, and told to this node's listeners where that can be. A commit whose answer was
lost is sent again: what it had stored is a repeat then. Threads: `submit`, `close` and the properties any.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from time import perf_counter
from typing import Any, Final

import msgspec
import redis

from realtime import metrics
from realtime.errors import ConflictError, StorageError
from realtime.gateway import ledger as rules
from realtime.gateway.nodes.adopting import run_adopted
from realtime.gateway.nodes.copy import UNKEPT, Copy
from realtime.gateway.nodes.events import event_row
from realtime.gateway.nodes.follower import Follower
from realtime.gateway.nodes.log_keys import key_text
from realtime.gateway.nodes.own import OwnCommits
from realtime.gateway.nodes.replies import Buried, Outcome, Written
from realtime.gateway.nodes.server import Server
from realtime.gateway.plan import duplicate_key
from realtime.gateway.queue import EVENT_OVERHEAD_BYTES, Append, Note, TaskQueue
from realtime.gateway.records import Accepted, Along, Refusal, Stored
from realtime.gateway.schema import epoch_of
from realtime.gateway.shelf import INBOX_RETENTION
from realtime.protocol.channels import inbox_of
from realtime.protocol.positions import Position

_LOG: Final = logging.getLogger(__name__)
FEED_BYTES: Final = 67_108_864
"""What the feed holds for nodes that are behind; the streams hold the rest."""
_MOST_LOGGED: Final = 20


class Errand:
    """Something else to ask the server, in turn, and who waits for what it returns."""

    __slots__ = ("future", "run", "size_bytes", "weight")

    def __init__(self, run: Callable[[], Any]) -> None:
        self.run = run
        self.size_bytes = EVENT_OVERHEAD_BYTES
        self.weight = 1
        self.future: Future[Any] = Future()


Task = Append | Note | Errand


class Writer:
    """Owns the thread."""

    def __init__(
        self,
        server: Server,
        follower: Follower,
        *,
        own: OwnCommits,
        retention_events: int,
        refusals_kept: int,
        queue_bytes: int,
        critical_kept: int,
        replicas: int,
        copy: Copy | None = None,
    ) -> None:
        """With a `copy`, nothing is answered before it is there, too."""
        self._server = server
        self._copy = copy
        self._keys = server.keys
        self._follower = follower
        self._own = own
        self._retention_events = retention_events
        self._refusals_kept = refusals_kept
        self._critical_kept = critical_kept
        self._replicas = replicas
        self._number = 0
        self._trouble: str | None = None
        self._queue: TaskQueue[Task] = TaskQueue(queue_bytes)
        self._thread = threading.Thread(target=self._run, name="tideboard-log-writer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._follower.on_back = self._forget_trouble
        self._thread.start()

    def _forget_trouble(self) -> None:
        self._trouble = None

    @property
    def trouble(self) -> str | None:
        """Return why the last commit failed, or None when it didn't."""
        return self._trouble

    def submit(self, task: Task) -> None:
        """Queue a task. Raises StorageError when the queue is full or the log is closed."""
        self._queue.submit(task)

    def close(self) -> None:
        """Write what is waiting, then end."""
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while (group := self._queue.take()) is not None:
            self._commit(group)

    def _commit(self, group: Sequence[Task]) -> None:
        appends = [task for task in group if isinstance(task, Append)]
        notes = [task for task in group if isinstance(task, Note)]
        if appends or notes:
            self._write(appends, notes)
        for task in group:
            if isinstance(task, Errand):
                self._carry_out(task)

    def _write(self, appends: Sequence[Append], notes: Sequence[Note]) -> None:
        started = perf_counter()
        tasks: list[Append | Note] = [*appends, *notes]
        self._number += 1
        number = self._number
        self._own.expect(number, [one for append in appends for one in append.accepted])
        try:
            written = self._stored(number, appends, notes)
        except Exception as error:
            self._own.drop(number)
            self._fail(tasks, error)
            return
        if not written.has_told:
            self._own.drop(number)
        self._trouble = None
        metrics.COMMIT_SECONDS.observe(perf_counter() - started)
        tell_of(written.buried)
        outcomes = list(zip(appends, written.outcomes, strict=True))
        fresh = sum(not place.is_repeat for _, outcome in outcomes for place in outcome.places)
        if fresh:
            metrics.EVENTS_STORED.inc(fresh)
            metrics.COMMIT_EVENTS.observe(fresh)

        def answer() -> None:
            for append, outcome in outcomes:
                _answer(append, outcome, seed=written.seed)
            for note in notes:
                note.future.set_result(None)

        def kept(failure: StorageError | None) -> None:
            if failure is None:
                answer()
                return
            for task in tasks:
                task.future.set_exception(failure)

        def told(is_told: bool) -> None:
            if self._copy is None:
                answer()
            elif is_told:
                self._copy.when_kept(written.seed, written.seq, kept)
            else:
                kept(StorageError(UNKEPT))

        self._follower.when_told(written.seed, written.seq, told)

    def _stored(self, number: int, appends: Sequence[Append], notes: Sequence[Note]) -> Written:
        keys, request = self._request(number, appends, notes)
        return run_adopted(self._server, "append", keys, request, Written, replicas=self._replicas)

    def _request(self, number: int, appends: Sequence[Append], notes: Sequence[Note]) -> tuple[list[str], list[Any]]:
        channels: dict[str, int] = {}
        rows: list[Any] = []
        for append in appends:
            append.keys = [duplicate_key(one) for one in append.accepted]
            events = [
                _event(one, key, channels.setdefault(one.channel, len(channels) + 1))
                for one, key in zip(append.accepted, append.keys, strict=True)
            ]
            rows.append([False if append.expected is None else append.expected, events])
        now_ms = self._server.now_ms
        along = _along([append.along for append in appends if append.along is not None])
        refused = [_refusal(one, now_ms) for note in notes for one in note.refusals]
        bounds = [
            self._own.node, number, self._refusals_kept, self._critical_kept, FEED_BYTES, rules.LETTERS_KEPT,
        ]  # fmt: skip
        kept = [self._channel(name) for name in channels]
        request = [now_ms, kept, rows, along, refused[-self._refusals_kept :], bounds]
        return self._keys.for_append(channels), request

    def _channel(self, name: str) -> tuple[str, int, bool]:
        if inbox_of(name) is None:
            return name, self._retention_events, False
        return name, min(self._retention_events, INBOX_RETENTION), True

    def _carry_out(self, errand: Errand) -> None:
        try:
            errand.future.set_result(errand.run())
        except Exception as error:
            self._fail([errand], error)

    def _fail(self, tasks: Sequence[Task], error: Exception) -> None:
        if isinstance(error, StorageError):
            failure = error
        elif isinstance(error, redis.RedisError | OSError):
            failure = self._server.link.words(error)
        else:
            _LOG.exception("a commit failed for a reason nobody thought of")
            failure = StorageError(
                "The log failed on these events, nothing was stored; the gateway's own log says why."
            )
        self._trouble = str(failure)
        _LOG.error("commit of %d tasks failed: %s", len(tasks), error)
        for task in tasks:
            task.future.set_exception(failure)


def tell_of(buried: Sequence[Buried]) -> None:
    """Tell of dead letters."""
    for one in buried[:_MOST_LOGGED]:
        _LOG.warning(
            "dead letter (%s): %s %d was never acknowledged by %s", one.reason, one.channel, one.offset, one.consumer
        )
    if len(buried) > _MOST_LOGGED:
        _LOG.warning("… and %d dead letters more", len(buried) - _MOST_LOGGED)
    for one in buried:
        metrics.DEAD_LETTERS.labels(one.reason).inc()


def _answer(append: Append, outcome: Outcome, *, seed: str) -> None:
    if not outcome.is_stored:
        append.future.set_exception(ConflictError(expected=append.expected or 0, actual=outcome.actual or None))
        return
    append.future.set_result(
        [
            Stored(
                place.channel, Position(epoch_of(seed, place.channel), place.offset), place.is_repeat, one,
                place.time_ms,
            )
            for one, place in zip(append.accepted, outcome.places, strict=True)
        ]
    )  # fmt: skip


def _event(accepted: Accepted, key: bytes, channel: int) -> list[Any]:
    identifier, kind, document = event_row(accepted)
    return [channel, key_text(key), identifier, kind, document, accepted.is_critical, accepted.raw.decode()]


def _along(along: Sequence[Along]) -> list[Any] | bool:
    if not along:
        return False
    return [
        [[channel, offset, fold.decode()] for one in along for channel, (offset, fold) in one.inboxes.items()],
        {channel: offset for one in along for channel, offset in one.judged.items()},
        {name: value.decode() for one in along for name, value in one.notes.items()},
        [name for one in along for name in one.gone],
    ]


def _refusal(refusal: Refusal, now_ms: int) -> str:
    return msgspec.json.encode([now_ms, refusal.index, refusal.code, refusal.reason, refusal.excerpt]).decode()
