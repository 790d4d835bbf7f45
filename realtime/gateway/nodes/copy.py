"""Keeps a copy of what nodes store, on this node's own disk, so that nothing is lost that Redis loses.

It follows the feed behind the follower, with group commit; a producer is answered once its events are here, too.
Threads: one of its own; `begin`, `take`, `drain` the follower's; `when_kept`, `offer` and the properties any.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from realtime.errors import StorageError
from realtime.gateway.nodes.catching_up import CatchingUp
from realtime.gateway.nodes.copy_file import At, CopyFile, Row, Side
from realtime.gateway.nodes.late import Late, Parting
from realtime.gateway.nodes.replies import ChannelAt, Overview, SideAt
from realtime.gateway.nodes.scripts import blob
from realtime.gateway.nodes.server import Server
from realtime.gateway.records import Stored
from realtime.gateway.schema import storage_error

_LOG: Final = logging.getLogger(__name__)
_MOST_WAITING_BYTES: Final = 67_108_864
_MOST_UNANSWERED: Final = 20_000
_GROUP: Final = 512
_TICK_S: Final = 0.5
_SIDE_S: Final = 1.0
_AGAIN_S: Final = 1.0
UNKEPT: Final = "Redis has it, or had, but this node's own copy hasn't: send it again in a moment, which does no harm."


@dataclass(frozen=True, slots=True)
class _Begin:
    overview: Overview


@dataclass(frozen=True, slots=True)
class _News:
    at: tuple[int, int]
    stored: Sequence[Stored]
    channels: Sequence[ChannelAt]
    folded: Sequence[tuple[str, int]]
    judgement: bytes
    size_bytes: int


Answer = Callable[[StorageError | None], None]


class Copy:
    """What Redis retains, once more."""

    def __init__(self, file: CopyFile, server: Server, catching_up: CatchingUp, late: Late) -> None:
        self._file = file
        self._server = server
        self._catching_up = catching_up
        self._late = late
        self._queue: deque[_Begin | _News] = deque()
        self._queue_bytes = 0
        self._is_busy = False
        self._is_closing = False
        self._is_following = False
        self._unanswered: deque[tuple[str, int, Answer]] = deque()
        self._trouble: StorageError | None = None
        self._has_hole = False
        self._folds_wanted: set[str] = set()
        self._side_token: Any = None
        self._side_due = 0.0
        self._publish()
        self._floor = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="tideboard-copy", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()
        self._file.close()

    @property
    def trouble(self) -> str | None:
        """Return why nothing can be kept here now, None when it can."""
        return None if self._trouble is None else str(self._trouble)

    @property
    def is_complete(self) -> bool:
        """Tell whether all is here that Redis retains."""
        return self._is_complete

    @property
    def path(self) -> Path:
        """Return where the file is."""
        return self._file.path

    def offer(self) -> list[Any] | bool:
        """Return what this copy could put back, for lua/adopt.lua; False if nothing."""
        at = self._at
        if not at.seed or self._is_empty:
            return False
        return [self._is_following, self._is_whole, at.lineage, at.generation, at.seed, at.seq]

    def begin(self, overview: Overview) -> None:
        """Learn how everything stands: what isn't here is read in the background."""
        self._put(_Begin(overview), 0)

    def take(
        self,
        at: tuple[int, int],
        *,
        stored: Sequence[Stored] = (),
        channels: Sequence[ChannelAt] = (),
        folded: Sequence[tuple[str, int]] = (),
        judgement: bytes = b"",
    ) -> None:
        """Keep what an entry of the feed tells."""
        size = sum(len(one.accepted.raw) for one in stored) + len(judgement)
        self._put(_News(at, stored, channels, folded, judgement, size), size)

    def drain(self, *, within_s: float = 5.0) -> None:
        """Wait until everything that was taken is kept."""
        with self._changed:
            self._changed.wait_for(lambda: not self._queue and not self._is_busy, within_s)

    def when_kept(self, seed: str, seq: int, answer: Answer) -> None:
        """Call `answer` once everything up to there is on the disk, or with why it isn't."""
        error: StorageError | None = None
        with self._changed:
            if self._trouble is None and not self._is_kept(seed, seq):
                if len(self._unanswered) < _MOST_UNANSWERED and not self._is_closing:
                    self._unanswered.append((seed, seq, answer))
                    return
                error = StorageError(UNKEPT)
            elif self._trouble is not None:
                error = self._trouble
        answer(error)

    def _put(self, one: _Begin | _News, size: int) -> None:
        with self._changed:
            if self._queue_bytes + size > _MOST_WAITING_BYTES and self._queue:
                self._has_hole = True  # the disk is too slow: what is dropped here is read again later
                return
            self._queue.append(one)
            self._queue_bytes += size
            self._changed.notify_all()

    def _is_kept(self, seed: str, seq: int) -> bool:
        at = self._at
        return at.seed == seed and at.seq >= seq and (seq > self._floor or self._is_complete)

    # The thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()
                if not self._queue and not self._is_closing and not self._has_work():
                    self._changed.wait(_TICK_S)
                group = self._next_group()
                self._queue_bytes -= sum(one.size_bytes for one in group if isinstance(one, _News))
                self._is_busy = bool(group)
                if not group and self._is_closing:
                    break
            if group:
                self._guarded(lambda: self._keep(group))  # noqa: B023  # run at once
            if not self._is_closing:
                self._do_chores()
        self._answer(StorageError(UNKEPT))

    def _next_group(self) -> list[_Begin | _News]:
        group: list[_Begin | _News] = []
        while self._queue and len(group) < _GROUP and not (group and isinstance(self._queue[0], _Begin)):
            group.append(self._queue.popleft())
        return group

    def _has_work(self) -> bool:
        return self._trouble is None and not self._has_hole and bool(self._file.behind or self._folds_wanted)

    def _guarded(self, do: Callable[[], None]) -> bool:
        try:
            do()
            return True
        except sqlite3.Error as error:
            self._fail(storage_error(error), error)
        except StorageError as error:
            self._fail(error, error)
        except Exception as error:
            self._fail(StorageError("This node's own copy failed; the gateway's own log says why."), error)
        return False

    def _fail(self, failure: StorageError, error: Exception) -> None:
        if self._trouble is None:
            _LOG.error("this node's copy can't be kept, so nothing is answered as stored: %s", error, exc_info=error)
        with self._changed:
            self._trouble = failure
            self._has_hole = True
        self._answer(failure)

    def _keep(self, group: Sequence[_Begin | _News]) -> None:
        """Keep a group; only its first may be a new beginning."""
        first = group[0]
        parting: Parting | None = None
        if isinstance(first, _Begin):
            parting = self._parting(first.overview)
        elif self._has_hole:
            return  # what is told after a hole is found by the next look at everything
        with self._file.writing():
            if isinstance(first, _Begin):
                self._begin(first.overview, parting)
            news = [one for one in group if isinstance(one, _News)]
            for one in news:
                self._add(one)
            if news:
                term, seq = news[-1].at
                self._file.move_to(msgspec.structs.replace(self._file.at, term=term, seq=seq))
        self._answer(None)

    def _parting(self, overview: Overview) -> Parting | None:
        at = self._file.at
        if not at.seed or at.seed == overview.seed:
            return None
        parting = self._late.parting(overview, is_following=self._is_following)
        if parting is None:
            self._file.put_aside()
        return parting

    def _add(self, news: _News) -> None:
        rows = [Row(s.channel, s.position.offset, s.time_ms, s.accepted) for s in news.stored]
        if rows:
            self._file.add(rows)
        self._folds_wanted.update(inbox for inbox, _ in news.folded)
        self._file.learn(news.channels)
        if news.judgement:
            self._file.add_judgement(news.at[1], news.judgement)

    def _begin(self, overview: Overview, parting: Parting | None) -> None:
        file = self._file
        if parting is not None:
            self._late.part_ways(parting)
        file.learn(overview.channels)
        file.move_to(
            At(
                file.at.prefix, overview.lineage, overview.generation, overview.seed,
                term=overview.term, seq=overview.seq,
            )
        )  # fmt: skip
        self._folds_wanted.update(inbox for inbox, offset in overview.folded if file.folded.get(inbox, 0) < offset)
        self._is_following = True
        self._has_hole = False
        self._side_token = None
        self._side_due = 0.0
        self._floor = overview.seq

    def _publish(self) -> None:
        """Let other threads see what is on the disk."""
        self._at = self._file.at
        self._is_empty = not self._file.channels
        self._is_whole = not self._file.behind and not self._has_hole and self._trouble is None
        self._is_complete = self._is_whole and self._is_following  # else nobody knows yet what there is to have

    def _answer(self, failure: StorageError | None) -> None:
        """Answer who waits for what is on the disk now; all of them, where something failed."""
        with self._changed:
            self._publish()
            due: list[tuple[Answer, StorageError | None]] = []
            waiting: deque[tuple[str, int, Answer]] = deque()
            for seed, seq, answer in self._unanswered:
                if failure is not None:
                    due.append((answer, failure))
                elif self._is_kept(seed, seq):
                    due.append((answer, None))
                elif seed != self._at.seed:
                    due.append((answer, StorageError(UNKEPT)))
                else:
                    waiting.append((seed, seq, answer))
            self._unanswered = waiting
        for answer, error in due:
            answer(error)

    # What it does between

    def _do_chores(self) -> None:
        try:
            if self._has_hole:
                self._mend()
            elif self._trouble is None and self._is_following:
                self._read_on()
        except StorageError as error:
            _LOG.debug("the copy can't be completed now: %s", error)
            self._pause(_TICK_S)

    def _mend(self) -> None:
        """Begin again after something couldn't be kept."""
        overview = self._server.overview()
        if not overview.is_adopted:
            self._pause(_TICK_S)
            return
        if not self._guarded(lambda: self._keep([_Begin(overview)])):
            self._pause(_AGAIN_S)
            return
        if self._trouble is not None:
            _LOG.warning("this node's copy can be kept again")
        with self._changed:
            self._trouble = None
        self._answer(None)

    def _read_on(self) -> None:
        if self._folds_wanted:
            self._guarded_reading(self._read_folds)
        if self._file.behind:
            self._guarded_reading(self._catching_up.step)
            if not self._file.behind:
                _LOG.info("this node's copy has everything that Redis has")
        elif self._late.is_due:
            self._guarded_reading(self._late.step)
        now = time.monotonic()
        if now >= self._side_due:
            self._side_due = now + _SIDE_S
            self._guarded_reading(self._read_side)

    def _guarded_reading(self, step: Callable[[], None]) -> None:
        try:
            step()
        except sqlite3.Error as error:
            self._fail(storage_error(error), error)
            return
        self._answer(None)

    def _read_folds(self) -> None:
        wanted = sorted(self._folds_wanted)[:200]
        found: Any = self._server.ask(lambda client: client.hmget(self._server.keys.folds, wanted))
        folds = [(channel, *_fold(kept)) for channel, kept in zip(wanted, found, strict=True) if kept is not None]
        with self._file.writing():
            self._file.keep_folds(folds)
        self._folds_wanted.difference_update(wanted)

    def _read_side(self) -> None:
        found = self._server.run("side", self._server.keys.for_side(), [self._side_token or ""], SideAt)
        if found.token == self._side_token or found.seed != self._file.at.seed:
            return
        with self._file.writing():
            self._file.keep_side(Side(found.seed, found.seq, dict(found.tops), blob(found.packed)))
        self._side_token = found.token

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing, seconds)


def _fold(kept: bytes) -> tuple[int, bytes]:
    offset, fold = kept.split(b" ", 1)
    return int(offset), fold
