"""Notes who did or tried what: a bounded queue in front of a chained file, and the one thread that writes it.

`note` never raises and never waits for the disk. Threads: any, one lock around the queue; the file is the writer's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from realtime.errors import StorageError
from realtime.gateway.audit_chain import LOST
from realtime.gateway.audit_crowds import Crowds
from realtime.gateway.audit_file import FILE_NAME, AuditFile, AuditReader
from realtime.gateway.audit_words import Note, cleaner
from realtime.metrics import AUDIT_LOST, AUDIT_ROWS
from realtime.protocol.audit import Outcome

MOST_WAITING: Final = 10_000
_GATHER_S: Final = 0.1
_RETRY_S: Final = 1.0
_CLOSE_WITHIN_S: Final = 5.0
_RETAIN_EVERY_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000
_LOG: Final = logging.getLogger(__name__)


class _Moment(NamedTuple):
    """When to do something again: at a row, or at a time, whichever is first."""

    number: int
    time_ms: int


class Audit:
    """The audit of one data folder. Notes made before it is opened wait until it is."""

    def __init__(
        self,
        folder: Path,
        *,
        most_rows: int,
        most_days: int,
        secrets: Iterable[str | None] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = folder / FILE_NAME
        self._most_rows = most_rows
        self._most_days = most_days
        self._clean = cleaner(secrets)
        self._now = now
        self._file: AuditFile | None = None
        self._thread: threading.Thread | None = None
        self._waiting: list[Note] = []
        self._lost = 0
        self._noted = 0
        self._flushed = 0
        self._crowds = Crowds()
        self._retain_at = _Moment(0, 0)
        self._is_over = False
        self._changed = threading.Condition(threading.Lock())
        self._hurry = threading.Event()

    def note(
        self,
        action: str,
        *,
        actor: str,
        outcome: Outcome,
        target: str = "",
        origin: str = "",
        detail: str = "",
        times: int = 1,
    ) -> None:
        """Note who did or tried what, against what, from where, how often; `detail` in a few words, nobody's data.

        Threads: any; never raises, never waits. What finds no room is counted, and that is noted.
        """
        note = Note(int(self._now() * 1000), actor, action, outcome, target, origin, detail, times)
        with self._changed:
            self._noted += 1
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(note)
            else:
                self._lost += 1
                AUDIT_LOST.inc()
            self._changed.notify_all()

    def open(self) -> None:
        """Open the file and begin to write. Raises StartError."""
        self._file = AuditFile.open(self.path)
        self._is_over = False
        self._hurry.clear()
        self._thread = threading.Thread(target=self._run, name="tideboard-audit", daemon=True)
        self._thread.start()

    def reader(self) -> AuditReader:
        """Return the reading side. Raises StorageError when nothing was ever written."""
        return AuditReader(self.path)

    def flush(self, within_s: float = 2.0) -> bool:
        """Wait until what was noted before is written, what is only counted so far included; tells whether it is."""
        with self._changed:
            wanted = self._noted
            self._hurry.set()
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._flushed >= wanted or self._is_over, within_s)

    def close(self) -> None:
        """Write what waits, then end the thread and close the file."""
        with self._changed:
            self._is_over = True
            self._hurry.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(_CLOSE_WITHIN_S)

    # The thread

    def _run(self) -> None:
        file = self._file
        assert file is not None
        kept: list[Note] = []
        is_hurried = False
        while True:
            with self._changed:
                if not kept:
                    self._changed.wait_for(lambda: self._has_work, self._crowds_due_s())
            self._hurry.wait(_GATHER_S)  # more will come in this moment, and a batch costs one sync of the disk
            with self._changed:
                is_last, is_hurried = self._is_over, is_hurried or self._hurry.is_set()
                taken, self._waiting = self._waiting, []
                lost, self._lost = self._lost, 0
                upto = self._noted
                if not is_last:
                    self._hurry.clear()
            kept = self._written(file, [*kept, *self._prepared(taken, lost, is_hurried=is_hurried)])
            if not kept:
                self._settle(upto, is_hurried=is_hurried)
                self._retain(file)
                is_hurried = False
            if is_last:
                break
            if kept:
                self._hurry.wait(_RETRY_S)
        if kept:
            _LOG.error("%d rows of the audit could not be written before the end", len(kept))
        _LOG.info("the audit ends at %s; `audit verify --noted` finds whether it still does", file.head)
        file.close()

    @property
    def _has_work(self) -> bool:
        return bool(self._waiting or self._lost or self._is_over or self._hurry.is_set())

    def _crowds_due_s(self) -> float | None:
        due_ms = self._crowds.next_due_ms
        return None if due_ms is None else max(0.0, due_ms / 1000 - self._now())

    def _settle(self, upto: int, *, is_hurried: bool) -> None:
        if is_hurried:
            with self._changed:
                self._flushed = upto
                self._changed.notify_all()

    def _prepared(self, taken: Sequence[Note], lost: int, *, is_hurried: bool) -> list[Note]:
        now_ms = int(self._now() * 1000)
        rows = [*self._crowds.due(now_ms), *self._crowds.take(taken)]
        if is_hurried:
            rows += self._crowds.folded()
        if lost:
            detail = f"{lost} notes found no room: more came than can be written"
            rows.append(Note(now_ms, "", LOST, "failed", detail=detail))
        return [cleaned for note in rows if (cleaned := self._cleaned(note)) is not None]

    def _cleaned(self, note: Note) -> Note | None:
        try:
            return self._clean(note)
        except Exception:  # somebody's text is no reason to lose everybody's rows
            _LOG.exception("A note can't be written down")
            return None

    def _written(self, file: AuditFile, notes: list[Note]) -> list[Note]:
        """Write rows; returns what has to be tried again, bounded."""
        if not notes:
            return []
        try:
            file.append(notes)
        except StorageError as error:
            _LOG.error("%s", error)
            AUDIT_LOST.inc(max(0, len(notes) - MOST_WAITING))
            return notes[:MOST_WAITING]
        AUDIT_ROWS.inc(len(notes))
        return []

    def _retain(self, file: AuditFile) -> None:
        """Let go of old rows, now and then: to look costs a transaction."""
        now_ms = int(self._now() * 1000)
        if file.head.number < self._retain_at.number and now_ms < self._retain_at.time_ms:
            return
        self._retain_at = _Moment(file.head.number + self._most_rows // 100, now_ms + _RETAIN_EVERY_MS)
        try:
            file.retain(most_rows=self._most_rows, since_ms=now_ms - self._most_days * _DAY_MS, now_ms=now_ms)
        except StorageError as error:
            _LOG.warning("%s", error)
