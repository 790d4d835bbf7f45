"""Keeps emits until the gateway has acknowledged them: written to the disk first, sent in order, tried again.

No deciding (that is `outbox_plan`'s) and no SQL (`outbox_file`'s) in here, and no knowledge of sockets.
Threads: any. One lock around the plan, memory work only; one daemon thread sends and settles.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import msgspec

from realtime.client.calls import Ack
from realtime.client.emits import document_of, ingest_of
from realtime.client.outbox_file import OutboxFile
from realtime.client.outbox_plan import Plan
from realtime.errors import CommandError, ConflictError, EventError, NotConnected, OutboxError, OutboxFull
from realtime.metrics import OUTBOX_ENTRIES, OUTBOX_OUTCOMES, OUTBOX_OVERFLOWS
from realtime.protocol.codes import ErrorCode
from realtime.protocol.events import Envelope, InboxCommand, encode_envelope
from realtime.protocol.retrying import told_wait_s
from realtime.store import OutboxEntry, OutboxState

MOST_EVENTS: Final = 1_000
MOST_BYTES: Final = 4_194_304
_JOIN_S: Final = 5.0
_SETTLE_AGAIN_S: Final = 5.0
_BREATH_S: Final = 0.1
# The connection's token, that is: a fresh one is fetched with the next dial.
_NOT_THE_EVENTS_FAULT: Final = frozenset({ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_EXPIRED, ErrorCode.EXPIRED})
# Nobody decides on these after a refusal, and what comes after them for the same inbox mustn't wait for that.
_GIVEN_UP: Final = frozenset({InboxCommand.TYPE})
_KEPT: Final = "The dashboard is stopping. This is kept, and sent when it runs again."
_log = logging.getLogger(__name__)


class Way(Protocol):
    """What emits leave over. `is_open`: one would leave now."""

    @property
    def is_open(self) -> bool:
        """Tell whether an emit would leave now."""

    def emit(
        self,
        events: msgspec.Raw,
        *,
        expected_offset: int | None = None,
        document: tuple[str, str] | None = None,
    ) -> Future[Ack]:
        """Send the data of an `ingest`; the future fails with NotConnected when no answer will come."""


class Outbox:
    """Emits that wait, in a file that outlives the process.

    `on_change` is told all entries but those of inboxes, on the outbox's thread, whenever one changed. `now` is Unix
    seconds, `clock` any seconds that only rise.
    """

    def __init__(
        self,
        file: OutboxFile,
        *,
        most_events: int = MOST_EVENTS,
        most_bytes: int = MOST_BYTES,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        on_change: Callable[[Sequence[OutboxEntry]], None] | None = None,
    ) -> None:
        self._file = file
        self._now = now
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._plan = Plan(most_events=most_events, most_bytes=most_bytes, jitter=jitter)
        self._promised: dict[tuple[str, str], int] = {}  # being written to the disk: sizes
        self._futures: dict[int, Future[Ack]] = {}
        self._answers: deque[tuple[int, Future[Ack]] | None] = deque()  # None: the way opened
        self._gone: list[int] = []  # to be taken off the disk
        self._changed: dict[int, OutboxEntry] = {}  # to be written to the disk
        self._way: Way | None = None
        self._has_news = True
        self._is_closed = False
        for entry in file.load():
            self._plan.add(entry)
        self._thread = threading.Thread(target=self._run, name="tideboard-outbox", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        most_events: int = MOST_EVENTS,
        most_bytes: int = MOST_BYTES,
        on_change: Callable[[Sequence[OutboxEntry]], None] | None = None,
    ) -> Outbox:
        """Open the file at `path` with what a former process left in it. Raises StartError, one sentence."""
        return cls(OutboxFile.open(path), most_events=most_events, most_bytes=most_bytes, on_change=on_change)

    # Emits

    def put(self, envelope: Envelope, *, expected_offset: int | None = None, follows: int | None = None) -> Future[Ack]:
        """Keep an event until the gateway has it; on the disk when this returns. The future holds where it was stored.

        `follows` is the number of the entry whose outcome the caller saw and worked on: once that is acknowledged, its
        position is the version expected. The future fails at once with OutboxFull or OutboxError when the event can't
        be kept, later with EventError, ConflictError or CommandError when the gateway refuses it. An envelope that
        waits already is kept once. Threads: any.
        """
        try:
            return self._put(envelope, expected_offset=expected_offset, follows=follows)
        except OutboxError as error:
            if isinstance(error, OutboxFull):
                OUTBOX_OVERFLOWS.inc()
            refused: Future[Ack] = Future()
            refused.set_exception(error)
            return refused

    def _put(self, envelope: Envelope, *, expected_offset: int | None, follows: int | None) -> Future[Ack]:
        entry = OutboxEntry(
            number=0, key=(envelope.source, envelope.id), type=envelope.type, envelope=encode_envelope(envelope),
            created_at=self._now(), document=document_of(envelope), expected_offset=expected_offset, follows=follows,
        )  # fmt: skip
        with self._lock:
            known = self._plan.find(entry.key)
            if known is not None:
                return self._again(known)
            if self._is_closed or entry.key in self._promised:
                raise OutboxError("This is being kept already, or the dashboard is stopping; try again in a moment.")
            self._plan.check_room(len(entry.envelope), promised=self._promised.values())
            self._promised[entry.key] = len(entry.envelope)
        try:
            written = self._file.insert(entry)
        finally:
            with self._lock:
                del self._promised[entry.key]
        future: Future[Ack] = Future()
        with self._wake:
            added = self._plan.add(written)
            if added is not written:
                self._changed[added.number] = added
            self._futures[added.number] = future
            self._tell()
        return future

    def _again(self, known: OutboxEntry) -> Future[Ack]:
        """Return what an envelope that is here already waits for; a refused one is sent again."""
        if known.state is OutboxState.REFUSED:
            self._changed[known.number] = self._plan.retried(known.number)
            self._tell()
        return self._futures.setdefault(known.number, Future())

    def discard(self, number: int) -> bool:
        """Give up an entry; tell whether there was one that isn't on its way. Threads: any."""
        with self._wake:
            was_there = self._plan.discarded(number)
            if was_there:
                self._gone.append(number)
                self._changed.pop(number, None)
                self._futures.pop(number, None)
                self._tell()
        return was_there

    def withdraw(self, envelope: Envelope) -> bool:
        """Give up the entry of an envelope, as `discard` does. Threads: any."""
        with self._lock:
            entry = self._plan.find((envelope.source, envelope.id))
        return entry is not None and self.discard(entry.number)

    def retry(self, number: int, *, expected_offset: int | None = None) -> bool:
        """Send a refused entry again, over the version given if one is; tell whether there was one. Threads: any."""
        with self._wake:
            entry = self._plan.get(number)
            if entry is None or entry.state is not OutboxState.REFUSED:
                return False
            self._changed[number] = self._plan.retried(number, expected_offset=expected_offset)
            self._tell()
        return True

    @property
    def entries(self) -> tuple[OutboxEntry, ...]:
        """Return what was confirmed lately, then what waits or is refused, each in order. Threads: any."""
        with self._lock:
            return self._plan.listing()

    @property
    def waiting(self) -> int:
        """Return how many entries wait or are refused. Threads: any."""
        return len(self._plan)

    def waiting_for(self, channel: str) -> tuple[OutboxEntry, ...]:
        """Return what waits to be done to an inbox, in order. Threads: any."""
        return tuple(entry for entry in self.entries if entry.is_open and entry.document == (channel, ""))

    # The way

    def attach(self, way: Way) -> None:
        """Send over `way` from now on. Threads: any."""
        with self._wake:
            self._way = way
            self._answers.append(None)
            self._tell()

    def detach(self) -> None:
        """Send nothing until attached again. Threads: any."""
        with self._lock:
            self._way = None

    def opened(self) -> None:
        """Take in that emits are possible again: what waits for its next attempt is sent at once. Threads: any."""
        with self._wake:
            # In line with the answers: those of the way before are failures that must not wait once more.
            self._answers.append(None)
            self._tell()

    def close(self) -> None:
        """End the thread and close the file; what waits stays in it."""
        with self._wake:
            self._is_closed = True
            self._way = None
            self._tell()
        self._thread.join(_JOIN_S)
        self._file.close()
        futures, self._futures = list(self._futures.values()), {}
        for future in futures:
            _fail(future, NotConnected(_KEPT))

    # The thread

    def _tell(self) -> None:
        """Have the thread look again. The lock is held."""
        self._has_news = True
        self._wake.notify()

    def _run(self) -> None:
        """Turn until closed. The one broad `except` is here: what goes wrong is logged, and the next turn goes on."""
        while not self._is_closed:
            try:
                self._wait()
                self._take_answers()
                self._send_due()
                self._settle()
                self._publish()
            except Exception:
                _log.exception("The outbox stumbled and goes on")
                with self._wake:
                    self._wake.wait(_BREATH_S)
                    self._has_news = True
        self._take_answers()
        self._settle()

    def _wait(self) -> None:
        with self._wake:
            due_at = self._plan.due_at if self._way is not None and self._way.is_open else None
            timeout_s = None if due_at is None else max(due_at - self._clock(), 0.0)
            if self._gone or self._changed:  # the disk refused them before
                timeout_s = _SETTLE_AGAIN_S if timeout_s is None else min(timeout_s, _SETTLE_AGAIN_S)
            self._wake.wait_for(lambda: self._has_news, timeout_s)
            self._has_news = False

    def _take_answers(self) -> None:
        while self._answers:
            arrived = self._answers.popleft()
            if arrived is None:
                with self._lock:
                    self._plan.opened()
            else:
                self._take_answer(*arrived)

    def _take_answer(self, number: int, answer: Future[Ack]) -> None:
        try:
            ack = answer.result(0)
        except (EventError, ConflictError) as error:
            self._refuse(number, error, reason=error.reason if isinstance(error, EventError) else str(error))
        except CommandError as error:
            if error.is_temporary or error.code in _NOT_THE_EVENTS_FAULT:
                self._postpone(number, error)
            else:
                self._refuse(number, error, reason=str(error))
        except (NotConnected, CancelledError) as error:
            self._postpone(number, error)
        else:
            self._confirm(number, ack)

    def _confirm(self, number: int, ack: Ack) -> None:
        with self._lock:
            followers = self._plan.acknowledged(number, offset=ack.position.offset, now=self._now())
            self._gone.append(number)
            self._changed.update((each.number, each) for each in followers)
            self._changed.pop(number, None)
            future = self._futures.pop(number, None)
        OUTBOX_OUTCOMES.labels(outcome="confirmed").inc()
        if future is not None and future.set_running_or_notify_cancel():
            future.set_result(ack)

    def _refuse(self, number: int, error: Exception, *, reason: str) -> None:
        is_conflict = isinstance(error, ConflictError)
        with self._lock:
            entry = self._plan.refused(number, reason=reason, is_conflict=is_conflict, now=self._now())
            if entry.type in _GIVEN_UP:
                self._plan.discarded(number)
                self._gone.append(number)
                self._changed.pop(number, None)
            else:
                self._changed[number] = entry
            future = self._futures.pop(number, None)
        OUTBOX_OUTCOMES.labels(outcome="refused").inc()
        if future is not None:
            _fail(future, error)

    def _postpone(self, number: int, error: BaseException) -> None:
        with self._lock:
            wait_s = error.retry_s if isinstance(error, NotConnected) else told_wait_s(str(error))
            self._plan.failed(number, reason=str(error), now=self._clock(), wait_s=wait_s)
        OUTBOX_OUTCOMES.labels(outcome="postponed").inc()

    def _send_due(self) -> None:
        way = self._way
        if way is None or not way.is_open:
            return
        with self._lock:
            due = [self._plan.sent(entry.number) for entry in self._plan.due(self._clock())]
        for entry in due:
            events = ingest_of(msgspec.Raw(entry.envelope), expected_offset=entry.expected_offset)
            document = None if entry.expected_offset is None else entry.document
            try:
                answer = way.emit(events, expected_offset=entry.expected_offset, document=document)
            except RuntimeError as error:  # the way's own thread pool is ending
                answer = Future()
                answer.set_exception(NotConnected(str(error)))
            answer.add_done_callback(partial(self._answered, entry.number))

    def _answered(self, number: int, answer: Future[Ack]) -> None:
        """Take note of an answer. Runs on whichever thread settled it."""
        with self._wake:
            self._answers.append((number, answer))
            self._tell()

    def _settle(self) -> None:
        """Write down what has become of entries. What the disk refuses is tried again: nothing is lost by that."""
        with self._lock:
            gone, self._gone = self._gone, []
            changed, self._changed = self._changed, {}
        if not gone and not changed:
            return
        try:
            self._file.settle(gone=gone, changed=changed.values())
        except OutboxError as error:
            _log.warning("The outbox can't be brought up to date on the disk: %s", error)
            with self._lock:
                self._gone = gone + self._gone
                self._changed = {**changed, **self._changed}

    def _publish(self) -> None:
        with self._lock:
            entries, waiting = self._plan.listing(), len(self._plan)
        OUTBOX_ENTRIES.set(waiting)
        if self._on_change is not None:
            # What somebody did with their notifications is nobody else's, and no change of a document.
            self._on_change([entry for entry in entries if entry.type not in _GIVEN_UP])


def _fail(future: Future[Ack], error: Exception) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(error)
