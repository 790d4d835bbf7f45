"""What an event costs, counted in calls, not in time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Sequence
from types import FrameType
from typing import Any

import pandas as pd
import pytest

from realtime.protocol.positions import Position
from realtime.store import Store, frames
from tests.store.making import NOW, ORDERS, created, updated


def _calls_of_one_event(store: Store, offset: int) -> int:
    """Count the Python and C calls that applying one update makes, when it isn't the first."""
    store.apply(ORDERS, [(updated("hot", n=0), offset - 1)], epoch="e", now=NOW)
    count = 0

    def on_call(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    batch = [(updated("hot", n=offset), offset)]
    before = sys.getprofile()
    gc.collect()
    gc.disable()  # its callbacks would be counted as ours
    sys.setprofile(on_call)
    try:
        store.apply(ORDERS, batch, epoch="e", now=NOW)
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


def _store_with(documents: Iterable[tuple[dict[str, Any], int]], *, stored: int) -> Store:
    store = Store()
    store.load_snapshot("orders", documents, position=Position("e", stored), now=NOW)
    store.apply(ORDERS, [(created("hot"), stored + 1)], epoch="e", now=NOW)
    return store


@pytest.mark.no_cover  # calls are counted, and tracing them makes a million slow
def test_an_event_costs_the_same_at_a_hundred_and_a_million_stored() -> None:
    """A million documents under it, not one call more; no reader's snapshot is made on the writer's account."""
    few = _store_with((({"id": str(number)}, number) for number in range(100)), stored=100)
    many = _store_with((({"id": str(number)}, number) for number in range(1_000_000)), stored=1_000_000)
    assert _calls_of_one_event(many, 1_000_003) == _calls_of_one_event(few, 103)


@pytest.mark.no_cover  # calls are counted, and tracing them makes a million slow
def test_an_event_costs_the_same_after_many_events_and_with_a_full_feed() -> None:
    """What was applied before leaves nothing behind that has to be walked."""
    short, long = Store(feed_size=50), Store(feed_size=50)
    for store, events in ((short, 100), (long, 100_000)):
        one = updated("hot", n=0)
        for first in range(1, events, 1000):
            batch = [(one, offset) for offset in range(first, min(first + 1000, events + 1))]
            store.apply(ORDERS, batch, epoch="e", now=NOW)
    assert _calls_of_one_event(long, 200_000) == _calls_of_one_event(short, 200)


def test_a_reader_pays_once_a_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reader of a version gets what the first one's reading made."""
    store = _store_with((({"id": str(number)}, number) for number in range(1000)), stored=1000)
    assert store.collection("orders").documents is store.collection("orders").documents
    made, real = 0, frames.frame_of

    def counting(documents: Sequence[dict[str, Any]]) -> pd.DataFrame:
        nonlocal made
        made += 1
        return real(documents)

    monkeypatch.setattr(frames, "frame_of", counting)
    for _ in range(3):
        store.frame("orders")
    assert made == 1
