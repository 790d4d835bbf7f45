"""Measures what real-time costs the app: CPU and memory while pages are pushed to, against while it is switched off.

Both in one run, one after the other, each in a process of its own: the same documents, the same events, the same open
tab. Off means the operator's flag `realtime`: the tab is open and is sent nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from rich.table import Table

from realtime.bench import report
from realtime.bench.events import as_array, reading
from realtime.bench.launch import running_app
from realtime.bench.posting import PostFailed, Producer
from realtime.bench.process import Process
from realtime.bench.tab_crowd import Order
from realtime.bench.tab_posts import TabPosts, cpu_of
from realtime.bench.tabs import TabCrowd, addresses

_FLAGS: Final = "/api/flags"
_BATCH: Final = 1_000
SETTLE_S: Final = 3.0


@dataclass(frozen=True)
class Way:
    """The app with real-time on or off. CPU in cores."""

    is_on: bool
    server_cpu: float
    memory_bytes: int
    pushes: int


@dataclass(frozen=True)
class Toll:
    """What `bench cpu` and `bench memory` found: the difference is what real-time costs."""

    documents: int
    rate: float
    duration_s: float
    off: Way
    on: Way

    @property
    def cpu(self) -> float:
        """Return the CPU that real-time adds, in cores."""
        return self.on.server_cpu - self.off.server_cpu

    @property
    def memory_bytes(self) -> int:
        """Return the memory that real-time adds."""
        return self.on.memory_bytes - self.off.memory_bytes


def measure_toll(
    *, documents: int, rate: float, duration_s: float, say: Callable[[str], None], settle_s: float = SETTLE_S
) -> Toll:
    """Measure both, once the tab has settled.

    Raises StartError when the app can't be started, PostFailed when something isn't stored.
    """
    found = []
    for is_on in (False, True):
        say(f"real-time {'on' if is_on else 'off'}, {documents:,} documents, {rate:g} events/s for {duration_s:g} s")
        with running_app() as app:
            found.append(
                _measure(app, is_on=is_on, documents=documents, rate=rate, duration_s=duration_s, settle_s=settle_s)
            )
    return Toll(documents, rate, duration_s, off=found[0], on=found[1])


def _measure(app: Process, *, is_on: bool, documents: int, rate: float, duration_s: float, settle_s: float) -> Way:
    posts = TabPosts(app.base_url, rate=rate, duration_s=duration_s, first=documents + 1)
    _switch(app, 100 if is_on else 0)
    _fill(app, run=posts.name, documents=documents)
    with TabCrowd(app, addresses(posts.name, views=1), count=1) as crowd:
        time.sleep(settle_s)
        crowd.tell(posts.order())
        used = cpu_of(app, posts.run)
        pushes = sum(crowd.tell(Order(do="sum")).pushes)
        return Way(is_on=is_on, server_cpu=used, memory_bytes=app.memory_bytes(), pushes=pushes)


def _switch(app: Process, percent: int) -> None:
    producer = Producer(app.base_url)
    body = msgspec.json.encode({"flags": {"realtime": percent}, "why": "a benchmark"})
    status, answer = producer.request("PUT", _FLAGS, body=body)
    producer.close()
    if status != 200:
        raise PostFailed(f"{_FLAGS} answered {status}: {answer[:200].decode(errors='replace')}")


def _fill(app: Process, *, run: str, documents: int) -> None:
    producer = Producer(app.base_url)
    for start in range(1, documents + 1, _BATCH):
        numbers = range(start, min(start + _BATCH, documents + 1))
        producer.post(as_array([reading(number, run=run) for number in numbers]))
    producer.close()


def table_of(outcome: Toll) -> Table:
    """Lay the outcome out for people."""
    rows = [
        [
            f"real-time {'on' if way.is_on else 'off'}",
            report.percent(way.server_cpu),
            f"{way.memory_bytes / 2**20:,.1f} MiB",
            f"{way.pushes:,}",
        ]
        for way in (outcome.off, outcome.on)
    ]
    rows.append(["what it costs", report.percent(outcome.cpu), f"{outcome.memory_bytes / 2**20:,.1f} MiB", ""])
    return report.table_of(
        f"Real-time on against off · {outcome.documents:,} documents · {outcome.rate:g} events/s "
        f"for {outcome.duration_s:g} s · one tab",
        columns=["", "server CPU", "memory", "pushes"],
        rows=rows,
        caption="CPU is of one core, the gateway in the same process included; memory is the resident set.",
    )
