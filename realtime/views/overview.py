"""Renders the Overview: key numbers, events over time. Pure; costs the window shown, not what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from realtime.views.figures import figure, layout, local_times, zone_label
from realtime.views.registry import Value, view
from realtime.views.words import KIND_COLOURS, KIND_WORDS, Tone, change, number

if TYPE_CHECKING:
    from realtime.store import Store

RANGES: Final[dict[str, tuple[int, int, int]]] = {
    # name: bucket of the store in seconds, buckets read, buckets per bar
    "5 min": (1, 300, 5),
    "1 h": (60, 60, 1),
    "24 h": (60, 1440, 15),
}
DEFAULT_RANGE: Final = "5 min"
_KINDS: Final = ("created", "updated", "deleted")
_SPARK_BARS: Final = 30


def is_empty(store: Store) -> bool:
    """Tell whether nothing has ever arrived: no event (what the client itself raises aside), no document."""
    return not store.totals().get("all") and not any(summary.count for summary in store.collections())


@view(kind="numbers", topics=("feed", "collections"), refresh_s=1.0)
def numbers(store: Store, *, now: float) -> Value:
    """Render the key numbers of the last five minutes beside the five before, with a spark of ten-second bars."""
    summaries = store.collections(now=now)
    active = sum(1 for summary in summaries if (summary.last_change_at or 0) > now - 300)
    documents = sum(summary.count for summary in summaries)
    return {
        "numbers": [
            _rate(store, now=now),
            _documents(store, documents, now=now),
            _changed(store, now=now),
            _active(active, len(summaries)),
            _errors(store, now=now),
        ]
    }


def _rate(store: Store, *, now: float) -> dict[str, Any]:
    minutes = store.rates("all", now=now, bucket_s=1, buckets=120)
    current, before = sum(minutes[60:]), sum(minutes[:60])
    share, text = change(current, before)
    return _number(
        "rate", "Events per minute", current, delta=share, delta_text=text,
        spark=_grouped(store.rates("all", now=now, bucket_s=1, buckets=300), now=now, size=10),
        explains="Events taken in during the last 60 seconds, against the 60 before.",
    )  # fmt: skip


def _documents(store: Store, count: int, *, now: float) -> dict[str, Any]:
    created = store.rates("kind:created", now=now, bucket_s=1, buckets=300)
    deleted = store.rates("kind:deleted", now=now, bucket_s=1, buckets=300)
    grown = [plus - minus for plus, minus in zip(created, deleted, strict=True)]
    net = sum(grown)
    levels = _levels(count, grown)
    text = f"{'+' if net > 0 else '−' if net < 0 else '±'}{abs(net):,} in 5 min"
    return _number(
        "documents", "Documents", count, delta=net, delta_text=text, spark=levels,
        explains="Documents in all collections now, and how many more or fewer than five minutes ago.",
    )  # fmt: skip


def _changed(store: Store, *, now: float) -> dict[str, Any]:
    seconds = [store.rates(f"kind:{kind}", now=now, bucket_s=1, buckets=600) for kind in _KINDS]
    both = [sum(second) for second in zip(*seconds, strict=True)]
    current, before = sum(both[300:]), sum(both[:300])
    share, text = change(current, before)
    return _number(
        "changed", "Changes in 5 min", current, delta=share, delta_text=text,
        spark=_grouped(both[300:], now=now, size=10),
        explains="Documents created, updated or deleted in the last five minutes, against the five before.",
    )  # fmt: skip


def _active(active: int, known: int) -> dict[str, Any]:
    return _number(
        "active", "Active collections", active, delta=None, delta_text=f"of {known:,}", spark=[],
        explains="Collections in which something changed in the last five minutes.",
    )  # fmt: skip


def _errors(store: Store, *, now: float) -> dict[str, Any]:
    minutes = store.rates("type:system:error", now=now, bucket_s=60, buckets=120)
    current, before = sum(minutes[60:]), sum(minutes[:60])
    share, text = change(current, before)
    return _number(
        "errors", "Errors in 1 h", current, delta=share, delta_text="none" if not current and not before else text,
        tone="bad" if current else "good", spark=_in_groups(minutes[60:], 2),
        explains="Errors the watched system reported in the last hour, against the hour before.",
    )  # fmt: skip


def _number(
    key: str, label: str, value: float, *, delta: float | None, delta_text: str,
    spark: list[int], explains: str, tone: Tone = "quiet",
) -> dict[str, Any]:  # fmt: skip
    return {
        "key": key, "label": label, "text": number(value), "value": value, "delta": delta, "deltaText": delta_text,
        "tone": tone, "spark": spark, "help": explains,
    }  # fmt: skip


def _levels(count: int, grown: list[int]) -> list[int]:
    """Walk back from the count of now: what the level was every ten seconds, oldest first."""
    levels, level = [count], count
    for start in range(len(grown) - 10, 0, -10):
        level -= sum(grown[start : start + 10])
        levels.append(level)
    return levels[::-1][-_SPARK_BARS:]


def _grouped(counts: tuple[int, ...] | list[int], *, now: float, size: int) -> list[int]:
    """Sum buckets of a second into groups that begin at whole multiples of `size` seconds.

    Fixed borders keep a bar's height still while the window moves; the oldest group may be cut.
    """
    offset = int(now) % size + 1  # seconds in the running group, the running second included
    tail = sum(counts[-offset:])
    whole = counts[: len(counts) - offset]
    groups = [sum(whole[max(0, end - size) : end]) for end in range(len(whole), 0, -size)]
    return [*reversed(groups), tail][-(len(counts) // size) :]


def _in_groups(counts: tuple[int, ...], size: int) -> list[int]:
    return [sum(counts[start : start + size]) for start in range(0, len(counts), size)]


@view(kind="chart", topics=("feed",), refresh_s=1.0)
def events_over_time(store: Store, *, now: float, span: str = DEFAULT_RANGE, zone: str = "UTC") -> Value:
    """Render created, updated and deleted documents as stacked bars over `span` (a name in RANGES)."""
    bucket_s, buckets, per_bar = RANGES.get(span, RANGES[DEFAULT_RANGE])
    bar_s = bucket_s * per_bar
    last = int(now // bar_s)
    bars = buckets // per_bar
    starts = [float(index * bar_s) for index in range(last - bars + 1, last + 1)]
    times = local_times([start + bar_s / 2 for start in starts], zone=zone)
    missing = int(now // bucket_s) - (last * per_bar + per_bar - 1)  # the running bar's buckets yet to come, negative
    traces = []
    for kind in _KINDS:
        counts = store.rates(f"kind:{kind}", now=now, bucket_s=1 if bucket_s == 1 else 60, buckets=buckets + missing)
        traces.append(
            {
                "type": "bar", "name": KIND_WORDS[kind], "x": times, "y": _bars(counts, per_bar=per_bar, bars=bars),
                "marker": {"color": KIND_COLOURS[kind]}, "width": bar_s * 820, "hovertemplate": "%{y:,}",
            }
        )  # fmt: skip
    base = layout(zone=zone_label(zone), has_legend=True, bars="stack", y_format=",~d")
    # No explicit range: one that changes with every value would take a pinned zoom away (plotly.js, applyUIRevisions).
    return figure(traces, base)


def _bars(counts: tuple[int, ...], *, per_bar: int, bars: int) -> list[int]:
    """Sum buckets into bars; the last bar is the running one and may have fewer."""
    found = [sum(counts[start : start + per_bar]) for start in range(0, len(counts), per_bar)]
    return [0] * (bars - len(found)) + found[-bars:]
