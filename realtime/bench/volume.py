"""Measures a Tideboard that has been in use for long: start, first paint of each page, latency and memory.

The data folder is filled by a gateway alone; the app is then started on it, as after a restart.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

from realtime.bench import browser, report
from realtime.bench.events import COLLECTION, as_array
from realtime.bench.latency import Way, measure_way
from realtime.bench.launch import start_app, start_gateway, temporary_folder
from realtime.bench.posting import Producer
from realtime.bench.process import Process
from realtime.bench.redis_server import running_redis
from realtime.bench.spread import Spread, spread_of
from realtime.config import variable_of
from realtime.protocol.events import Envelope

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES: Final = {
    "Overview": "/",
    "Collections": f"/collections?collection={COLLECTION}",
    "Activity": "/activity",
    "Health": "/health",
}
DRAWN: Final = ".js-plotly-plot .main-svg, [role=feed] article, table tbody tr, h3"
"""Whatever tells that a page is there: a chart, a feed, a table, or the heading of one that is empty."""
_BATCH: Final = 1000
_VISITS: Final = 5


_FIRST_PAINT: Final = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"


@dataclass(frozen=True)
class Visits:
    """How long a page took, in milliseconds: to a new browser's first paint, until all was there, and `again` later."""

    first_paint: float
    there: float
    again: Spread | None


@dataclass(frozen=True)
class Volume:
    """What `bench volume` found. `visits`: by page, the first of all first."""

    events: int
    documents: int
    filled_per_s: float
    ready_s: float
    visits: dict[str, Visits]
    memory_bytes: int
    memory_after_bytes: int
    disk_bytes: int
    redis_bytes: int | None
    way: Way


def measure_volume(
    *,
    events: int,
    documents: int,
    duration_s: float = 15.0,
    fill_s: float = 40.0,
    visits: int = _VISITS,
    on_redis: bool = False,
    say: Callable[[str], None],
) -> Volume:
    """Post `events` about `documents`, start the app on what that left, and look at every page.

    `on_redis`: the log is in a Redis that is started for it. Raises StartError when something can't be started,
    PostFailed when events weren't stored.
    """
    settings = {variable_of("retention_events"): str(max(events, 100))}
    with ExitStack() as stack:
        server = stack.enter_context(running_redis()) if on_redis else None
        folder, chromium = stack.enter_context(temporary_folder()), stack.enter_context(browser.chromium())
        data = folder / "data"
        settings |= {} if server is None else {variable_of("redis_url"): server.url}
        say(f"{events:,} events about {documents:,} documents are posted")
        with start_gateway(data, extra=settings) as gateway:
            gateway.wait_ready()
            began = time.monotonic()
            _fill(gateway, events=events, documents=documents, say=say)
            filled_s = time.monotonic() - began
        say("The app starts on them")
        began = time.monotonic()
        with start_app(data, extra=settings) as app:
            app.wait_ready()
            ready_s = time.monotonic() - began
            seen = {name: _visits(chromium, app.base_url + path, count=visits) for name, path in PAGES.items()}
            memory = app.memory_bytes()
            say(f"Latency, 5 events/s for {duration_s:g} s")
            way = measure_way(app, chromium, rate=5.0, duration_s=duration_s, fill_s=fill_s)
            return Volume(
                events=events,
                documents=documents,
                filled_per_s=events / filled_s,
                ready_s=ready_s,
                visits=seen,
                memory_bytes=memory,
                memory_after_bytes=app.memory_bytes(),
                disk_bytes=_size_of(data),
                redis_bytes=None if server is None else server.memory_bytes(),
                way=way,
            )


def _fill(gateway: Process, *, events: int, documents: int, say: Callable[[str], None]) -> None:
    producer = Producer(gateway.base_url)
    try:
        for batch, start in enumerate(range(0, events, _BATCH)):
            numbers = range(start, min(start + _BATCH, events))
            producer.post(as_array([_change(number, documents=documents) for number in numbers]))
            if batch % 100 == 99:
                say(f"{start + _BATCH:,} stored")
    finally:
        producer.close()


def _change(number: int, *, documents: int) -> Envelope:
    kind = "created" if number < documents else "updated"
    document = {"id": f"d{number % documents:07d}", "value": number, "city": f"City {number % 97}", "note": "x" * 40}
    content: dict[str, Any] = {"collection": "volume", "document": document}
    if kind == "updated":
        content["id"] = document["id"]
    return Envelope(
        id=f"v{number}", source="/tideboard/bench/volume", type=f"collection:{kind}", specversion="1.0", data=content
    )


def _visits(chromium: Browser, url: str, *, count: int) -> Visits:
    """Open a page in a browser that has never been here, then again and again."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    times: list[float] = []
    painted: list[float] = []
    for _ in itertools.repeat(None, count):
        page = context.new_page()
        began = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.wait_for_selector(DRAWN, state="attached", timeout=60_000)
        times.append((time.perf_counter() - began) * 1000)
        painted.append(float(page.evaluate(_FIRST_PAINT)))
        page.close()
    context.close()
    return Visits(painted[0], times[0], spread_of(times[1:]))


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def table_of(outcome: Volume) -> Table:
    """Lay the outcome out for people."""
    rows: list[Sequence[str]] = [
        ("ready after", f"{outcome.ready_s:.1f} s"),
        *(
            (f"{name}: first paint / there / there again (p50)", " / ".join(_cells(one)) + " ms")
            for name, one in outcome.visits.items()
        ),
        *(
            (f"POST → DOM {name}", f"{report.milliseconds(value)} ms")
            for name, value in zip(("p50", "p95"), _latency(outcome.way), strict=True)
        ),
        ("memory, pages open", f"{outcome.memory_bytes / 1_048_576:.0f} MiB"),
        ("memory at the end", f"{outcome.memory_after_bytes / 1_048_576:.0f} MiB"),
        ("data folder", f"{outcome.disk_bytes / 1_048_576:,.0f} MiB"),
        *([] if outcome.redis_bytes is None else [("memory of Redis", f"{outcome.redis_bytes / 1_048_576:,.0f} MiB")]),
        ("filled at", f"{outcome.filled_per_s:,.0f} events/s"),
    ]
    return report.table_of(
        f"{outcome.events:,} events in the log · {outcome.documents:,} documents"
        + ("" if outcome.redis_bytes is None else " · in Redis"),
        columns=["", "measured"],
        rows=rows,
        caption=(
            "First paint: of a browser that has never been here. There: its chart, feed, table or heading is in the "
            "DOM. Again: in another tab of the same browser."
        ),
    )


def _cells(visits: Visits) -> list[str]:
    again = None if visits.again is None else visits.again.p50
    return [report.milliseconds(value) for value in (visits.first_paint, visits.there, again)]


def _latency(way: Way) -> tuple[float | None, float | None]:
    return (None, None) if way.from_post is None else (way.from_post.p50, way.from_post.p95)
