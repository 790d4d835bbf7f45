"""Makes facts, as rules judge them, of what the store has applied. Pure."""

from __future__ import annotations

from realtime.notifications.facts import Fact, fact_of
from realtime.notifications.model import Source
from realtime.protocol.events import LOCAL_TYPES, JsonObject
from realtime.store.model import FeedEntry


def fact_from(entry: FeedEntry, *, epoch: str, process: str, before: JsonObject | None = None) -> Fact:
    """Make a fact of an entry of the feed, of a stream's life `epoch`.

    What the client raised itself has no position: its number in this `process` stands for it, a name new at each start.
    """
    is_local = entry.envelope.type in LOCAL_TYPES
    life, offset = (process, entry.sequence) if is_local else (epoch, entry.offset)
    source = Source(entry.channel, life, offset)
    return fact_of(entry.envelope, entry.event, source=source, now=entry.received_at, before=before)
