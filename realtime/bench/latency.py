"""Measures how long an event takes from its POST to the drawn chart, in real pages, beside the usual ways.

Each way has the machine for itself, one after the other, and the same events at the same pace.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.table import Table

from realtime.bench import browser, peers, report
from realtime.bench.events import COLLECTION
from realtime.bench.launch import running_app, running_gateway, start_script, temporary_folder
from realtime.bench.meter import machine_busy_s
from realtime.bench.pace import pace_for
from realtime.bench.paints import PageCount, Posted, count_page
from realtime.bench.posting import PostFailed, post_readings
from realtime.bench.process import Process
from realtime.bench.redis_server import running_redis
from realtime.bench.spread import Spread, spread_of
from realtime.config import variable_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

POINTS: Final = 200
_HEAD_START_S: Final = 0.5
_ARRIVE_WITHIN_S: Final = 10.0
_BEGUN_WITHIN_S: Final = 60.0
"""What hasn't begun isn't measured yet, so a busy machine may take its time."""
_PEERS: Final = {"st.fragment(run_every=0.25)": "fragment.py", "st_autorefresh every 1 s": "autorefresh.py"}


@dataclass(frozen=True)
class Way:
    """How one way of keeping a page current did. Times are in milliseconds, CPU in cores (0.1 is 10 % of one)."""

    name: str
    tabs: int
    from_post: Spread | None
    from_answer: Spread | None
    paints_per_event: float
    lost: int
    out_of_order: int
    removals: int
    server_cpu: float
    browser_cpu: float
    other_cpu: float
    """What the machine did besides: the poster itself, and whatever else ran. Much of it, and the times are no good."""
    clock_error_ms: float


@dataclass(frozen=True)
class Latency:
    """What `bench latency` found. `answered` is the time of a POST, `late` how late our own posts were sent."""

    tabs: int
    rate: float
    duration_s: float
    events: int
    answered: Spread | None
    late: Spread | None
    ways: tuple[Way, ...]


@dataclass(frozen=True)
class _Trial:
    tabs: int
    rate: float
    duration_s: float
    fill_s: float = 1.0


def measure_latency(
    *,
    tabs: int,
    rate: float,
    duration_s: float,
    fill_s: float,
    with_peers: bool,
    on_redis: bool = False,
    say: Callable[[str], None],
) -> Latency:
    """Start the app and a Chromium, post at the pace, and judge what the pages wrote down.

    Before each measurement the chart's points come over `fill_s` seconds: points that came at one moment and then one
    by one would stretch its axis of time at every event, which no chart that has been open for a while does.
    `on_redis`: events go to a gateway of its own, and reach the app's by a Redis that both share.
    `say` is told what happens meanwhile. Raises StartError when something can't be started, PostFailed when events
    weren't stored.
    """
    trial = _Trial(tabs, rate, duration_s, fill_s)
    with _running(on_redis=on_redis) as (app, posted_to), browser.chromium() as chromium:
        run = _Run(posted_to, trial)
        name = "Tideboard, by another gateway" if on_redis else "Tideboard"
        say(f"{name}: {tabs} tab(s), {rate:g} events/s for {duration_s:g} s")
        ways = [run.measure(name, chromium, server=app, url=f"{app.base_url}/collections?collection={COLLECTION}")]
        posted = run.posted
        for name, script in _PEERS.items() if with_peers else ():
            say(f"{name}: the same")
            with _running_peer(script, app) as peer:
                ways.append(run.measure(name, chromium, server=peer, url=peer.base_url))
    return Latency(
        tabs=tabs,
        rate=rate,
        duration_s=duration_s,
        events=len(posted),
        answered=spread_of(p.answered_ms - p.sent_ms for p in posted.values() if p.answered_ms is not None),
        late=spread_of(p.sent_ms - p.due_ms for p in posted.values()),
        ways=tuple(ways),
    )


def measure_way(app: Process, chromium: Browser, *, rate: float, duration_s: float, fill_s: float) -> Way:
    """Measure one tab of an app that runs already, whatever it holds."""
    run = _Run(app, _Trial(1, rate, duration_s, fill_s))
    return run.measure("Tideboard", chromium, server=app, url=f"{app.base_url}/collections?collection={COLLECTION}")


class _Used(NamedTuple):
    """CPU seconds of server, browser and whole machine, and the seconds they took."""

    server: float
    browser: float
    machine: float
    seconds: float

    def since(self, earlier: _Used) -> _Used:
        return _Used(*(now - then for now, then in zip(self, earlier, strict=True)))


class _Run:
    """One run's readings: numbered on from way to way, so that no number means two events."""

    def __init__(self, posted_to: Process, trial: _Trial) -> None:
        self._posted_to = posted_to
        self._trial = trial
        self._name = uuid.uuid4().hex[:8]
        self._next = 1
        self.posted: dict[int, Posted] = {}
        self._fill(over_s=1.0)

    def measure(self, name: str, chromium: Browser, *, server: Process, url: str) -> Way:
        """Open the tabs, fill their charts, post at the pace, and return what came of it."""
        with browser.open_tabs(chromium, url, count=self._trial.tabs) as pages:
            last = self._fill(over_s=self._trial.fill_s)
            if not browser.wait_until_drawn(pages, last, within_s=_BEGUN_WITHIN_S):
                raise PostFailed(f"{name}: a page never drew the chart it was opened for; nothing was measured.")
            browser.forget(pages)
            meter = browser.browser_meter()
            used = _Used(server.cpu_s(), meter.read_s(), machine_busy_s(), time.monotonic())
            self._post(pages)
            used = _Used(server.cpu_s(), meter.read_s(), machine_busy_s(), time.monotonic()).since(used)
            return _judge(name, pages, self.posted, used=used)

    def _fill(self, *, over_s: float) -> int:
        """Post as many readings as a chart has points, in their order, and return the last number.

        Were they under way together, the last could be overtaken: what is drawn late would count as going back.
        """
        pace = pace_for(start=time.time(), rate=POINTS / over_s, duration_s=over_s)
        post_readings(self._posted_to.base_url, pace, run=self._name, first=self._next, connections=1)
        self._next += pace.count
        return self._next - 1

    def _post(self, pages: list[Page]) -> None:
        pace = pace_for(start=time.time() + _HEAD_START_S, rate=self._trial.rate, duration_s=self._trial.duration_s)
        first, self._next = self._next, self._next + pace.count
        self.posted = post_readings(self._posted_to.base_url, pace, run=self._name, first=first)
        browser.wait_until_drawn(pages, self._next - 1, within_s=_ARRIVE_WITHIN_S)


def _judge(name: str, pages: list[Page], posted: dict[int, Posted], *, used: _Used) -> Way:
    counts: list[PageCount] = [count_page(browser.paints_of(page), posted) for page in pages]
    return Way(
        name=name,
        tabs=len(pages),
        from_post=spread_of(time_ms for count in counts for time_ms in count.from_due_ms),
        from_answer=spread_of(time_ms for count in counts for time_ms in count.from_answer_ms),
        paints_per_event=sum(count.paints for count in counts) / (len(pages) * len(posted)),
        lost=sum(len(count.lost) for count in counts),
        out_of_order=sum(len(count.out_of_order) + count.went_back for count in counts),
        removals=sum(browser.removals_of(page) for page in pages),
        server_cpu=used.server / used.seconds,
        browser_cpu=used.browser / used.seconds,
        other_cpu=(used.machine - used.server - used.browser) / used.seconds,
        clock_error_ms=max(browser.clock_error_ms(page) for page in pages),
    )


@contextmanager
def _running(*, on_redis: bool) -> Iterator[tuple[Process, Process]]:
    """Run the app, and lend it with who takes the events for it: itself, or another gateway on the same Redis."""
    if not on_redis:
        with running_app() as app:
            yield app, app
        return
    with running_redis() as server:
        shared = {variable_of("redis_url"): server.url}
        with running_app(extra=shared) as app, running_gateway(extra=shared) as gateway:
            yield app, gateway


@contextmanager
def _running_peer(script: str, app: Process) -> Iterator[Process]:
    path = Path(peers.__file__).with_name(script)
    arguments = [app.ws_url, COLLECTION, str(POINTS)]
    with temporary_folder() as folder, start_script(path, folder=folder, arguments=arguments) as peer:
        peer.wait_ready()
        yield peer


def table_of(outcome: Latency) -> Table:
    """Lay the outcome out for people: a column for each way, so that it fits a narrow terminal."""
    answered = outcome.answered
    columns = [_column(way) for way in outcome.ways]
    return report.table_of(
        f"POST → DOM · {outcome.tabs} tab(s) · {outcome.rate:g} events/s for {outcome.duration_s:g} s",
        columns=["", *(way.name for way in outcome.ways)],
        rows=[[name, *(column[name] for column in columns)] for name in columns[0]],
        caption=(
            f"Chart of {POINTS} points, events stored durably; counted from the moment a POST was due. "
            f"A POST was answered in {report.milliseconds(answered.p50 if answered else None)} ms (p50), "
            f"{report.milliseconds(answered.p95 if answered else None)} ms (p95). CPU is of one core."
        ),
    )


def _column(way: Way) -> dict[str, str]:
    names = ("p50 ms", "p95 ms", "p99 ms", "max ms")
    return {
        **dict(zip(names, report.spread_cells(way.from_post), strict=True)),
        "answered → DOM p95 ms": report.milliseconds(way.from_answer.p95 if way.from_answer else None),
        "paints per event": f"{way.paints_per_event:.2f}",
        "lost": str(way.lost),
        "out of order": str(way.out_of_order),
        "chart removed": str(way.removals),
        "server CPU": report.percent(way.server_cpu),
        "Chromium CPU": report.percent(way.browser_cpu),
        "CPU of all else": report.percent(way.other_cpu),
    }
