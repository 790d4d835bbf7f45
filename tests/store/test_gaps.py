"""What could not be recovered: kept, bounded, and told in the feed."""

from __future__ import annotations

from realtime.protocol.events import ConnectionGap
from realtime.store import GapNotice, Store
from realtime.store.gaps import GAPS_KEPT
from realtime.views.feed import newest

NOW = 1_769_860_800.0


def _notice(count: int | None = 214, *, first: int = 7) -> GapNotice:
    return GapNotice("collection:flights", first, 220, count, NOW - 105, NOW)


def test_a_gap_is_kept_and_told() -> None:
    """Whoever reads the connection's topic or the feed hears of it."""
    store = Store()
    connection, feed = store.version("connection"), store.version("feed")
    store.note_gap(_notice(), now=NOW)
    assert store.gaps == (_notice(),)
    assert store.version("connection") > connection
    assert store.version("feed") > feed
    event = store.feed(channels=("connection",))[0].event
    assert isinstance(event, ConnectionGap)
    assert (event.channel, event.first, event.last, event.count) == ("collection:flights", 7, 220, 214)


def test_only_the_newest_hundred_are_kept() -> None:
    """A stream that breaks all day fills no memory."""
    store = Store()
    for number in range(GAPS_KEPT + 5):
        store.note_gap(_notice(first=number), now=NOW)
    assert [gap.first for gap in store.gaps] == list(range(GAPS_KEPT + 4, 4, -1))


def test_a_gap_is_said_in_words_with_its_time_for_the_tab_to_write() -> None:
    """A count where it is known, and none where it isn't."""
    store = Store()
    store.note_gap(_notice(), now=NOW)
    store.note_gap(_notice(None), now=NOW)
    began_anew, counted = newest(store, now=NOW)["rows"]
    assert counted["title"] == "About 214 events of flights could not be recovered"
    assert counted["span"] == [round((NOW - 105) * 1000), round(NOW * 1000)]
    assert began_anew["title"] == "flights began anew: what happened in between can't be recovered"
