"""Measures how long a notice takes from its event's POST to the toast on a tab's live channel, through the whole app.

The gateway judges the event, writes it into the person's inbox, the app plans the toast and casts it. No browser draws.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.table import Table

from realtime.bench import report
from realtime.bench.events import as_array, reading
from realtime.bench.launch import running_app, temporary_folder
from realtime.bench.pace import Pace, pace_for
from realtime.bench.paints import Posted
from realtime.bench.posting import OpenLoop, PostFailed, Producer
from realtime.bench.process import Process
from realtime.bench.simulated import Address, SimulatedTab, Watched
from realtime.bench.spread import Spread, spread_of
from realtime.config import CONFIG_VARIABLE
from realtime.errors import StartError
from realtime.protocol.events import Envelope

COLLECTIONS: Final = 40
"""So many, that none comes near the twenty notices a minute from which on they are counted as one storm."""
_VIEW: Final = "view:notices.toasts:"
_HEAD_START_S: Final = 0.5
_SETTLE_S: Final = 2.0
_RULES: Final = """\
[[rules]]
id = "bench"
event = "collection:created"
collection = "bench-*"
severity = "warning"
title = "{id}"
message = "Something happened."
group = "{id}"
"""


@dataclass(frozen=True)
class Noticed:
    """What `bench notifications` found. Times are in milliseconds; what is missing never came."""

    events: int
    rate: float
    to_toast: Spread | None
    answered: Spread | None
    missing_toasts: int
    missing_in_centre: int


class _ToastTab(SimulatedTab):
    """A tab that shows nothing but toasts: other panels tell of the same events, by a shorter way."""

    async def _join(self) -> None:
        self.panels = tuple(panel for panel in self.panels if panel.channel.startswith(_VIEW))
        if not self.panels:
            raise StartError("The page mounts no toasts, so there is nothing to measure.")
        await super()._join()


def measure_notifications(*, events: int, rate: float, say: Callable[[str], None]) -> Noticed:
    """Start the app with a rule, join as a page does, post at the pace and see when the toasts come.

    Raises StartError when something can't be started, PostFailed when events weren't stored.
    """
    with temporary_folder() as folder, running_app(extra={CONFIG_VARIABLE: str(_settings(folder))}) as app:
        say(f"{events} events that deserve notice, {rate:g} a second")
        return asyncio.run(_measure(app, events=events, rate=rate))


def _settings(folder: Path) -> Path:
    path = folder / "tideboard.toml"
    path.write_text(_RULES, encoding="utf-8")
    return path


def _event(number: int, run: str) -> Envelope:
    return reading(number, run=run, collection=f"bench-{number % COLLECTIONS}")


async def _measure(app: Process, *, events: int, rate: float) -> Noticed:
    run = uuid.uuid4().hex[:8]
    async with _toast_tab(app) as tab:
        await asyncio.to_thread(_begin_collections, app)
        await asyncio.sleep(_SETTLE_S)
        pace = pace_for(start=time.time() + _HEAD_START_S, rate=rate, duration_s=events / rate)
        tab.reset(Watched(run, 0, pace))
        posted = await asyncio.to_thread(_post, app.base_url, run, pace)
        await asyncio.sleep(_SETTLE_S)
        assert tab.watched is not None
        seen, times = len(tab.watched.seen), tab.watched.times_ms()
    return Noticed(
        events=len(posted),
        rate=rate,
        to_toast=spread_of(times),
        answered=spread_of(p.answered_ms - p.sent_ms for p in posted.values() if p.answered_ms is not None),
        missing_toasts=len(posted) - seen,
        missing_in_centre=len(posted) - await asyncio.to_thread(_taken_in, app, run),
    )


@asynccontextmanager
async def _toast_tab(app: Process) -> AsyncIterator[_ToastTab]:
    tab = _ToastTab(app.base_url, Address())
    try:
        await tab.open()
        yield tab
    finally:
        await tab.close()


def _begin_collections(app: Process) -> None:
    """Have every collection come into being, so that joining them isn't measured."""
    producer = Producer(app.base_url)
    producer.post(as_array([_event(number, "00000000") for number in range(COLLECTIONS)]))
    producer.close()


def _post(base_url: str, run: str, pace: Pace) -> dict[int, Posted]:
    loop = OpenLoop(base_url, pace, body_of=lambda number: as_array([_event(number, run)]), first=0)
    posted = loop.run()
    if loop.failures:
        raise PostFailed(f"{len(loop.failures)} of {pace.count} posts failed: {loop.failures[0]}")
    return posted


def _taken_in(app: Process, run: str) -> int:
    """Count the notices of a run in the centre of whoever is at the page, as the gateway keeps it."""
    producer = Producer(app.base_url)
    try:
        rows = producer.get("/api/inbox/local")["inbox"].get("rows", {}).values()
    finally:
        producer.close()
    return sum(row["newest"]["title"].startswith(run) for row in rows)


def table_of(outcome: Noticed) -> Table:
    """Lay the outcome out for people."""
    return report.table_of(
        f"POST → toast on the live channel · {outcome.events:,} events, {outcome.rate:g} a second",
        columns=["", "p50 ms", "p95 ms", "p99 ms", "max ms"],
        rows=[
            ["due → toast cast", *report.spread_cells(outcome.to_toast)],
            ["POST → answered", *report.spread_cells(outcome.answered)],
        ],
        caption=(
            f"Counted from the moment a POST was due. {outcome.missing_toasts} had no toast, "
            f"{outcome.missing_in_centre} aren't in the centre."
        ),
    )
