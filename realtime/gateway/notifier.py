"""Has every committed event judged for notices, once, and stores what comes of it: through restarts and `kill -9`.

How far each channel was judged is kept in the very transaction that stores the commands. What is told: `judge`.
Threads: `committed` any, `start` and `stop` the loop's; the rest is the notifier's own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

from realtime import metrics
from realtime.errors import StorageError
from realtime.gateway.judge import Judge, Verdict
from realtime.gateway.ports import Log
from realtime.gateway.records import Accepted, Along, ChannelRow, Stored
from realtime.gateway.retelling import earlier_document, pages_since, remembered
from realtime.gateway.rights import Rights
from realtime.gateway.shelf import OWN_SOURCE
from realtime.gateway.switchboard import Switches, Untouched
from realtime.notifications.commands import Add, Command, command_value
from realtime.notifications.rules import Rule
from realtime.protocol.channels import collection_of, inbox_channel, inbox_of
from realtime.protocol.events import Envelope, InboxCommand, document_id_of, encode_envelope
from realtime.protocol.flags import NOTIFICATIONS
from realtime.pulse import NOTICES, PULSE

_LOG: Final = logging.getLogger(__name__)
QUEUE_EVENTS: Final = 20_000
QUEUE_BYTES: Final = 16_777_216
BATCH: Final = 500
"""Events judged between two commits, so that the first of many doesn't wait for the last."""
PART: Final = 1_000
"""Commands stored in one commit, so that producers' events don't wait for those of a thousand people."""
UNSAVED: Final = 5_000
TICK_S: Final = 2.0
_AGAIN_S: Final = 0.25
_BEGUN: Final = "begun"
_T = TypeVar("_T")


class Notifier:
    """Follows the log with a cursor of its own."""

    def __init__(
        self,
        log: Log,
        rules: Sequence[Rule],
        *,
        rights: Rights,
        flags: Switches | None = None,
        leads: Callable[[], bool] = lambda: True,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`leads` tells whether it is this one that judges: of several over one log, one does."""
        self._log = log
        self._rules = rules
        self._rights = rights
        self._flags = flags or Untouched()
        self._leads = leads
        self._now = now
        # Where a log begins to be judged that never was: before anything can be posted to it. People are known at once.
        self._beginning = self._tops()
        self._waiting: deque[Stored] = deque()
        self._waiting_bytes = 0
        self._is_behind = True
        self._is_anew = False
        self._unsaved = 0
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="tideboard-notifier", daemon=True)

    def start(self) -> None:
        """Begin where the last process ended."""
        self._thread.start()

    def begin_anew(self) -> None:
        """Begin again from what the log keeps now: what was judged lately may not be there any more.

        Where nothing is left of what was judged, nothing is left of the events either: all there is has come since.
        """
        with self._changed:
            self._beginning = {}
            self._is_behind = True
            self._is_anew = True
            self._changed.notify()

    def stop(self) -> None:
        """End, with what was judged kept. What waits is judged after the next start."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def committed(self, stored: Sequence[Stored]) -> None:
        """Take a commit. When too much waits, it is let go, and read from the log later."""
        size = sum(len(one.accepted.raw) for one in stored)
        with self._changed:
            if self._is_behind:
                return
            self._waiting.extend(stored)
            self._waiting_bytes += size
            if len(self._waiting) > QUEUE_EVENTS or self._waiting_bytes > QUEUE_BYTES:
                self._waiting.clear()
                self._waiting_bytes = 0
                self._is_behind = True
            self._changed.notify()

    def _tops(self) -> dict[str, int]:
        """Return where everything but inboxes ends now."""
        return {row.name: row.position.offset for row in self._log.channels() if inbox_of(row.name) is None}

    # The thread

    def _run(self) -> None:
        while not self._is_closing:
            judge = self._persist(self._begun) if self._leads() else None
            if judge is None:
                self._stand_by()
                continue
            try:
                self._follow(judge)
            except Exception:
                _LOG.exception("judging events for notices broke off; it goes on from where it was last kept")
                with self._changed:
                    self._is_behind = True
                    self._changed.wait(_AGAIN_S)

    def _stand_by(self) -> None:
        """Wait a moment for coming to lead; what is committed meanwhile is read from the log then."""
        with self._changed:
            self._is_behind = True
            self._waiting.clear()
            self._waiting_bytes = 0
            if not self._is_closing:
                self._changed.wait(_AGAIN_S)

    @property
    def _goes_on(self) -> bool:
        return not (self._is_closing or self._is_anew) and self._leads()

    def _follow(self, judge: Judge) -> None:
        tick_at = time.monotonic() + TICK_S
        while self._goes_on:
            events = self._take(tick_at - time.monotonic())
            if events is None:
                self._persist(lambda: self._catch_up(judge))
            else:
                self._judge(judge, events)
                self._save(judge)
            if time.monotonic() >= tick_at:
                judge.tick(self._now())
                self._save(judge, is_due=True)
                tick_at = time.monotonic() + TICK_S
        if not self._is_anew and self._leads():
            self._save(judge, is_due=True)

    def _take(self, wait_s: float) -> list[Stored] | None:
        """Wait for events; returns some, or none in time. None: they have to be read from the log."""
        with self._changed:
            if not self._waiting and not self._is_behind and not self._is_closing:
                self._changed.wait(max(wait_s, 0.0))
            if self._is_behind:
                return None
            events = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._waiting_bytes -= sum(len(one.accepted.raw) for one in events)
            return events

    def _judge(self, judge: Judge, events: Iterable[Stored]) -> None:
        now = self._now()
        for one in events:
            at = judge.offsets.get(one.channel, 0)
            if one.position.offset <= at:
                continue
            if one.position.offset > at + 1:  # a commit that wasn't heard of
                with self._changed:
                    self._is_behind = True
                return
            self._unsaved += 1
            try:
                judge.take(one, now=now)
            except Exception:
                # One that breaks a rule mustn't keep the others from being judged.
                _LOG.exception("event %d of %s could not be judged for notices", one.position.offset, one.channel)
                metrics.NOTICES_UNJUDGED.inc()
                PULSE.note(NOTICES, None, is_error=True)

    def _begun(self) -> Judge:
        """Make a judge that knows what the last one did."""
        self._is_anew = False
        tops = self._tops()
        # Where the log has lost its newest, what comes takes their offsets, and nothing of it was judged.
        offsets = {name: min(at, tops.get(name, at)) for name, at in self._log.judged().items()}
        notes = self._log.notes()
        if _BEGUN not in notes:
            offsets = dict(self._beginning)
            self._keep(Verdict((), offsets, {_BEGUN: b"true"}, ()))
        judge = Judge(self._rules, rights=self._rights, notes=notes, offsets=offsets, now=self._now())
        for row in self._log.channels():
            collection = collection_of(row.name)
            if collection is not None and judge.watch.remembers(collection):
                judge.watch.remember(collection, remembered(self._log, collection, upto=judge.offsets.get(row.name, 0)))
        return judge

    def _catch_up(self, judge: Judge) -> None:
        """Read what was missed, people first, so that who was met meanwhile hears of it. Raises StorageError.

        Up to where everything stood at one moment: what came after it waits in the order it came, people among it.
        """
        with self._changed:
            self._waiting.clear()
            self._waiting_bytes = 0
            self._is_behind = False  # what is committed from now on waits, and what is read twice is passed over
        for row in sorted(self._log.channels(), key=lambda row: inbox_of(row.name) is None):
            if judge.offsets.get(row.name, 0) < row.trimmed_to:
                self._lose(judge, row.name, epoch=row.position.epoch, upto=row.trimmed_to)
            at = judge.offsets.get(row.name, 0)
            for page in pages_since(self._log, row.name, at, upto=self._upto(judge, row)):
                if not self._goes_on:
                    return
                self._look_back(judge, page)
                self._judge(judge, page)
                self._save(judge)

    def _upto(self, judge: Judge, row: ChannelRow) -> int:
        """Return up to where a channel is to be caught up.

        Of documents that are remembered, as far as it is stored, be it told of or not: what was gone when they were
        read has to be looked up, which nobody does for what comes later.
        """
        collection = collection_of(row.name)
        if collection is None or not judge.watch.remembers(collection):
            return row.position.offset
        stored = self._log.read(row.name, limit=1, reverse=True)
        return max([row.position.offset, *(one.offset for one in stored.publications)])

    def _lose(self, judge: Judge, channel: str, *, epoch: str, upto: int) -> None:
        count = upto - judge.offsets.get(channel, 0)
        _LOG.error("%d events of %s were trimmed before they could be judged for notices", count, channel)
        metrics.NOTICES_UNJUDGED.inc(count)
        judge.lost(channel, epoch=epoch, upto=upto, now=self._now())
        self._save(judge)

    def _look_back(self, judge: Judge, page: Sequence[Stored]) -> None:
        """Look up what documents were before, as far as that isn't remembered: they may be changed or gone by now."""
        for one in page:
            collection, identifier = collection_of(one.channel), document_id_of(one.accepted.event)
            if collection is None or identifier is None or not judge.watch.remembers(collection):
                continue
            if not judge.watch.knows(collection, identifier):
                document = earlier_document(self._log, collection, identifier, before=one.position.offset)
                judge.watch.remember(collection, [] if document is None else [document])

    # Keeping

    def _save(self, judge: Judge, *, is_due: bool = False) -> None:
        """Store what was judged: at once if anybody is told, else now and then."""
        verdict = judge.verdict(self._now(), is_due=is_due or self._unsaved >= UNSAVED)
        if verdict is not None:
            self._unsaved = 0
            self._persist(lambda: self._keep(verdict))

    def _keep(self, verdict: Verdict) -> None:
        """Store a verdict, and with its last part how far things were judged. Raises StorageError.

        Parts that are stored again after a failure are repeats, and an inbox knows by itself which events are in it.
        """
        began = time.perf_counter()
        events = [event for told in self._wanted(verdict) for event in _events(*told, at=self._now())]

        along = Along(judged=verdict.offsets, notes=verdict.notes, gone=verdict.gone)
        *parts, last = [events[start : start + PART] for start in range(0, max(len(events), 1), PART)]
        for part in parts:
            self._log.append(part).result()
        self._log.append(last, along=along).result()
        metrics.NOTICES.inc(len(events))
        if events:
            PULSE.note(NOTICES, time.perf_counter() - began)

    def _wanted(self, verdict: Verdict) -> Iterator[tuple[Sequence[str], Sequence[Command]]]:
        """Leave out what is new for whom an operator has switched notifications off; what is over ends for all."""
        for users, commands in verdict.told:
            on = [user for user in users if self._flags.is_on(NOTIFICATIONS, user)]
            if len(on) == len(users):
                yield users, commands
                continue
            yield on, commands
            off = [user for user in users if not self._flags.is_on(NOTIFICATIONS, user)]
            yield off, [command for command in commands if not isinstance(command, Add)]

    def _persist(self, run: Callable[[], _T]) -> _T | None:
        """Do something with the log until it succeeds; None when the end came first, or another leads."""
        while True:
            try:
                return run()
            except StorageError as error:
                _LOG.warning("notices have to wait: %s", error)
                PULSE.note(NOTICES, None, is_error=True)
                with self._changed:
                    if not self._goes_on:
                        return None
                    self._changed.wait(_AGAIN_S)


def _events(users: Sequence[str], commands: Sequence[Command], *, at: float) -> Iterator[Accepted]:
    """Make the events that carry the same commands to several people; what is the same is encoded once."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    for command in commands:
        value = command_value(command)
        raw = msgspec.Raw(msgspec.json.encode(value))
        for user in users:
            envelope = Envelope(
                id=command.id, source=f"{OWN_SOURCE}{user}", type=InboxCommand.TYPE, specversion="1.0", time=moment,
                data={"user": user, "command": raw},
            )  # fmt: skip
            yield Accepted(
                envelope, InboxCommand(user=user, command=value), inbox_channel(user), encode_envelope(envelope)
            )
