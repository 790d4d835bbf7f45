"""Renders the Health page's charts: the connection's life, delivery times, traffic. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from realtime.store import ConnectionState, Span
from realtime.store.health import TRAFFIC_S
from realtime.store.measures import BOUNDS_S
from realtime.views.figures import figure, layout, local_times, zone_label
from realtime.views.health import REFRESH_S, TOPICS
from realtime.views.registry import Value, view
from realtime.views.words import BLUE, GREEN, PURPLE, VERMILLION, span

if TYPE_CHECKING:
    from realtime.store import Store

RANGES: Final[dict[str, float]] = {"15 min": 900.0, "1 h": 3600.0, "24 h": 86_400.0}
DEFAULT_RANGE: Final = "15 min"
_GREY: Final = "#767676"
_SLIVER: Final = 400
"""A span is drawn at least this part of the window wide: an outage of half a second is to be seen in a day."""

# lane (bottom first: what is well is on top), colour, pattern: a lane says what it is by its place and its name
_LANES: Final[dict[str, tuple[str, str]]] = {
    "Offline": (_GREY, "/"),
    "Reconnecting": (VERMILLION, ""),
    "Catching up": (BLUE, ""),
    "Polling": (PURPLE, ""),
    "Live": (GREEN, ""),
}
_STATES: Final = {
    ConnectionState.CONNECTED: "Live",
    ConnectionState.SYNCING: "Catching up",
    ConnectionState.CONNECTING: "Reconnecting",
    ConnectionState.RECONNECTING: "Reconnecting",
}
_BUCKET_LABELS: Final = (
    *("1 ms", "2", "5", "10", "20", "50", "0.1 s", "0.2", "0.5", "1", "2", "5 s"),
    "more",
)
_TRAFFIC_BUCKETS: Final = 90
_LANE_NAMES_PX: Final = 92
_LABELLED: Final = 0.2
"""A stretch without the app gets its words from this share of the window on: else they wouldn't fit."""


@view(kind="chart", topics=TOPICS, refresh_s=REFRESH_S)
def timeline(store: Store, *, now: float, window: str = DEFAULT_RANGE, zone: str = "UTC") -> Value:
    """Render the connection's life as bands, one lane a state, over `window` (a name in RANGES) up to now."""
    length = RANGES.get(window, RANGES[DEFAULT_RANGE])
    start = now - length
    lanes: dict[str, list[Span]] = {lane: [] for lane in _LANES}
    for each in store.health(now=now).spans:
        if each.end >= start:
            lanes[_lane(each)].append(each)
    base = layout(zone=zone_label(zone), bars="overlay")
    base = {
        **base,
        # The buttons of the chart stand above the newest band, not on it.
        "margin": {**base["margin"], "l": _LANE_NAMES_PX, "t": 30},
        "shapes": [
            _unwatched(begin, end, length=length, zone=zone) for begin, end in _unseen(lanes, start=start, now=now)
        ],
    }
    return figure(
        [_band(lane, spans, start=start, now=now, zone=zone) for lane, spans in lanes.items()],
        base,
        y_axis={"type": "category", "categoryarray": list(_LANES), "range": [-0.5, len(_LANES) - 0.5], "nticks": 9,
                "fixedrange": True, "rangemode": None},
        range=local_times([start, now], zone=zone),
    )  # fmt: skip


def _unseen(lanes: Mapping[str, Sequence[Span]], *, start: float, now: float) -> Iterator[tuple[float, float]]:
    """Find the stretches in which no process was there to see the connection."""
    reached = start
    for each in sorted((each for spans in lanes.values() for each in spans), key=lambda each: each.begin):
        if each.is_first and each.begin - reached > (now - start) / _SLIVER:
            yield reached, each.begin
        reached = max(reached, each.end)
    if reached == start:
        yield start, now


def _unwatched(begin: float, end: float, *, length: float, zone: str) -> dict[str, Any]:
    """Draw such a stretch as a shade behind all lanes."""
    left, right = local_times([begin, end], zone=zone)
    return {
        "type": "rect", "xref": "x", "yref": "paper", "x0": left, "x1": right, "y0": 0, "y1": 1, "layer": "below",
        "line": {"width": 0}, "fillcolor": "rgba(128,128,128,0.10)",
        "label": {"text": "the app didn't run" if end - begin > _LABELLED * length else "", "font": {"size": 11}},
    }  # fmt: skip


def _lane(each: Span) -> str:
    lane = _STATES.get(each.state, "Offline")
    return "Polling" if lane == "Live" and each.transport != "websocket" else lane


def _band(lane: str, spans: Sequence[Span], *, start: float, now: float, zone: str) -> dict[str, Any]:
    """Draw one lane's spans as bars that lie: from their begin, as long as they lasted."""
    colour, pattern = _LANES[lane]
    sliver = (now - start) / _SLIVER
    begins = [max(each.begin, start) for each in spans]
    lengths = [max(each.end - begin, sliver) for each, begin in zip(spans, begins, strict=True)]
    return {
        "type": "bar", "orientation": "h", "name": lane, "width": 0.62, "showlegend": False,
        # An empty lane still has its place on the axis.
        "y": [lane] * len(spans) or [lane], "x": [seconds * 1000 for seconds in lengths] or [0],
        "base": local_times(begins or [start], zone=zone),
        "text": [_told(each) for each in spans] or [""],
        "textposition": "none", "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": colour, "pattern": {"shape": pattern, "size": 6}, "line": {"width": 0}},
    }  # fmt: skip


def _told(each: Span) -> str:
    """Say a span for the tooltip. Plotly reads a little HTML in there: what isn't ours can't have any."""
    words = f"<b>{_lane(each)}</b> for {span(each.length_s)}"
    if each.reason:
        words += f"<br>{_plain(each.reason)}"
    if each.connect_s is not None:
        words += f"<br>{span(each.connect_s)} from the dial"
    return words


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")[:160]


@view(kind="chart", topics=TOPICS, refresh_s=5.0)
def delivery_times(store: Store, *, now: float) -> Value:
    """Render how many live events of the last 15 minutes took how long from the gateway's commit to here."""
    counts = store.health(now=now).deliveries
    trace = {
        "type": "bar", "x": list(_BUCKET_LABELS), "y": list(counts), "marker": {"color": BLUE}, "showlegend": False,
        "text": [*(f"up to {span(bound)}" for bound in BOUNDS_S), f"over {span(BOUNDS_S[-1])}"], "textposition": "none",
        "hovertemplate": "%{text}: %{y:,}<extra></extra>",
    }  # fmt: skip
    base = layout(bars="overlay", y_format=",~d")
    is_empty = not any(counts)
    bare = {"range": [0, 10], "showticklabels": False, "showgrid": False}
    return figure(
        [trace],
        {**base, "annotations": [_words("No live event in 15 min")]} if is_empty else base,
        y_axis=bare if is_empty else {"nticks": min(5, max(counts) + 1)},
        type="category", nticks=len(_BUCKET_LABELS),
    )  # fmt: skip


def _words(text: str) -> dict[str, Any]:
    return {"text": text, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5, "opacity": 0.75}


@view(kind="chart", topics=TOPICS, refresh_s=REFRESH_S)
def traffic(store: Store, *, now: float, zone: str = "UTC") -> Value:
    """Render bytes a second over the client's socket, in and out, for the last 15 minutes in steps of ten seconds."""
    health = store.health(now=now)
    last = int(now // TRAFFIC_S) * TRAFFIC_S
    moments = [float(last - TRAFFIC_S * back) for back in range(_TRAFFIC_BUCKETS, 0, -1)]
    times = local_times([moment + TRAFFIC_S / 2 for moment in moments], zone=zone)
    traces = [
        {
            "type": "scatter", "mode": "lines", "name": name, "x": times,
            "line": {"color": colour, "width": 1.8, "dash": dash},
            # The running stretch isn't over: it would look like a fall.
            "y": [None if each is None else each / TRAFFIC_S for each in series[-_TRAFFIC_BUCKETS - 1 : -1]],
            "hovertemplate": "%{y:.3~s}B/s", "connectgaps": False,
        }
        for name, series, colour, dash in (
            ("In", health.bytes_in, BLUE, "solid"), ("Out", health.bytes_out, VERMILLION, "dot"),
        )
    ]  # fmt: skip
    base = layout(zone=zone_label(zone), has_legend=True, y_format="~s")
    y_axis = {"ticksuffix": "B/s", "rangemode": "tozero", "automargin": True}
    return figure(traces, base, y_axis=y_axis, range=local_times([moments[0], float(last)], zone=zone))


@view(kind="chart", topics=("health",), refresh_s=5.0)
def memory(store: Store, *, now: float, zone: str = "UTC") -> Value:
    """Render the process's memory over the last hour."""
    samples = store.health(now=now).samples
    return _over_time([(each.at, each.memory_bytes) for each in samples], ".3~s", "B", zone=zone)


@view(kind="chart", topics=("health",), refresh_s=5.0)
def cpu(store: Store, *, now: float, zone: str = "UTC") -> Value:
    """Render the process's CPU over the last hour, in percent of one core."""
    samples = store.health(now=now).samples
    return _over_time([(each.at, each.cpu_share * 100) for each in samples], ".3~g", " %", zone=zone)


def _over_time(points: Sequence[tuple[float, float]], form: str, unit: str, *, zone: str) -> Value:
    """Draw one line with its area, over as much of the last hour as there is: a young process has a short one."""
    trace = {
        "type": "scatter", "mode": "lines", "x": local_times([at for at, _ in points], zone=zone),
        "y": [value for _, value in points], "line": {"color": BLUE, "width": 1.8}, "fill": "tozeroy",
        "fillcolor": "rgba(0,114,178,0.14)", "showlegend": False,
        "hovertemplate": f"%{{y:{form}}}{unit}<extra></extra>",
    }  # fmt: skip
    y_axis = {"tickformat": form, "ticksuffix": unit, "rangemode": "tozero", "automargin": True}
    return figure([trace], layout(zone=zone_label(zone)), y_axis=y_axis)
