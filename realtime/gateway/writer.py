"""Writes the log: one thread, one connection, one transaction for all that is waiting (group commit).

No reading for others in here, and no HTTP. Nothing is answered or announced before it is durable.
Threads: `submit` and the properties any; the rest is the writer thread's own.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from time import perf_counter
from typing import Any, Final

from realtime import metrics
from realtime.errors import ConflictError, StorageError
from realtime.gateway.batches import execute_rows
from realtime.gateway.checkpointer import Checkpointer, checkpoint
from realtime.gateway.ledger import Ledger
from realtime.gateway.plan import Draft, Plan, duplicate_key
from realtime.gateway.queue import EVENT_OVERHEAD_BYTES, Append, Note, TaskQueue
from realtime.gateway.records import ChannelRow, Refusal, Stored
from realtime.gateway.schema import document_key, epoch_of, place_of, storage_error
from realtime.gateway.shelf import INBOX_RETENTION, Shelf
from realtime.protocol.channels import inbox_of
from realtime.protocol.positions import Position

_LOG: Final = logging.getLogger(__name__)
_SWEEP_ROWS: Final = 64


class Errand:
    """Something else to do in the transaction, after the appends, and who waits for what it returns."""

    __slots__ = ("future", "run", "size_bytes", "weight")

    def __init__(self, run: Callable[[Ledger, int], Any], *, size_bytes: int = EVENT_OVERHEAD_BYTES) -> None:
        """`run` is given the ledger and the time, in Unix milliseconds."""
        self.run = run
        self.size_bytes = size_bytes
        self.weight = 1
        self.future: Future[Any] = Future()


Task = Append | Note | Errand
Outcome = tuple[Append, list[Stored] | ConflictError]


class Writer:
    """Owns the writing connection and the thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        checkpointer: Checkpointer,
        seed: str,
        retention_events: int,
        refusals_kept: int,
        queue_bytes: int,
        critical_kept: int,
        on_commit: Callable[[Sequence[Stored]], None],
        now: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._seed = seed
        self._retention_events = retention_events
        self._refusals_kept = refusals_kept
        self._on_commit = on_commit
        self._now = now
        self._channels = _load_channels(connection)
        self._ledger = Ledger(connection, kept=critical_kept)
        self._shelf = Shelf(connection)
        self._swept: dict[int, int] = {}
        self._checkpointer = checkpointer
        self._trouble: str | None = None
        self._queue: TaskQueue[Task] = TaskQueue(queue_bytes)
        self._thread = threading.Thread(target=self._run, name="tideboard-log-writer", daemon=True)
        self._thread.start()

    @property
    def channels(self) -> Mapping[str, ChannelRow]:
        """Return the channels as of the last commit. Don't change it. Threads: any."""
        return self._channels

    def unfolded(self, channel: str) -> int:
        """Return how many commands of an inbox no snapshot holds yet. Threads: any."""
        row = self._channels.get(channel)
        return 0 if row is None else row.position.offset - self._shelf.folded_to(channel)

    @property
    def trouble(self) -> str | None:
        """Return why the last commit failed, or None when it didn't. Threads: any."""
        return self._trouble

    def submit(self, task: Task) -> None:
        """Queue a task. Raises StorageError when the queue is full or the log is closed. Threads: any."""
        self._queue.submit(task)

    def close(self) -> None:
        """Write what is waiting, then end. Threads: any but the writer's."""
        self._queue.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            group = self._queue.take()
            if group is None:
                break
            self._commit(group)
            if self._checkpointer.is_due_inline:
                checkpoint(self._connection, "PASSIVE")
                self._checkpointer.helped()
        self._checkpointer.close()
        checkpoint(self._connection, "TRUNCATE")
        self._connection.close()

    def _commit(self, group: Sequence[Task]) -> None:
        started = perf_counter()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            plan, outcomes = self._plan([task for task in group if isinstance(task, Append)])
            swept = self._write(plan)
            for task in group:
                if isinstance(task, Append) and task.along is not None:
                    self._shelf.keep(task.along)
            self._write_refusals([refusal for task in group if isinstance(task, Note) for refusal in task.refusals])
            errands = [
                (task, task.run(self._ledger, int(self._now() * 1000))) for task in group if isinstance(task, Errand)
            ]
            self._connection.execute("COMMIT")
        except Exception as error:
            self._fail(group, error)
            return
        if plan.drafts:
            self._channels = {**self._channels, **{name: draft.row() for name, draft in plan.drafts.items()}}
        self._swept.update(swept)
        self._trouble = None
        self._checkpointer.wrote(6 + len(plan.events) // 3)
        metrics.COMMIT_SECONDS.observe(perf_counter() - started)
        self._ledger.committed()
        self._announce(plan.stored)
        _answer(group, outcomes)
        for errand, found in errands:
            errand.future.set_result(found)

    def _plan(self, appends: Sequence[Append]) -> tuple[Plan, list[Outcome]]:
        for append in appends:
            append.keys = [duplicate_key(one) for one in append.accepted]
        plan = Plan(
            self._channels,
            known=self._known([key for append in appends for key in append.keys]),
            versions=self._versions(appends),
            epoch_of=lambda name: epoch_of(self._seed, name),
            time_ms=int(self._now() * 1000),
        )
        outcomes: list[Outcome] = []
        for append in appends:
            try:
                outcomes.append((append, plan.add(append.accepted, append.keys, expected=append.expected)))
            except ConflictError as conflict:
                outcomes.append((append, conflict))
        return plan, outcomes

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
        statement = "SELECT duplicate_key, place, time_ms FROM events WHERE duplicate_key IN (VALUES {rows})"
        found = execute_rows(self._connection, statement, [(key,) for key in keys])
        return {key: (place, time_ms) for key, place, time_ms in found}

    def _versions(self, appends: Sequence[Append]) -> dict[str, int]:
        keys: set[tuple[str]] = set()
        for append in appends:
            if append.expected is not None and append.accepted:
                channel = self._channels.get(append.accepted[0].channel)
                identifier = append.accepted[0].document_id
                if channel is not None and identifier is not None:
                    keys.add((document_key(channel.key, identifier),))
        statement = "SELECT key, offset FROM documents WHERE key IN (VALUES {rows})"
        return dict(execute_rows(self._connection, statement, list(keys)))

    def _write(self, plan: Plan) -> dict[int, int]:
        """Execute a plan inside the open transaction; returns up to where trimmed events are gone, by channel."""
        if not plan.events:
            plan.drafts.clear()
            return {}
        statement = "INSERT INTO events (place, time_ms, document_id, duplicate_key, raw) VALUES {rows}"
        execute_rows(self._connection, statement, plan.events)
        self._write_documents(plan)
        drafts = [draft for draft in plan.drafts.values() if draft.added]
        for draft in drafts:
            draft.trimmed_to = max(draft.trimmed_to, self._trimmed_to(draft))
        # A channel comes into being with its first event, never by being looked at.
        plan.drafts = {draft.name: draft for draft in drafts}
        statement = "INSERT OR REPLACE INTO channels (key, name, epoch, top, trimmed_to, documents) VALUES {rows}"
        rows = [(d.key, d.name, d.epoch, d.top, d.trimmed_to, d.documents) for d in drafts]
        execute_rows(self._connection, statement, rows)
        if plan.criticals:
            self._ledger.note(plan.criticals, now_ms=plan.time_ms)
        return {d.key: self._sweep(d.key, upto=d.trimmed_to, at_most=4 * d.added + _SWEEP_ROWS) for d in drafts}

    def _trimmed_to(self, draft: Draft) -> int:
        """Say up to where a channel may be forgotten: of an inbox, only what a snapshot holds."""
        if inbox_of(draft.name) is None:
            return draft.top - self._retention_events
        return min(draft.top - min(self._retention_events, INBOX_RETENTION), self._shelf.folded_to(draft.name))

    def _write_documents(self, plan: Plan) -> None:
        if not plan.documents:
            return
        drafts = {draft.key: draft for draft in plan.drafts.values()}
        # What is there before and goes, or is there after and comes, moves the count: no document is counted twice.
        statement = "SELECT channel, count(*) FROM documents WHERE key IN (VALUES {rows}) GROUP BY channel"
        for channel, count in execute_rows(self._connection, statement, [(key,) for key in plan.documents]):
            drafts[channel].documents -= count
        upserts = plan.upserts()
        for row in upserts:
            drafts[row[1]].documents += 1
        statement = "INSERT OR REPLACE INTO documents (key, channel, id, offset, document) VALUES {rows}"
        execute_rows(self._connection, statement, upserts)
        execute_rows(self._connection, "DELETE FROM documents WHERE key IN (VALUES {rows})", plan.removals())

    def _sweep(self, channel: int, *, upto: int, at_most: int) -> int:
        """Delete trimmed events, a bounded number a commit; returns up to which offset they are gone."""
        swept = self._swept.get(channel)
        if swept is None:
            (first,) = self._connection.execute(
                "SELECT min(place) FROM events WHERE place BETWEEN ? AND ?",
                (place_of(channel, 0), place_of(channel + 1, 0) - 1),
            ).fetchone()
            swept = first - place_of(channel, 0) - 1
        # A few rows at a time would cost every single event a delete in three trees.
        if upto - swept < _SWEEP_ROWS:
            return swept
        last = min(upto, swept + at_most)
        self._connection.execute(
            "DELETE FROM events WHERE place BETWEEN ? AND ?", (place_of(channel, swept + 1), place_of(channel, last))
        )
        return last

    def _write_refusals(self, refusals: Sequence[Refusal]) -> None:
        if not refusals:
            return
        time_ms = int(self._now() * 1000)
        rows = [(time_ms, one.index, one.code, one.reason, one.excerpt) for one in refusals[-self._refusals_kept :]]
        statement = "INSERT INTO refusals (time_ms, item, code, reason, excerpt) VALUES {rows}"
        execute_rows(self._connection, statement, rows)
        self._connection.execute(
            "DELETE FROM refusals WHERE number <= (SELECT max(number) FROM refusals) - ?", (self._refusals_kept,)
        )

    def _fail(self, group: Sequence[Task], error: Exception) -> None:
        if isinstance(error, sqlite3.Error):
            failure = storage_error(error)
        else:
            _LOG.exception("a commit failed for a reason nobody thought of")
            failure = StorageError(
                "The log failed on these events, nothing was stored; the gateway's own log says why."
            )
        self._trouble = str(failure)
        _LOG.error("commit of %d tasks failed: %s", len(group), error)
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._ledger.reload()
            self._shelf.reload()
        except sqlite3.Error as again:
            _LOG.error("rollback failed too: %s", again)
        for task in group:
            task.future.set_exception(failure)

    def _announce(self, stored: Sequence[Stored]) -> None:
        if not stored:
            return
        metrics.EVENTS_STORED.inc(len(stored))
        metrics.COMMIT_EVENTS.observe(len(stored))
        try:
            self._on_commit(stored)
        except Exception:
            # The events are durable and readers find them; the writer has to go on whatever a listener does.
            _LOG.exception("the listener to commits failed")


def _answer(group: Sequence[Task], outcomes: Sequence[Outcome]) -> None:
    for append, outcome in outcomes:
        if isinstance(outcome, ConflictError):
            append.future.set_exception(outcome)
        else:
            append.future.set_result(outcome)
    for task in group:
        if isinstance(task, Note):
            task.future.set_result(None)


def _load_channels(connection: sqlite3.Connection) -> dict[str, ChannelRow]:
    rows: list[Any] = connection.execute("SELECT key, name, epoch, top, trimmed_to, documents FROM channels").fetchall()
    return {
        name: ChannelRow(key, name, Position(epoch, top), trimmed_to=trimmed_to, documents=documents)
        for key, name, epoch, top, trimmed_to, documents in rows
    }
