"""What readers get of the store: immutable values, each made under the one lock. Nothing is written in here.

Threads: any.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Literal

import msgspec
import pandas as pd

from realtime.protocol.channels import collection_channel, inbox_of
from realtime.protocol.flags import UNTOUCHED, Flags, FlagsTold
from realtime.protocol.positions import Position
from realtime.store.contents import Contents
from realtime.store.feed import select
from realtime.store.frames import Frames
from realtime.store.gaps import GapNotice, Gaps
from realtime.store.health import Health, HealthSnapshot
from realtime.store.inbox_copies import InboxCopies
from realtime.store.inbox_copy import InboxCopy
from realtime.store.model import (
    CollectionSnapshot,
    CollectionSummary,
    ConnectionStatus,
    DocumentState,
    FeedEntry,
    OutboxEntry,
    PersonDid,
    PersonSeen,
)


class Reading:
    """The store's reading half; `Store` writes what is read here."""

    def __init__(self, *, feed_size: int = 500) -> None:
        self.is_counted = True
        """Whether its connection is the one that the metrics tell of: a process may have several stores."""
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
