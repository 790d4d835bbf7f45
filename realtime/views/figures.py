"""Builds Plotly layouts once and puts plain traces into them. Pure.

Paper, plot, grid and font colours are left out: chart.js takes them from the theme, so that light and dark both fit.
`uirevision` is constant: a person's zoom, hidden traces and hover survive every update.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plotly import graph_objects as go

from realtime.views.registry import Value

_REVISION: Final = "constant"
_FEW_LABELS: Final = {"nticks": 5, "tickangle": 0}
"""Labels are what a paint costs most for: Plotly measures each of them, and once more where margins adapt to them.

So a chart over time has margins of its own; its labels are clock times and short numbers (1.2M).
"""


@lru_cache(maxsize=64)
def layout(
    *,
    zone: str = "",
    y_title: str = "",
    has_legend: bool = False,
    bars: str = "",
    y_format: str = "",
) -> dict[str, Any]:
    """Build a layout, cached by what it says. Callers must not change it: copy before adding a range.

    `zone` makes the x axis one of time; chart.js writes its name under the axis, where it costs no paint anything.
    `bars` is Plotly's barmode.
    """
    made = go.Layout(
        uirevision=_REVISION,
        margin={"l": 52 if zone else 44, "r": 12, "t": 24 if has_legend else 8, "b": 36 if zone else 24, "pad": 2},
        showlegend=has_legend,
        legend={"orientation": "h", "x": 0, "y": 1.01, "xanchor": "left", "yanchor": "bottom", "traceorder": "normal"},
        hovermode="x unified" if zone and has_legend else "closest",
        barmode=bars or None,
        bargap=0.18,
        dragmode="zoom",
        xaxis={
            "type": "date" if zone else None,
            "showgrid": False,
            "zeroline": False,
            "automargin": not zone,
            **_FEW_LABELS,
        },
        yaxis={
            "title": {"text": y_title, "standoff": 6} if y_title else None,
            "rangemode": "tozero" if bars else None,
            "zeroline": False,
            "automargin": not zone,
            "tickformat": y_format or None,
            **_FEW_LABELS,
        },
        meta={"zone": zone} if zone else None,
    )
    plain: dict[str, Any] = made.to_plotly_json()
    return plain


def figure(
    traces: list[dict[str, Any]], base: dict[str, Any], *, y_axis: Mapping[str, Any] | None = None, **x_axis: Any
) -> Value:
    """Join traces and a cached layout; `x_axis` and `y_axis` override keys of the axes in a copy."""
    if x_axis:
        base = {**base, "xaxis": {**base.get("xaxis", {}), **x_axis}}
    if y_axis:
        base = {**base, "yaxis": {**base.get("yaxis", {}), **y_axis}}
    return {"data": traces, "layout": base}


@lru_cache(maxsize=64)
def zone_of(name: str | None) -> tzinfo:
    """Return a time zone by its IANA name; UTC when the name is missing or unknown."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def local_times(moments: list[float], *, zone: str | None) -> list[str]:
    """Write unix seconds as local times without an offset: Plotly's date axis knows no zones, so the axis names it."""
    return [_local_time(moment, zone) for moment in moments]


@lru_cache(maxsize=8192)  # a chart that moves on has nearly all its moments in common with the one before
def _local_time(moment: float, zone: str | None) -> str:
    return datetime.fromtimestamp(moment, zone_of(zone)).replace(tzinfo=None).isoformat(" ", "milliseconds")


def zone_label(zone: str | None) -> str:
    """Name a zone for an axis: "Europe/Berlin"."""
    place = zone_of(zone)
    return "UTC" if place is UTC else str(place).replace("_", " ")
