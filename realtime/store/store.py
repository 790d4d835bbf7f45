"""The one place the app's knowledge lives: fed by the client, read by views. No sockets, HTTP, clocks, drawing.

Threads: any. One lock, memory work only; a batch takes it once and signals once. What readers get is immutable.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

import msgspec
import pandas as pd

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
from realtime.protocol.channels import collection_channel, inbox_of
from realtime.protocol.events import ConnectionEvent, ConnectionLost, Envelope, JsonObject, event_of
from realtime.protocol.flags import UNTOUCHED, Flags, FlagsTold
from realtime.protocol.positions import Position
from realtime.store.contents import CONNECTION, OUTBOX, Contents, Meaning, unknown_in
from realtime.store.documents import states_of
from realtime.store.feed import select
from realtime.store.frames import Frames
from realtime.store.gaps import GapNotice, Gaps, event_of_gap
from realtime.store.health import DeadLetters, Health, HealthSnapshot, ProcessSample
from realtime.store.inbox_copies import InboxCopies
from realtime.store.inbox_copy import InboxCopy
from realtime.store.model import (
    CollectionSnapshot,
    CollectionSummary,
    ConnectionStatus,
    DocumentState,
    FeedEntry,
    Here,
    OutboxEntry,
    PersonDid,
    PersonSeen,
)
from realtime.store.timeline import Span

HEALTH: Final = "health"
FLAGS: Final = "flags"
FIGURES: Final = "figures"
Numbered: TypeAlias = tuple[Envelope, int]
"""An envelope and its offset."""


class Store:
    """Documents, feed, people, counts and the connection's status, with a version per topic.

    Topics: every channel by its name; `feed` on any event; `collections` on any collection event; `connection`;
    `health` on every sample of the process; `outbox`; `here` when somebody comes to, leaves or turns to another of this
    app's own pages; `flags`, and `figures` for how things are beside them.
    `users` also rises when a collection event names its actor, for that is a person seen.
    `inboxes` are written and read by their own methods.
    """

    def __init__(self, *, feed_size: int = 500) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._contents = Contents(feed_size=feed_size)
        self.inboxes = InboxCopies(self._lock, changed=self._changed, topics=self._contents.topics)
        self._frames = Frames()
        self._health = Health()
        self._gaps = Gaps()
        self._status = ConnectionStatus()
        self._lag_s: float | None = None
        self._outbox: tuple[OutboxEntry, ...] = ()
        self._flags = UNTOUCHED
        self._flags_told: FlagsTold | None = None

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

    # Reading

    @property
    def sequence(self) -> int:
        """Return the number of the newest feed entry: how many events were taken in, all in all."""
        return self._contents.sequence

    @property
    def connection(self) -> ConnectionStatus:
        """Return the connection's status, lag and last event included."""
        with self._lock:
            return msgspec.structs.replace(self._status, lag_s=self._lag_s, last_event_at=self._contents.last_event_at)

    def health(self, *, now: float) -> HealthSnapshot:
        """Return how the app itself is doing: its connection's life, deliveries, traffic, process."""
        with self._lock:
            return self._health.snapshot(now=now)

    def positions(self) -> dict[str, Position]:
        """Return up to where every channel has been applied."""
        with self._lock:
            return dict(self._contents.positions)

    @property
    def outbox(self) -> tuple[OutboxEntry, ...]:
        """Return the outbox's entries: first what was confirmed lately, then what waits or is refused, in order."""
        return self._outbox

    @property
    def flags(self) -> Flags:
        """Return where an operator has put the flags; where they usually stand until that is known."""
        return self._flags

    @property
    def flags_told(self) -> FlagsTold | None:
        """Return the flags with the figures beside them, None until the gateway has told them."""
        return self._flags_told

    @property
    def gaps(self) -> tuple[GapNotice, ...]:
        """Return what could not be recovered, newest first; at most a hundred."""
        with self._lock:
            return self._gaps.newest_first()

    def inbox(self, person: str) -> InboxCopy:
        """Return a person's inbox as it is known here, with what was done here and isn't confirmed yet."""
        return self.inboxes.get(person)

    def position(self, channel: str) -> Position | None:
        """Return up to where a channel has been applied, None if it never was."""
        person = inbox_of(channel)
        if person is not None:
            return self.inboxes.position(person)
        with self._lock:
            return self._contents.positions.get(channel)

    def version(self, topic: str) -> int:
        """Return the tick at which a topic last changed, 0 if it never did."""
        with self._lock:
            return self._contents.topics.version(topic)

    def wait_for_changes(self, after: int, *, timeout_s: float) -> tuple[int, frozenset[str]]:
        """Wait until the tick passes `after`; return the tick and the topics that changed since. O(changed topics)."""
        topics = self._contents.topics
        with self._changed:
            self._changed.wait_for(lambda: topics.tick > after, timeout_s)
            return topics.tick, topics.since(after)

    def collection(self, name: str) -> CollectionSnapshot:
        """Return all documents of a collection (empty if unknown); made once a version, shared by all readers."""
        channel = collection_channel(name)
        with self._lock:
            documents = self._contents.collections.get(name)
            version = self._contents.topics.version(channel)
            position = self._contents.positions.get(channel)
            if documents is None:
                return CollectionSnapshot(name, version, position, {})
            return documents.snapshot(version=version, position=position)

    def document(self, collection: str, identifier: str) -> DocumentState | None:
        """Return one document, or None. O(1)."""
        with self._lock:
            documents = self._contents.collections.get(collection)
            return None if documents is None else documents.get(identifier)

    def recent(self, collection: str, limit: int) -> tuple[DocumentState, ...]:
        """Return the documents changed last, newest first. O(limit)."""
        with self._lock:
            return self._contents.recent(collection, limit)

    def frame(self, collection: str) -> pd.DataFrame:
        """Return a collection as a DataFrame (index `id`); made once a version, shared by all, copied on write."""
        return self._frames.get(self.collection(collection))

    def collections(self, *, now: float | None = None) -> tuple[CollectionSummary, ...]:
        """Return every collection in numbers, by name; rates are of the minute up to `now` (None: the last event)."""
        contents = self._contents
        with self._lock:
            moment = contents.now if now is None else now
            return tuple(contents.summary(name, now=moment) for name in sorted(contents.collections))

    def feed(
        self,
        *,
        limit: int = 50,
        channels: Collection[str] | None = None,
        types: Collection[str] | None = None,
        search: str | None = None,
        has_own: bool = True,
    ) -> tuple[FeedEntry, ...]:
        """Return events, newest first: of these channels (`connection`: the client's own), types, with this text.

        `has_own`: with what people do at this dashboard's own pages.
        """
        with self._lock:
            if channels is None and types is None and not search and has_own:
                return self._contents.feed.latest(limit)
            entries = self._contents.feed.newest_first(channels)
        return select(entries, limit=limit, types=types, search=search, has_own=has_own)

    def people(self, limit: int | None = None) -> tuple[PersonSeen, ...]:
        """Return who was seen: who is online first, each lot by who was seen last; at most ten thousand. O(limit)."""
        people = self._contents.people
        with self._lock:
            return people.all() if limit is None else people.newest(limit)

    def person(self, user_id: str) -> PersonSeen | None:
        """Return one person, None when they were never seen or are forgotten. O(1)."""
        with self._lock:
            return self._contents.people.get(user_id)

    @property
    def people_online(self) -> int:
        """Count who is online. O(1)."""
        with self._lock:
            return self._contents.people.online

    def done_by(self, user_id: str | None, *, limit: int = 50) -> tuple[PersonDid, ...]:
        """Return what a person did, None: what anybody did; newest first. At most 50 of one, 200 of all. O(limit)."""
        with self._lock:
            return self._contents.people.done(user_id, limit=limit)

    def action_counts(self, user_id: str | None = None) -> Mapping[str, int]:
        """Return how often a person, or anybody, did what, as far back as this process remembers."""
        people = self._contents.people
        with self._lock:
            return dict(people.counts) if user_id is None else people.counts_of(user_id)

    def person_strip(self, user_id: str, *, now: float) -> tuple[int, ...]:
        """Return how much a person did in each of the last sixty minutes, oldest first."""
        with self._lock:
            return self._contents.people.minutes(user_id, now=now)

    def rates(self, key: str, *, now: float, bucket_s: Literal[1, 60], buckets: int) -> tuple[int, ...]:
        """Return counts per bucket, oldest first, the running one last.

        Keys: `all` · `type:<type>` · `collection:<name>` · `kind:created|updated|deleted|user|system` · `own` (people
        at this dashboard's pages, who aren't in `all`).
        Raises ValueError when more buckets are asked for than are kept (600 of 1 s, 1,500 of 60 s).
        """
        with self._lock:
            return self._contents.counts.rates(key, now=now, bucket_s=bucket_s, buckets=buckets)

    def totals(self) -> Mapping[str, int]:
        """Return what `rates` counts since the process began, and `duplicates` and `people_forgotten`."""
        contents = self._contents
        with self._lock:
            own = {"duplicates": contents.duplicates, "people_forgotten": contents.people.forgotten}
            return {**contents.counts.totals(), **own}

    def _bump(self, topic: str) -> None:
        """Raise a topic's version and wake who waits. Call it under the lock."""
        self._contents.topics.bump((topic,))
        self._changed.notify_all()


def _meanings(envelopes: Sequence[Numbered]) -> list[Meaning]:
    return [(envelope, offset, event_of(envelope)) for envelope, offset in envelopes]
