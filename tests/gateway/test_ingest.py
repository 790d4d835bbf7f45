"""Claims about the way into the log that sockets share with HTTP: conditions, actors, fairness."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from realtime.config import Settings
from realtime.gateway.bodies import decode_item
from realtime.gateway.ingest import Ingest, Report
from realtime.gateway.log import MUST_BE_NEW
from realtime.gateway.ports import Log
from tests.gateway.making import NOON, envelope, opened
from tests.support.engines import on_each_engine

pytestmark = on_each_engine


def _take(log: Log, items: list[Any], **options: Any) -> Report:
    ingest = Ingest(log, settings=Settings(), now=lambda: NOON)
    return asyncio.run(ingest.take_items(items, **options))


def _told(report: Report) -> list[tuple[int, str, str]]:
    return [(result.index, result.status, result.code) for result in report.results]


def test_a_failed_expectation_stores_nothing_and_says_conflict_first(tmp_path: Path) -> None:
    """The first result is the conflict; what came along says so; it isn't kept as bad input."""
    with opened(tmp_path) as log:
        _take(log, [envelope(1)])
        report = _take(log, [envelope(2, "updated", document="d1"), 3, envelope(4)], expected=7)
        assert _told(report) == [
            (0, "refused", "conflict"),
            (1, "refused", "not_an_object"),
            (2, "refused", "not_stored"),
        ]
        assert (report.stored, report.refused, log.position("collection:orders").offset) == (0, 3, 1)
        assert log.refusals(limit=10) == []


def test_an_expectation_holds_for_the_first_item_only(tmp_path: Path) -> None:
    """If that one is bad there is nothing to compare, and the good ones are stored."""
    with opened(tmp_path) as log:
        assert _told(_take(log, [envelope(1), envelope(2)], expected=MUST_BE_NEW))[0] == (0, "stored", "")
        report = _take(log, [decode_item(b"NaN"), envelope(3)], expected=7)
        assert _told(report) == [(0, "refused", "not_a_number"), (1, "stored", "")]


def test_who_is_known_is_the_actor_unless_the_event_names_one(tmp_path: Path) -> None:
    """The token's user stands in where the producer left it out; the time likewise is the gateway's."""
    with opened(tmp_path) as log:
        _take(log, [envelope(1), envelope(2, actor="bob")], actor="ann")
        raw = [record.raw for record in log.read("collection:orders", limit=10).publications]
        assert [b'"actor":"ann"' in raw[0], b'"actor":"bob"' in raw[1]] == [True, True]
        assert b'"time":"2026-01-01T12:00:00.000Z"' in raw[0]


def test_others_have_their_turn_while_a_long_batch_is_judged(tmp_path: Path) -> None:
    """A batch of thousands never holds the loop for all of its length."""
    turns: list[int] = []

    async def run(log: Log) -> None:
        ingest = Ingest(log, settings=Settings(), now=lambda: NOON)
        taking = asyncio.create_task(ingest.take_items([envelope(number) for number in range(1000)]))
        while not taking.done():
            turns.append(log.position("collection:orders").offset)
            await asyncio.sleep(0)
        assert (await taking).stored == 1000

    with opened(tmp_path) as log:
        asyncio.run(run(log))
    assert turns[:9] == [0] * 9
