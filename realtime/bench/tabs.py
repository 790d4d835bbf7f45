"""Measures what many tabs over a few distinct views cost the server, and how soon a change is in each of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final
from urllib.parse import urlencode

import msgspec
from rich.table import Table

from realtime.bench import report
from realtime.bench.events import COLLECTION, as_array, reading
from realtime.bench.latency import POINTS
from realtime.bench.launch import clean_environment, import_path, running_app
from realtime.bench.posting import Producer
from realtime.bench.process import Process
from realtime.bench.spread import Spread, spread_of
from realtime.bench.tab_crowd import Order, Sum
from realtime.bench.tab_posts import TabPosts, cpu_of
from realtime.errors import StartError

SETTLE_S: Final = 2.0
IDLE_S: Final = 5.0
MOST_VIEWS: Final = 5


@dataclass(frozen=True)
class Crowd:
    """What one number of tabs cost. CPU in cores; bytes and pushes are those of one tab; times in ms.

    `above_idle` is the server's CPU while events come, less what it uses with the same tabs while none do.
    `late_opened_ms` is how long one more tab took from its first byte to every panel's first value.
    """

    tabs: int
    views: int
    server_cpu: float
    above_idle: float
    time: Spread | None
    missing: int
    pushes_per_tab: float
    bytes_per_tab: float
    fewest_pushes: int
    late_opened_ms: float
    memory_bytes: int


@dataclass(frozen=True)
class Tabs:
    """What `bench tabs` found. `ratio` is the server's CPU with most tabs against that with fewest."""

    rate: float
    duration_s: float
    crowds: tuple[Crowd, ...]
    ratio: float
    hidden_bytes: int
    hidden_heartbeats: int


def measure_tabs(
    *,
    counts: Sequence[int],
    views: int,
    rate: float,
    duration_s: float,
    say: Callable[[str], None],
    settle_s: float = SETTLE_S,
    idle_s: float = IDLE_S,
) -> Tabs:
    """Start the app and open that many tabs over so many views, each time anew.

    What the same tabs cost while nothing comes is measured for `idle_s`, once they have settled.
    Raises StartError when something can't be started, PostFailed when events weren't stored.
    """
    with running_app() as app:
        posts = TabPosts(app.base_url, rate=rate, duration_s=duration_s, first=POINTS + 1)
        _fill(app, posts.name)
        crowds = []
        for count in counts:
            say(f"{count} tab(s) over {views} view(s), {rate:g} events/s for {duration_s:g} s")
            crowds.append(_measure(app, posts, count=count, views=views, settle_s=settle_s, idle_s=idle_s))
        say("one hidden tab")
        hidden = _hidden(app, posts)
    by_size = sorted(crowds, key=lambda crowd: crowd.tabs)
    return Tabs(
        rate=rate,
        duration_s=duration_s,
        crowds=tuple(crowds),
        ratio=by_size[-1].server_cpu / max(by_size[0].server_cpu, 1e-9),
        hidden_bytes=sum(hidden.bytes_received),
        hidden_heartbeats=hidden.heartbeats,
    )


def _fill(app: Process, run: str) -> None:
    """Post as many readings as the chart has points."""
    producer = Producer(app.base_url)
    producer.post(as_array([reading(number, run=run) for number in range(1, POINTS + 1)]))
    producer.close()


def addresses(run: str, *, views: int) -> list[str]:
    """Name pages that all show the newest readings of a run and have no view in common but the sidebar's."""
    places = (
        {"collection": COLLECTION},
        {"collection": COLLECTION, "q": run},
        {"collection": COLLECTION, "sort": "-value"},
        {"collection": COLLECTION, "q": run, "sort": "-value"},
    )
    return [*(f"collections?{urlencode(place)}" for place in places), "?"][:views]


class TabCrowd:
    """A running crowd of tabs. A context manager: leaving it ends the process."""

    def __init__(self, app: Process, pages: Sequence[str], *, count: int) -> None:
        command = [sys.executable, "-m", "realtime.bench.tab_crowd", app.base_url, str(count), *pages]
        self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
            command, env={**clean_environment({}), "PYTHONPATH": import_path()},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.opened = self._told()

    def tell(self, order: Order) -> Sum:
        """Give an order and return the answer."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(msgspec.json.encode(order).decode() + "\n")
        self._popen.stdin.flush()
        return self._told()

    def _told(self) -> Sum:
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        told = msgspec.json.decode(line, type=Sum) if line else Sum(problem="The simulated tabs ended unasked.")
        if told.problem:
            self.__exit__(None, None, None)
            raise StartError(told.problem)
        return told

    def __enter__(self) -> TabCrowd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.close()
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._popen.stdout.close()


def _measure(app: Process, posts: TabPosts, *, count: int, views: int, settle_s: float, idle_s: float) -> Crowd:
    pages = addresses(posts.name, views=views)
    with TabCrowd(app, pages, count=count) as crowd:
        time.sleep(settle_s)
        idle = cpu_of(app, lambda: time.sleep(idle_s))
        crowd.tell(posts.order())
        used = cpu_of(app, posts.run)
        told = crowd.tell(Order(do="sum"))
        with TabCrowd(app, pages, count=1) as late:
            opened_ms = late.opened.opened_ms[0]
        memory_bytes = app.memory_bytes()
    return Crowd(
        tabs=count,
        views=min(views, count),
        server_cpu=used,
        above_idle=max(0.0, used - idle),
        time=spread_of(told.times_ms),
        missing=told.missing,
        pushes_per_tab=sum(told.pushes) / max(count, 1),
        bytes_per_tab=sum(told.bytes_received) / max(count, 1),
        fewest_pushes=min(told.pushes, default=0),
        late_opened_ms=opened_ms,
        memory_bytes=memory_bytes,
    )


def _hidden(app: Process, posts: TabPosts) -> Sum:
    with TabCrowd(app, addresses(posts.name, views=1), count=1) as crowd:
        crowd.tell(Order(do="hide"))
        crowd.tell(posts.order())
        posts.run()
        return crowd.tell(Order(do="sum"))


def table_of(outcome: Tabs) -> Table:
    """Lay the outcome out for people."""
    rows = [
        [
            f"{crowd.tabs} / {crowd.views}",
            report.percent(crowd.server_cpu),
            report.percent(crowd.above_idle),
            *report.spread_cells(crowd.time)[:3],
            f"{crowd.missing:,}",
            f"{crowd.pushes_per_tab:,.0f}",
            f"{crowd.bytes_per_tab / 1024:,.0f} KiB",
            report.milliseconds(crowd.late_opened_ms),
            f"{crowd.memory_bytes / 2**20:,.0f} MiB",
        ]
        for crowd in outcome.crowds
    ]
    return report.table_of(
        f"Tabs · {outcome.rate:g} events/s for {outcome.duration_s:g} s",
        columns=[
            "tabs / views", "server CPU", "above idle", "p50 ms", "p95", "p99", "missing", "pushes/tab", "bytes/tab",
            "one more opens in ms", "memory",
        ],
        rows=rows,
        caption=(
            "Each tab speaks Streamlit's socket and the live channel. "
            "Times from the moment a POST was due to the push that tells of it.\n"
            f"Most tabs against fewest: {outcome.ratio:.2f} × the server's CPU (of one core). "
            f"A hidden tab was sent {outcome.hidden_bytes} bytes (and {outcome.hidden_heartbeats} heartbeats)."
        ),
    )  # fmt: skip
