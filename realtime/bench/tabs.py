"""Measures what many tabs on one page cost the server beside a single one, and that a hidden tab is sent nothing."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.table import Table

from realtime.bench import report
from realtime.bench.events import COLLECTION, as_array, reading
from realtime.bench.latency import POINTS
from realtime.bench.launch import running_app
from realtime.bench.pace import pace_for
from realtime.bench.posting import Producer, post_readings
from realtime.bench.process import Process
from realtime.bench.simulated import Script, SimulatedTab, open_simulated, take_down, until_quiet


@dataclass(frozen=True)
class Crowd:
    """What one number of tabs cost. CPU in cores; bytes and pushes are those of one tab."""

    tabs: int
    server_cpu: float
    pushes_per_tab: float
    bytes_per_tab: float
    fewest_pushes: int


@dataclass(frozen=True)
class Tabs:
    """What `bench tabs` found. `ratio` is the server's CPU with most tabs against that with fewest."""

    rate: float
    duration_s: float
    panels: int
    crowds: tuple[Crowd, ...]
    ratio: float
    hidden_bytes: int
    hidden_heartbeats: int


HIDDEN: Final = {"visible": False}


def measure_tabs(*, counts: Sequence[int], rate: float, duration_s: float, say: Callable[[str], None]) -> Tabs:
    """Start the app, see what a real page says, and let that many simulated tabs say it too.

    Raises StartError when something can't be started, PostFailed when events weren't stored.
    """
    with running_app() as app:
        posts = _Posts(app, rate=rate, duration_s=duration_s)
        posts.fill()
        script = take_down(f"{app.base_url}/collections?collection={COLLECTION}")
        crowds = []
        for count in counts:
            say(f"{count} tab(s) with {script.views} panels each, {rate:g} events/s for {duration_s:g} s")
            crowds.append(asyncio.run(_crowd(app, script, posts, count=count)))
        say("one hidden tab")
        hidden_bytes, heartbeats = asyncio.run(_hidden(script, posts))
    by_size = sorted(crowds, key=lambda crowd: crowd.tabs)
    return Tabs(
        rate=rate,
        duration_s=duration_s,
        panels=script.views,
        crowds=tuple(crowds),
        ratio=by_size[-1].server_cpu / max(by_size[0].server_cpu, 1e-9),
        hidden_bytes=hidden_bytes,
        hidden_heartbeats=heartbeats,
    )


class _Posts:
    """Posts readings at one pace, numbered on from run to run."""

    def __init__(self, app: Process, *, rate: float, duration_s: float) -> None:
        self._app = app
        self._rate = rate
        self._duration_s = duration_s
        self._name = uuid.uuid4().hex[:8]
        self._next = POINTS + 1

    def fill(self) -> None:
        """Post as many readings as the chart has points."""
        producer = Producer(self._app.base_url)
        producer.post(as_array([reading(number, run=self._name) for number in range(1, POINTS + 1)]))
        producer.close()

    def run(self) -> None:
        """Post one run. Raises PostFailed when any of it wasn't stored."""
        pace = pace_for(start=time.time() + 0.1, rate=self._rate, duration_s=self._duration_s)
        post_readings(self._app.base_url, pace, run=self._name, first=self._next)
        self._next += pace.count


async def _crowd(app: Process, script: Script, posts: _Posts, *, count: int) -> Crowd:
    async with open_simulated(script, count=count) as tabs:
        await until_quiet(lambda: sum(tab.pushes for tab in tabs), within_s=3)
        for tab in tabs:
            tab.reset()
        cpu, began = app.cpu_s(), time.monotonic()
        await asyncio.to_thread(posts.run)
        seconds = time.monotonic() - began
        used = app.cpu_s() - cpu
        await until_quiet(lambda: sum(tab.pushes for tab in tabs), within_s=3)
        return _sum_up(tabs, count=count, server_cpu=used / seconds)


def _sum_up(tabs: Sequence[SimulatedTab], *, count: int, server_cpu: float) -> Crowd:
    return Crowd(
        tabs=count,
        server_cpu=server_cpu,
        pushes_per_tab=sum(tab.pushes for tab in tabs) / max(count, 1),
        bytes_per_tab=sum(tab.bytes_received for tab in tabs) / max(count, 1),
        fewest_pushes=min((tab.pushes for tab in tabs), default=0),
    )


async def _hidden(script: Script, posts: _Posts) -> tuple[int, int]:
    async with open_simulated(script, count=1) as (tab,):
        await tab.say(HIDDEN)
        await until_quiet(lambda: tab.bytes_received)
        tab.reset()
        await asyncio.to_thread(posts.run)
        await asyncio.sleep(1.0)
        return tab.bytes_received, tab.heartbeats


def table_of(outcome: Tabs) -> Table:
    """Lay the outcome out for people."""
    rows = [
        [
            str(crowd.tabs),
            report.percent(crowd.server_cpu),
            f"{crowd.pushes_per_tab:,.0f}",
            f"{crowd.fewest_pushes:,}",
            f"{crowd.bytes_per_tab / 1024:,.0f} KiB",
        ]
        for crowd in outcome.crowds
    ]
    return report.table_of(
        f"Tabs on one page · {outcome.panels} panels · {outcome.rate:g} events/s for {outcome.duration_s:g} s",
        columns=["tabs", "server CPU", "pushes/tab", "fewest", "bytes/tab"],
        rows=rows,
        caption=(
            f"Most tabs against fewest: {outcome.ratio:.2f} × the server's CPU (of one core). "
            f"A hidden tab was sent {outcome.hidden_bytes} bytes (and {outcome.hidden_heartbeats} heartbeats)."
        ),
    )
