"""Lays out the Health page. What is shown is rendered by realtime.views; in here are panels and their places."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from realtime.ui.headings import panel_heading
from realtime.ui.panels import live_view
from realtime.ui.place import zone
from realtime.views import health, health_charts, health_lists
from realtime.views.registry import View

_WINDOW: Final = "window"
_CHART_PX: Final = 200


def health_page() -> None:
    """Show how the app stands to the gateway, how events get here, and how the app itself is doing."""
    live_view(health.link, key="tideboard.link", options={"label": "Connection in numbers"})
    with st.container(border=True, key="timeline", gap="xsmall"):
        _timeline()
    live_view(health.deliveries, key="tideboard.deliveries", options={"label": "Deliveries in numbers"})
    left, right = st.columns(2, gap="small")
    with left, _panel("Delivery time", under="Live events of the last 15 min, from the gateway's commit to here"):
        _chart(health_charts.delivery_times, "Histogram of delivery times")
    with right, _panel("Traffic", under="Over the app's socket to the gateway, the last 15 min"):
        _chart(health_charts.traffic, "Bytes a second in and out", zone=zone())
    left, right = st.columns(2, gap="small")
    with left, _panel("Why the connection was lost", under="As far back as the timeline remembers"):
        _ledger(health_lists.lost_because, "Reasons of reconnects")
    with right, _panel("Queues", under="Bytes waiting for the slowest connection; slow ones are closed, and resume"):
        _ledger(health_lists.queues, "Queues of this process")
    left, right = st.columns(2, gap="small")
    with left, _panel("Gaps", under="Events that could not be recovered; documents are whole nonetheless"):
        _ledger(health_lists.gaps, "Gaps")
    with right, _panel("Dead letters", under="Critical events that a consumer never acknowledged"):
        _ledger(health_lists.dead_letters, "Dead letters")
    live_view(health.process, key="tideboard.process", options={"label": "The app's process in numbers"})
    left, right = st.columns(2, gap="small")
    with left, _panel("Memory", under="What the process holds (resident set), the last hour"):
        _chart(health_charts.memory, "Memory", zone=zone())
    with right, _panel("CPU", under="Of one core, the last hour"):
        _chart(health_charts.cpu, "CPU", zone=zone())


@st.fragment
def _timeline() -> None:
    with panel_heading("Connection"):
        window = st.segmented_control(
            "Window", list(health_charts.RANGES), default=health_charts.DEFAULT_RANGE, key=_WINDOW,
            bind="query-params", label_visibility="collapsed", required=True,
        )  # fmt: skip
    live_view(health_lists.verdict, key="tideboard.verdict", options={"label": "The connection in words"})
    live_view(
        health_charts.timeline, key="tideboard.timeline", height=216, window=window or health_charts.DEFAULT_RANGE,
        zone=zone(), options={"label": "The connection's life"},
    )  # fmt: skip


def _panel(heading: str, *, under: str = "") -> DeltaGenerator:
    """Open a panel with its heading, as high as its neighbour."""
    panel = st.container(border=True, height="stretch", gap="xsmall")
    with panel:
        panel_heading(heading)
        if under:
            st.caption(under)
    return panel


def _chart(view: View, label: str, **parameters: Any) -> None:
    live_view(view, key=f"tideboard.{view.name}", height=_CHART_PX, options={"label": label}, **parameters)


def _ledger(view: View, label: str) -> None:
    live_view(view, key=f"tideboard.{view.name}", options={"label": label})
