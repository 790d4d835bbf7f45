"""Facts of the store's entries: where each stands."""

from __future__ import annotations

from realtime.client.facts import fact_from
from realtime.notifications.model import Source
from realtime.protocol.events import Envelope, event_of
from realtime.store.model import FeedEntry

NOW = 1_800_000_000.0


def entry(type_: str, values: dict[str, object], *, offset: int, sequence: int) -> FeedEntry:
    """Make an entry of the feed."""
    envelope = Envelope(id="1", source="/t", type=type_, specversion="1.0", data=values)
    channel = "connection" if type_.startswith("connection:") else "system"
    return FeedEntry(sequence, channel, offset, envelope, event_of(envelope), NOW, None)


def test_an_event_stands_where_the_feed_says() -> None:
    """What the client raised itself stands in a stream of this process, so that two losses are two."""
    told = entry("system:error", {"error": "x", "severity": "low"}, offset=7, sequence=40)
    assert fact_from(told, epoch="e", process="p").source == Source("system", "e", 7)
    lost = entry("connection:lost", {"timestamp": "2026-01-01T00:00:00Z", "reason": "x"}, offset=0, sequence=41)
    assert fact_from(lost, epoch="e", process="p").source == Source("connection", "p", 41)
