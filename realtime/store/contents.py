"""Takes events in: documents, feed, people, counts, positions, versions. Pure; the store's lock guards it.

What an event costs here depends on the event, never on how much is already held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from realtime.protocol.channels import USERS, collection_channel, collection_of
from realtime.protocol.events import (
    PEOPLE_SOURCE,
    CollectionCreated,
    CollectionDeleted,
    CollectionEvent,
    CollectionUpdated,
    ConnectionEvent,
    Envelope,
    Event,
    Unknown,
    UserActivity,
    UserLogin,
    UserLogout,
    data_of,
    document_id_of,
)
from realtime.protocol.positions import Position
from realtime.store.aggregates import Aggregates
from realtime.store.documents import Documents
from realtime.store.feed import Feed
from realtime.store.model import CollectionSummary, DocumentState, FeedEntry, Here
from realtime.store.people import People
from realtime.store.topics import Topics

FEED: Final = "feed"
COLLECTIONS: Final = "collections"
CONNECTION: Final = "connection"
OUTBOX: Final = "outbox"
HERE: Final = "here"
Meaning: TypeAlias = tuple[Envelope, int, Event]
"""An envelope, its offset, and what it means."""

_COLLECTION_EVENTS: Final = (CollectionCreated, CollectionUpdated, CollectionDeleted)
_USER_EVENTS: Final = (UserLogin, UserLogout, UserActivity)


class Contents:
    """Everything the store holds but the connection's status and the lock."""

    def __init__(self, *, feed_size: int) -> None:
        self.topics = Topics()
        self.positions: dict[str, Position] = {}
        self.collections: dict[str, Documents] = {}
        self.feed = Feed(size=feed_size)
        self.people = People()
        self.counts = Aggregates()
        self.now = 0.0
        self.sequence = 0
        self.duplicates = 0
        self.last_event_at: float | None = None

    def apply(
        self, channel: str, meanings: Sequence[Meaning], *, epoch: str, now: float, published_at: Sequence[float] | None
    ) -> int:
        """Take in what the channel's position doesn't cover yet; return how many that were."""
        position = self.positions.get(channel)
        run = _Run(self, channel, now=now, published_at=published_at)
        if position is not None and position.epoch != epoch:
            position = None
            if run.documents is not None:
                run.documents.clear()
        top = position.offset if position is not None else 0
        for index, (envelope, offset, event) in enumerate(meanings):
            if offset > top:
                top = offset
                self.feed.append(run.take(envelope, offset, event, index=index))
        self.duplicates += len(meanings) - run.taken
        if run.taken:
            self.positions[channel] = Position(epoch, top)
            if run.is_news:
                self.last_event_at = now
            run.finish()
        return run.taken

    def replay(
        self,
        channel: str,
        meanings: Sequence[Meaning],
        *,
        position: Position,
        now: float,
        published_at: Sequence[float] | None,
    ) -> None:
        """Take events the documents already contain into feed, people and counts; go on from `position`.

        A stream that goes on under another epoch (its Redis was restarted) holds events that were counted under the
        one before: those are known by their ids.
        """
        old = self.positions.get(channel)
        seen = old.offset if old is not None and old.epoch == position.epoch else 0
        had = self.feed.had(channel) if old is not None and old.epoch != position.epoch else None
        run = _Run(self, channel, now=now, published_at=published_at, is_replay=True)

        def is_new(envelope: Envelope, index: int) -> bool:
            at = now if published_at is None else published_at[index]
            return had is None or not had.has(envelope.source, envelope.id, at=at)

        self.feed.insert(
            [
                run.take(envelope, offset, event, index=index)
                for index, (envelope, offset, event) in enumerate(meanings)
                if seen < offset <= position.offset and is_new(envelope, index)
            ]
        )
        self.positions[channel] = position
        run.finish()

    def take_late(self, channel: str, meaning: Meaning, *, now: float) -> None:
        """Take an event into feed, people and counts that a snapshot skipped; the documents contain it already."""
        envelope, offset, event = meaning
        run = _Run(self, channel, now=now, published_at=None, is_replay=True)
        self.feed.append(run.take(envelope, offset, event, index=0))
        run.finish()

    def raise_local(self, event: ConnectionEvent, *, now: float) -> None:
        """Put an event of the client's own into the feed."""
        self.sequence += 1
        self.now = max(self.now, now)
        envelope = Envelope(
            id=f"local-{self.sequence}",
            source="/tideboard/client",
            type=event.TYPE,
            specversion="1.0",
            time=event.timestamp,
            data=data_of(event),
        )
        moment = _moment(event.timestamp)
        self.feed.append(FeedEntry(self.sequence, CONNECTION, 0, envelope, event, now, moment))
        self.counts.add((f"type:{event.TYPE}",), 1, at=now, now=now)
        self.topics.bump((FEED, CONNECTION))

    def set_here(self, changes: Mapping[str, Here | None], *, now: float) -> None:
        """Take in how people are at this app's own pages."""
        self.now = max(self.now, now)
        self.people.set_here(changes, now=now)
        self.topics.bump((HERE,))

    def documents(self, name: str) -> Documents:
        """Return a collection's documents, an empty lot if it is new."""
        documents = self.collections.get(name)
        if documents is None:
            documents = self.collections[name] = Documents(name)
        return documents

    def summary(self, name: str, *, now: float) -> CollectionSummary:
        """Return a collection in numbers."""
        documents = self.collections[name]
        channel = collection_channel(name)
        return CollectionSummary(
            name=name,
            count=len(documents),
            created=documents.created,
            updated=documents.updated,
            deleted=documents.deleted,
            last_change_at=documents.last_change_at,
            rate_per_min=sum(self.counts.rates(channel, now=now, bucket_s=1, buckets=60)),
            usual_gap_s=documents.gap.value,
            version=self.topics.version(channel),
        )

    def recent(self, name: str, limit: int) -> tuple[DocumentState, ...]:
        """Return the documents changed last, newest first."""
        documents = self.collections.get(name)
        return () if documents is None else documents.recent(limit)


class _Run:
    """A run of events of one channel: what is counted and signalled once for all of them."""

    def __init__(
        self,
        contents: Contents,
        channel: str,
        *,
        now: float,
        published_at: Sequence[float] | None,
        is_replay: bool = False,
    ) -> None:
        self.taken = 0
        self.is_news = False
        name = collection_of(channel)
        self.documents = None if name is None else contents.documents(name)
        self._contents = contents
        self._channel = channel
        self._now = now
        self._published_at = published_at
        self._is_replay = is_replay
        self._topics = [channel, FEED] if self.documents is None else [channel, FEED, COLLECTIONS]
        self._tally: dict[tuple[str, float, bool], int] = {}
        self._last_at: float | None = None

    def take(self, envelope: Envelope, offset: int, event: Event, *, index: int) -> FeedEntry:
        """Take in one event and return its feed entry."""
        contents, actor = self._contents, envelope.actor
        at = self._now if self._published_at is None else min(self._published_at[index], self._now)
        changed: tuple[str, ...] = ()
        if self.documents is not None and isinstance(event, _COLLECTION_EVENTS):
            if self._is_replay:
                self.documents.count_past(event, offset=offset, at=at, actor=actor)
            else:
                changed = self.documents.change(event, offset=offset, at=at, actor=actor)
            if actor is not None:
                contents.people.changed(
                    actor, action=_kind(event), collection=event.collection, document=document_id_of(event) or "", at=at
                )
        elif isinstance(event, _USER_EVENTS):
            contents.people.take(event, at=at)
        if actor is not None and self.taken == 0 and self.documents is not None:
            self._topics.append(USERS)
        self.taken += 1
        contents.sequence += 1
        is_own = envelope.source.startswith(PEOPLE_SOURCE)
        self.is_news |= not is_own
        key = (envelope.type, at, is_own)
        self._tally[key] = self._tally.get(key, 0) + 1
        self._last_at = at
        moment = None if envelope.time is None else _moment(envelope.time)
        return FeedEntry(
            contents.sequence, self._channel, offset, envelope, event, at, moment, changed, self._is_replay
        )

    def finish(self) -> None:
        """Count the run and raise its topics' versions."""
        contents = self._contents
        contents.now = max(contents.now, self._now)
        for (kind, at, is_own), count in self._tally.items():
            contents.counts.add(self._keys(kind, is_own=is_own), count, at=at, now=self._now)
        if self.documents is not None and self._last_at is not None:
            self.documents.changed_at(self._last_at)
        contents.topics.bump(self._topics)

    def _keys(self, event_type: str, *, is_own: bool) -> tuple[str, ...]:
        if self.documents is not None:
            return ("all", f"type:{event_type}", f"kind:{event_type.rpartition(':')[2]}", self._channel)
        kind = "kind:user" if self._channel == USERS else "kind:system"
        # People at our own pages are no news of what is watched: else opening a page would end its emptiness.
        return (f"type:{event_type}", kind, "own") if is_own else ("all", f"type:{event_type}", kind)


def _kind(event: CollectionEvent) -> str:
    return event.TYPE.rpartition(":")[2]


def _moment(time: str) -> float | None:
    """Return a time of the wire in Unix seconds, None when it isn't one."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        return None


def unknown_in(meanings: Sequence[Meaning]) -> int:
    """Count the events of a type this version doesn't know."""
    return sum(isinstance(event, Unknown) for _, _, event in meanings)
