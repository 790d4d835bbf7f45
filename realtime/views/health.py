"""Renders the Health page's numbers: how the app stands to the gateway, and how it is doing itself. Pure.

What is worked out from spans costs what the timeline keeps (500 of them), not how long the app has run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from realtime.store.measures import histogram_quantile, quantile
from realtime.store.timeline import Outage, observed_s, outages, share_connected, without_starts
from realtime.views.registry import Value, view
from realtime.views.words import Tone, duration, number, plural, size, span

if TYPE_CHECKING:
    from realtime.store import HealthSnapshot, Span, Store

TOPICS: Final = ("connection", "health")
DAY_S: Final = 86_400.0
REFRESH_S: Final = 1.0
_UNKNOWN: Final = "–"
_SPARK: Final = 60
_LATE_S: Final = 1.0
_TELLING_S: Final = 600.0
_FINE: Final = 0.999
_POOR: Final = 0.95


@view(kind="numbers", topics=TOPICS, refresh_s=REFRESH_S)
def link(store: Store, *, now: float) -> Value:
    """Render the connection's key numbers: uptime, time to connect, dials, outages, time to be back."""
    health = store.health(now=now)
    found = outages(health.spans)
    spans, starts = without_starts(health.spans)
    return {
        "numbers": [
            _uptime(spans, now=now),
            _connect(health),
            _dials(spans, starts=starts),
            _outages(found, now=now),
            _back(found),
        ]
    }


def _uptime(spans: Sequence[Span], *, now: float) -> dict[str, Any]:
    share = share_connected(spans, since=now - DAY_S)
    watched = observed_s(spans, since=now - DAY_S)
    is_telling = watched >= _TELLING_S  # a minute after the start, a second's outage would look like a disaster
    tone: Tone = "quiet"
    if share is not None and share < _FINE:
        tone = "quiet" if not is_telling else "bad" if share < _POOR else "warn"
    elif share is not None:
        tone = "good"
    return _number(
        "uptime", "Connected, 24 h", _UNKNOWN if share is None else percent(share), value=share, tone=tone,
        under=f"of {duration(watched)} watched",
        explains="Share of the last 24 hours in which what is shown was current. Time in which the app didn't run "
        "isn't counted.",
    )  # fmt: skip


def _connect(health: HealthSnapshot) -> dict[str, Any]:
    times = [each.connect_s for each in health.spans if each.connect_s is not None]
    median, late = quantile(times, 0.5), quantile(times, 0.95)
    return _number(
        "connect", "Time to connect", _UNKNOWN if median is None else span(median), value=median,
        under="not yet" if late is None else f"95 % within {span(late)}",
        explains="From a dial to being in sync: half of them took no longer.",
    )  # fmt: skip


def _dials(spans: Sequence[Span], *, starts: int) -> dict[str, Any]:
    dials = starts + sum(each.dials for each in spans)
    synced = min(sum(each.connect_s is not None for each in spans), dials)
    return _number(
        "dials", "Successful dials", percent(synced / dials, places=1) if dials else _UNKNOWN,
        value=synced / dials if dials else None, under=f"{synced:,} of {plural(dials, 'dial')}",
        explains="Dials that ended in sync, of all the timeline remembers but those of a quick start. While the "
        "gateway is away every dial fails.",
    )  # fmt: skip


def _outages(found: Sequence[Outage], *, now: float) -> dict[str, Any]:
    recent = [outage for outage in found if (outage.end or now) > now - DAY_S]
    is_down = bool(found) and found[-1].end is None
    last = "down now" if is_down else f"last {duration(now - (found[-1].end or now))} ago" if recent else "none"
    return _number(
        "outages", "Reconnects, 24 h", number(len(recent)), value=len(recent), under=last,
        tone="bad" if is_down else "warn" if recent else "good",
        explains="How often the connection was lost and had to be made anew.",
    )  # fmt: skip


def _back(found: Sequence[Outage]) -> dict[str, Any]:
    times = [outage.length_s(outage.end) for outage in found if outage.end is not None]
    median, late = quantile(times, 0.5), quantile(times, 0.95)
    return _number(
        "back", "Back in sync, p95", _UNKNOWN if late is None else span(late), value=late,
        under="nothing to recover from" if median is None else f"half within {span(median)}",
        explains="From losing the connection to being in sync again, what was missed included: 95 % took no longer.",
    )  # fmt: skip


@view(kind="numbers", topics=(*TOPICS, "feed"), refresh_s=REFRESH_S)
def deliveries(store: Store, *, now: float) -> Value:
    """Render how events get here: delivery time, lag, how many came live, resumed, twice."""
    health, status = store.health(now=now), store.connection
    late, median = (histogram_quantile(health.deliveries, share) for share in (0.95, 0.5))
    lag = status.lag_s
    since = "none yet" if status.last_event_at is None else f"last {_ago(now - status.last_event_at)}"
    recent = [round(each * 1000, 2) for each in health.lags[-_SPARK:] if each is not None]
    totals = store.totals()
    return {
        "numbers": [
            _number(
                "delivery", "Delivery, p95", _UNKNOWN if late is None else span(late), value=late,
                under="none in 15 min" if median is None else f"half within {span(median)}",
                tone="warn" if late is not None and late > _LATE_S else "quiet",
                explains="From the gateway's commit to this app's memory, live events of the last 15 minutes.",
            ),
            _number(
                "lag", "Lag", _UNKNOWN if lag is None else span(lag), value=lag, under="newest", spark=recent,
                explains="How long the newest event took from the gateway's commit to here.",
            ),
            _number(
                "live", "Came live", number(health.delivered), value=health.delivered, under=since,
                explains="Events applied as they happened, since the app started.",
            ),
            _number(
                "resumed", "Caught up", number(health.resumed), value=health.resumed, under="fetched, in order",
                explains="Events fetched instead of pushed: missed in an outage, or the first of a new collection.",
            ),
            _number(
                "repeats", "Repeats dropped", number(totals["duplicates"]), value=totals["duplicates"],
                under="applied once all the same",
                explains="Events that came a second time. The store drops what it has applied already.",
            ),
        ]
    }  # fmt: skip


@view(kind="numbers", topics=("health",), refresh_s=REFRESH_S)
def process(store: Store, *, now: float) -> Value:
    """Render the app's own use of the machine, as sampled every five seconds."""
    health = store.health(now=now)
    samples, watched = health.samples, now - (health.started_at or now)
    newest = samples[-1] if samples else None
    recent = samples[-_SPARK:]
    memory = [sample.memory_bytes for sample in recent]
    return {
        "numbers": [
            _number(
                "up", "App up for", _UNKNOWN if newest is None else duration(now - newest.started_at),
                under=f"{percent(health.connected_s / watched)} connected" if watched > 0 else "",
                explains="Since this process began, and which share of it was connected.",
            ),
            _number(
                "cpu", "CPU", _UNKNOWN if newest is None else percent(newest.cpu_share, places=1), under="of one core",
                spark=[round(sample.cpu_share * 100, 1) for sample in recent],
                explains="In the last five seconds; more than 100 % is more than one core.",
            ),
            _number(
                "memory", "Memory", _UNKNOWN if newest is None else size(newest.memory_bytes),
                under=f"{size(max(memory))} at most" if memory else "",
                explains="What the process holds (resident set); the most of the last minutes.",
            ),
            _number(
                "threads", "Threads", _UNKNOWN if newest is None else number(newest.threads), spark=[],
                explains="Threads of the process: a number that only grows is a leak.",
            ),
            _number(
                "files", "Files and sockets", _UNKNOWN if newest is None else number(newest.open_files), spark=[],
                explains="What the process holds open: a number that only grows is a leak.",
            ),
        ]
    }  # fmt: skip


def percent(share: float, *, places: int = 2) -> str:
    """Write a share of 1 in percent, never rounded up to 100: "99.99 %"."""
    text = f"{share * 100:.{places}f}"
    if share < 1 and float(text) >= 100:
        text = f"{100 - 10**-places:.{places}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def _ago(seconds: float) -> str:
    return "now" if seconds < 2 else f"{duration(seconds)} ago"


def _number(
    key: str, label: str, text: str, *, explains: str, value: float | None = None, under: str = "",
    tone: Tone = "quiet", spark: Sequence[float] = (),
) -> dict[str, Any]:  # fmt: skip
    return {
        "key": key, "label": label, "text": text, "value": value, "delta": None, "deltaText": under, "tone": tone,
        "spark": list(spark), "help": explains,
    }  # fmt: skip
