"""The one place the app's knowledge lives: fed by the client, read by views. No sockets, HTTP, clocks, drawing.

Threads: any. One lock, memory work only; a batch takes it once and signals once. What readers get is immutable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from realtime.metrics import (
    CLIENT_BYTES,
    CLIENT_CONNECT_SECONDS,
    CLIENT_CONNECTED,
    CLIENT_OUTAGE_SECONDS,
    DELIVERY_SECONDS,
    STORE_APPLIED,
    STORE_DROPPED,
    STORE_UNKNOWN,
)
from realtime.protocol.channels import collection_channel
from realtime.protocol.events import ConnectionEvent, ConnectionLost, Envelope, JsonObject, event_of
from realtime.protocol.flags import Flags, FlagsTold
from realtime.protocol.positions import Position
from realtime.store.contents import CONNECTION, OUTBOX, Meaning, unknown_in
from realtime.store.documents import states_of
from realtime.store.gaps import GapNotice, event_of_gap
from realtime.store.health import DeadLetters, ProcessSample
from realtime.store.model import (
    ConnectionStatus,
    Here,
    OutboxEntry,
)
from realtime.store.reading import Reading
from realtime.store.timeline import Span

HEALTH: Final = "health"
FLAGS: Final = "flags"
FIGURES: Final = "figures"
Numbered: TypeAlias = tuple[Envelope, int]
"""An envelope and its offset."""


class Store(Reading):
    """Documents, feed, people, counts and the connection's status, with a version per topic.

    Topics: every channel by its name; `feed` on any event; `collections` on any collection event; `connection`;
    `health` on every sample of the process; `outbox`; `here` when somebody comes to, leaves or turns to another of this
    app's own pages; `flags`, and `figures` for how things are beside them.
    `users` also rises when a collection event names its actor, for that is a person seen.
    `inboxes` are written and read by their own methods.
    """

    # Writing

    def apply(
        self,
        channel: str,
        envelopes: Sequence[Numbered],
        *,
        epoch: str,
        now: float,
        published_at: Sequence[float] | None = None,
        lag_s: float | None = None,
    ) -> int:
        """Apply a run of events of one channel, oldest first, under one lock; return how many were new.

        What the channel's position already covers is dropped and counted. Another epoch than the position's starts
        the channel anew: its documents belonged to a stream that no longer exists. `published_at` says when the
        gateway stored each event, for those that come late (a resume): they are counted at their own time.
        """
        meanings = _meanings(envelopes)
        with self._lock:
            applied = self._contents.apply(channel, meanings, epoch=epoch, now=now, published_at=published_at)
            if applied:
                self._lag_s = lag_s if lag_s is not None else self._lag_s
                if lag_s is not None or published_at is not None:
                    self._health.delivered(applied, lag_s=lag_s, now=now)
                self._changed.notify_all()
        if applied:
            STORE_APPLIED.inc(applied)
            if lag_s is not None:
                DELIVERY_SECONDS.observe(lag_s)
        if applied < len(meanings):
            STORE_DROPPED.inc(len(meanings) - applied)
        if unknown := unknown_in(meanings):
            STORE_UNKNOWN.inc(unknown)
        return applied

    def load_snapshot(
        self,
        collection: str,
        documents: Iterable[tuple[JsonObject, int | None]],
        *,
        position: Position,
        now: float,
        history: Sequence[Numbered] = (),
        published_at: Sequence[float] | None = None,
    ) -> None:
        """Replace a collection by a snapshot, taken at `position` or later, and go on from that position.

        `documents` come with the offset of their last event, or None. `history` is the newest events of the channel:
        those the feed hasn't had and the position covers are put into feed, people and counts, not into documents.
        One thread at a time may feed a channel.
        """
        channel = collection_channel(collection)
        meanings, listing = _meanings(history), list(documents)
        known = self.collection(collection).documents
        states = states_of(listing, offset=position.offset, known=known)
        with self._lock:
            self._contents.documents(collection).replace(states)
            self._contents.replay(channel, meanings, position=position, now=now, published_at=published_at)
            self._changed.notify_all()

    def load_history(
        self,
        channel: str,
        history: Sequence[Numbered],
        *,
        position: Position,
        now: float,
        published_at: Sequence[float] | None = None,
    ) -> None:
        """Take in the newest events of a channel that has no documents, oldest first, and go on from `position`."""
        meanings = _meanings(history)
        with self._lock:
            self._contents.replay(channel, meanings, position=position, now=now, published_at=published_at)
            self._changed.notify_all()

    def take_late(self, channel: str, envelope: Envelope, offset: int, *, now: float) -> None:
        """Take in an event that a snapshot skipped, as received now: into the feed, not into documents or positions.

        It isn't looked up whether the store has had it; the caller knows.
        """
        meaning = (envelope, offset, event_of(envelope))
        with self._lock:
            self._contents.take_late(channel, meaning, now=now)
            self._changed.notify_all()
        STORE_APPLIED.inc()

    def set_connection(self, status: ConnectionStatus, *, now: float) -> None:
        """Take the connection's status. Its topic rises only when more than the running numbers changed.

        The store knows lag and last event itself, and overrides them.
        """
        with self._lock:
            self._contents.now = max(self._contents.now, now)
            is_same = status.looks_like(self._status)
            self._status = status
            turn, bytes_in, bytes_out = self._health.connection(status, now=now)
            if not is_same:
                self._contents.topics.bump((CONNECTION,))
                self._changed.notify_all()
        if self.is_counted:
            CLIENT_CONNECTED.set(status.is_connected)
        CLIENT_BYTES.labels(direction="in").inc(bytes_in)
        CLIENT_BYTES.labels(direction="out").inc(bytes_out)
        if turn.connect_s is not None:
            CLIENT_CONNECT_SECONDS.observe(turn.connect_s)
        if turn.outage_s is not None:
            CLIENT_OUTAGE_SECONDS.observe(turn.outage_s)

    def set_process(self, sample: ProcessSample) -> None:
        """Take a sample of the process, for the Health page."""
        with self._lock:
            self._health.process(sample)
            self._bump(HEALTH)

    def set_dead_letters(self, dead_letters: DeadLetters | None) -> None:
        """Take what the gateway says of its dead letters; None: it doesn't say."""
        with self._lock:
            self._health.dead_letters = dead_letters
            self._bump(HEALTH)

    def restore_spans(self, spans: Sequence[Span]) -> None:
        """Put the connection's life as an earlier process saw it before this one's."""
        with self._lock:
            self._health.restore(spans)
            self._bump(HEALTH)

    def set_outbox(self, entries: Sequence[OutboxEntry]) -> None:
        """Take what waits in the outbox, is refused, or was confirmed lately. It is never mixed into documents."""
        listing = tuple(entries)
        with self._lock:
            if listing != self._outbox:
                self._outbox = listing
                self._contents.topics.bump((OUTBOX,))
                self._changed.notify_all()

    def set_here(self, changes: Mapping[str, Here | None], *, now: float) -> None:
        """Take how people are at this app's own pages; None: no longer. O(changed people)."""
        with self._lock:
            self._contents.set_here(changes, now=now)
            self._changed.notify_all()

    def set_flags(self, flags: Flags) -> None:
        """Take where an operator has put the flags."""
        with self._lock:
            if flags != self._flags:
                self._flags = flags
                self._bump(FLAGS)

    def set_flags_told(self, told: FlagsTold) -> None:
        """Take the figures beside the flags, for whom may see them."""
        with self._lock:
            self._flags_told = told
            self._bump(FIGURES)

    def raise_local(self, event: ConnectionEvent, *, now: float) -> None:
        """Put an event the client raised itself into the feed. It has no position and isn't counted in `all`."""
        with self._lock:
            if isinstance(event, ConnectionLost):
                self._health.timeline.lost(event.reason)
            self._contents.raise_local(event, now=now)
            self._changed.notify_all()

    def note_gap(self, notice: GapNotice, *, now: float) -> None:
        """Keep what could not be recovered, and tell people by an event of our own in the feed."""
        with self._lock:
            self._gaps.add(notice)
            self._contents.raise_local(event_of_gap(notice, now=now), now=now)
            self._changed.notify_all()

    # Inside

    def _bump(self, topic: str) -> None:
        """Raise a topic's version and wake who waits. Call it under the lock."""
        self._contents.topics.bump((topic,))
        self._changed.notify_all()


def _meanings(envelopes: Sequence[Numbered]) -> list[Meaning]:
    return [(envelope, offset, event_of(envelope)) for envelope, offset in envelopes]
