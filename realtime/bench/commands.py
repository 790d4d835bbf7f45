"""Puts the benchmarks on the command line: `python -m realtime bench …`. No measuring."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console

from realtime.bench import report

JSON_OPTION = click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the figures to FILE as JSON too.",
)


_SAID = "realtime.bench.said"
_INTO = "realtime.bench.into"


class _Measuring(click.Command):
    """A command that knows how it was called."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_SAID] = shlex.join(["python", "-m", "realtime", "bench", str(ctx.info_name), *args])
        return super().parse_args(ctx, args)


class _Bench(click.Group):
    command_class = _Measuring


@click.group(cls=_Bench)
@click.option(
    "--into",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Put the table into FILE, a Markdown page, under this very command.",
)
@click.pass_context
def bench(ctx: click.Context, into: Path | None) -> None:
    """Measure Tideboard: each benchmark starts what it needs on free ports and empty folders, and stops it."""
    ctx.meta[_INTO] = into


@bench.command()
@click.option("--tabs", type=click.IntRange(1, 50), default=1, show_default=True, help="Real pages to open.")
@click.option("--rate", type=click.FloatRange(0.1, 200), default=5.0, show_default=True, help="Events a second.")
@click.option("--duration", type=click.FloatRange(1, 3600), default=20.0, show_default=True, help="Seconds per way.")
@click.option(
    "--fill",
    type=click.FloatRange(1, 3600),
    help="Seconds over which the chart's points come beforehand; unset: what they take at the rate, 40 at most.",
)
@click.option("--peers/--no-peers", default=True, show_default=True, help="Measure the usual Streamlit ways as well.")
@click.option("--redis", "on_redis", is_flag=True, help="Post to another gateway that shares a Redis.")
@JSON_OPTION
def latency(
    tabs: int, rate: float, duration: float, fill: float | None, peers: bool, on_redis: bool, json_path: Path | None
) -> None:
    """Time events from their POST to the drawn chart in real Chromium pages.

    Events are posted at fixed moments whether or not the last one was answered, and counted from the moment they were
    due. Beside it the same chart on a page with streamlit-autorefresh and on one with a fragment. Needs Playwright and
    a Chromium, and with --redis a redis-server, which it starts itself.

    \b
    Example:
        python -m realtime bench latency --tabs 10 --rate 5 --duration 30
    """
    from realtime.bench.latency import POINTS, measure_latency, table_of

    fill_s = fill or min(POINTS / rate, 40.0)

    def measure(say: Callable[[str], None]) -> Any:
        return measure_latency(
            tabs=tabs, rate=rate, duration_s=duration, fill_s=fill_s, with_peers=peers and not on_redis,
            on_redis=on_redis, say=say,
        )  # fmt: skip

    _measure(measure, table_of, json_path)


@bench.command()
@click.option("--batch", type=click.IntRange(1, 10_000), default=200, show_default=True, help="Events in one POST.")
@click.option("--duration", type=click.FloatRange(1, 3600), default=10.0, show_default=True, help="Seconds.")
@click.option("--producers", type=click.IntRange(1, 64), default=2, show_default=True, help="Producers at a time.")
@JSON_OPTION
def ingest(batch: int, duration: float, producers: int, json_path: Path | None) -> None:
    """Count the events a second that a gateway running alone takes in durably.

    \b
    Example:
        python -m realtime bench ingest --batch 200 --duration 10
    """
    from realtime.bench.ingest import measure_ingest, table_of

    def measure(say: Callable[[str], None]) -> Any:
        say(f"{producers} producer(s), batches of {batch}, {duration:g} s")
        return measure_ingest(batch=batch, duration_s=duration, producers=producers)

    _measure(measure, table_of, json_path)


@bench.command()
@click.option("--events", type=click.IntRange(1000, 10_000_000), default=1_000_000, show_default=True, help="Events.")
@click.option("--documents", type=click.IntRange(1, 1_000_000), default=100_000, show_default=True, help="Documents.")
@click.option("--redis", "on_redis", is_flag=True, help="Keep the log in Redis.")
@JSON_OPTION
def volume(events: int, documents: int, on_redis: bool, json_path: Path | None) -> None:
    """Fill the log, start the app on it, and time its start, its pages, and an event's way to the chart.

    \b
    Example:
        python -m realtime bench volume --events 1000000 --documents 100000
    """
    from realtime.bench.volume import measure_volume, table_of

    def measure(say: Callable[[str], None]) -> Any:
        return measure_volume(events=events, documents=documents, on_redis=on_redis, say=say)

    _measure(measure, table_of, json_path)


@bench.command()
@click.option("--tabs", "counts", default="1,100", show_default=True, callback=lambda *a: _counts(a[2]), help="Crowds.")
@click.option("--views", type=click.IntRange(1, 5), default=1, show_default=True, help="Distinct pages they show.")
@click.option("--rate", type=click.FloatRange(0.1, 200), default=5.0, show_default=True, help="Events a second.")
@click.option("--duration", type=click.FloatRange(1, 3600), default=15.0, show_default=True, help="Seconds per crowd.")
@JSON_OPTION
def tabs(counts: tuple[int, ...], views: int, rate: float, duration: float, json_path: Path | None) -> None:
    """Compare the server's CPU for few and many tabs, time how soon each is told, and count what a hidden one is sent.

    The tabs are simulated: each has its page run over Streamlit's socket, and follows its panels on the live channel.

    \b
    Example:
        python -m realtime bench tabs --tabs 1,300 --views 5
    """
    from realtime.bench.tabs import measure_tabs, table_of

    def measure(say: Callable[[str], None]) -> Any:
        return measure_tabs(counts=counts, views=views, rate=rate, duration_s=duration, say=say)

    _measure(measure, table_of, json_path)


@bench.command()
@click.option("--connections", type=click.IntRange(1, 5_000), default=100, show_default=True, help="Listening sockets.")
@click.option("--rate", type=click.FloatRange(0.1, 1000), default=20.0, show_default=True, help="Events a second.")
@click.option("--duration", type=click.FloatRange(1, 3600), default=10.0, show_default=True, help="Seconds per server.")
@click.option("--peers/--no-peers", default=True, show_default=True, help="Run well-known servers on the same work.")
@JSON_OPTION
def fanout(connections: int, rate: float, duration: float, peers: bool, json_path: Path | None) -> None:
    """Measure what handing one event to many sockets costs, beside ws, socket.io, websockets and python-socketio.

    Each server gets the same events over HTTP and has the same sockets, in turn. Peers that can't be had are named.

    \b
    Example:
        python -m realtime bench fanout --connections 100 --duration 300
    """
    from realtime.bench.fanout import measure_fanout, table_of

    def measure(say: Callable[[str], None]) -> Any:
        return measure_fanout(connections=connections, rate=rate, duration_s=duration, with_peers=peers, say=say)

    _measure(measure, table_of, json_path)


@bench.command()
@click.option("--connections", type=click.IntRange(1, 2_000), default=500, show_default=True, help="Sockets.")
@JSON_OPTION
def herd(connections: int, json_path: Path | None) -> None:
    """Kill the gateway under many sockets, start it again, and time how soon each has every event.

    \b
    Example:
        python -m realtime bench herd --connections 500
    """
    from realtime.bench.herd import measure_herd, table_of

    def measure(say: Callable[[str], None]) -> Any:
        return measure_herd(connections=connections, say=say)

    _measure(measure, table_of, json_path)


@bench.command()
@click.option("--events", type=click.IntRange(1, 600), default=300, show_default=True, help="How many deserve notice.")
@click.option("--rate", type=click.FloatRange(0.1, 8), default=5.0, show_default=True, help="Events a second.")
@JSON_OPTION
def notifications(events: int, rate: float, json_path: Path | None) -> None:
    """Time notices from their event's POST to the toast on a tab's live channel, through gateway and app.

    The tab is simulated: it runs the page's script, and takes the toasts of whoever is at it.

    \b
    Example:
        python -m realtime bench notifications --events 300 --rate 5
    """
    from realtime.bench.notifications import measure_notifications, table_of

    def measure(say: Callable[[str], None]) -> Any:
        return measure_notifications(events=events, rate=rate, say=say)

    _measure(measure, table_of, json_path)


def _toll(documents: int, rate: float, duration: float, json_path: Path | None) -> None:
    from realtime.bench.toll import measure_toll, table_of

    def measure(say: Callable[[str], None]) -> Any:
        return measure_toll(documents=documents, rate=rate, duration_s=duration, say=say)

    _measure(measure, table_of, json_path)


@bench.command()
@click.option("--rate", type=click.FloatRange(0.1, 200), default=5.0, show_default=True, help="Events a second.")
@click.option("--duration", type=click.FloatRange(1, 3600), default=20.0, show_default=True, help="Seconds each.")
@JSON_OPTION
def cpu(rate: float, duration: float, json_path: Path | None) -> None:
    """Compare the app's CPU with real-time on and off, with a tab open on 200 documents.

    \b
    Example:
        python -m realtime bench cpu --rate 5 --duration 20
    """
    _toll(200, rate, duration, json_path)


@bench.command()
@click.option("--documents", type=click.IntRange(1, 1_000_000), default=10_000, show_default=True, help="Documents.")
@click.option("--rate", type=click.FloatRange(0.1, 200), default=5.0, show_default=True, help="Events a second.")
@click.option("--duration", type=click.FloatRange(1, 3600), default=20.0, show_default=True, help="Seconds each.")
@JSON_OPTION
def memory(documents: int, rate: float, duration: float, json_path: Path | None) -> None:
    """Compare the app's memory with real-time on and off, with a tab open on many documents.

    \b
    Example:
        python -m realtime bench memory --documents 10000
    """
    _toll(documents, rate, duration, json_path)


@bench.command()
@click.option("--seconds", type=click.FloatRange(5, 86_400), default=300.0, show_default=True, help="How long to soak.")
@click.option("--seed", type=int, default=1, show_default=True, help="Decides which faults come when.")
@click.option("--rate", type=click.FloatRange(1, 1000), default=50.0, show_default=True, help="Events a second.")
@click.option("--pause", type=click.FloatRange(0.5, 600), default=2.0, show_default=True, help="Least seconds between.")
@click.option("--retention", type=click.IntRange(100), help="Events kept per channel; few make resumes fail.")
@JSON_OPTION
def recovery(
    seconds: float, seed: int, rate: float, pause: float, retention: int | None, json_path: Path | None
) -> None:
    """Soak gateway and client in faults, and judge whether every promise was kept.

    A proxy cuts, resets, delays, starves, spoils and refuses connections; the gateway and a follower (the app's client
    and store, without pages) are killed and started again, while events come in at a constant rate and others are
    emitted through the follower. At the end the follower's store has to equal the gateway, with nothing lost, repeated
    or claimed falsely. Ends with code 1 when a promise was broken.

    \b
    Example:
        python -m realtime bench recovery --seconds 300 --seed 1
    """
    from realtime.bench.recovery import soak
    from realtime.bench.recovery_report import table_of

    def measure(say: Callable[[str], None]) -> Any:
        pauses = (pause, 2.5 * pause)
        return soak(seconds=seconds, seed=seed, rate=rate, pause_s=pauses, retention=retention, say=say)

    if not _measure(measure, table_of, json_path).verdict.is_kept:
        sys.exit(1)


@bench.command()
@click.option("--rounds", type=click.IntRange(1, 1000), default=5, show_default=True, help="Times each fault happens.")
@JSON_OPTION
def nodes(rounds: int, json_path: Path | None) -> None:
    """Kill, flush, freeze and cut off what two gateways on one Redis share, and time how soon all is right again.

    Ends with code 1 when something acknowledged was lost. Needs a redis-server, which it starts itself.

    \b
    Example:
        python -m realtime bench nodes --rounds 5
    """
    from realtime.bench.nodes import measure_nodes, table_of

    def measure(say: Callable[[str], None]) -> Any:
        return measure_nodes(rounds=rounds, say=say)

    if _measure(measure, table_of, json_path).lost:
        sys.exit(1)


def _measure(measure: Callable[[Callable[[str], None]], Any], table_of: Callable[[Any], Any], path: Path | None) -> Any:
    console, progress = Console(), Console(stderr=True)
    signal.signal(signal.SIGTERM, _leave)
    with progress.status("Starting …") as status:
        outcome = measure(lambda text: status.update(f"{text} …"))
    table, meta = table_of(outcome), click.get_current_context().meta
    report.publish(console, table, outcome=outcome, json_path=path)
    if meta.get(_INTO) is not None:
        try:
            report.put_under(meta[_INTO], meta[_SAID], table)
        except LookupError as error:
            raise click.ClickException(str(error)) from error
    return outcome


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the shape signal wants
    """End by an exception, so that everything that was started is stopped on the way out."""
    sys.exit(128 + number)


def _counts(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or any(not 0 <= count <= 10_000 for count in found):
        raise click.BadParameter(f"{text!r} isn't a list of counts such as 1,100.")
    return found
