"""Lays out the Overview. What is shown is rendered by realtime.views; in here are panels and their places."""

from __future__ import annotations

from typing import Final

import streamlit as st

from realtime.live.runtime import current
from realtime.ui.first_event import first_event_panel
from realtime.ui.headings import panel_heading
from realtime.ui.live_fragment import live
from realtime.ui.panels import live_view
from realtime.ui.place import zone
from realtime.ui.profile import demand
from realtime.ui.sample_band import sample_band
from realtime.views import collections, feed, overview

_BUSIEST: Final = "tideboard.busiest"
_FEED_ROWS: Final = 20


def overview_page() -> None:
    """Show the Overview, or the invitation to send the first event."""
    demand("read", what="the data")
    sample_band()
    if overview.is_empty(current().store):
        _waiting()
        return
    live_view(overview.numbers, key="tideboard.numbers")
    with st.container(horizontal=True, gap="medium", key="overview-middle"):
        with st.container(border=True, width="stretch", key="events-over-time", gap="xsmall"):
            _events_over_time()
        with st.container(border=True, width=340, height="stretch", key="busiest", gap="xsmall"):
            _busiest()
    with st.container(border=True, key="newest", gap="xsmall"):
        panel_heading("Newest events")
        live_view(feed.newest, key="tideboard.feed", height=440, limit=_FEED_ROWS)


@live("feed")
def _waiting() -> None:
    if not overview.is_empty(current().store):
        st.rerun()
    first_event_panel()


@st.fragment
def _events_over_time() -> None:
    with panel_heading("Events over time"):
        span = st.segmented_control(
            "Range", list(overview.RANGES), default=overview.DEFAULT_RANGE, key="range", bind="query-params",
            label_visibility="collapsed", required=True,
        )  # fmt: skip
    live_view(
        overview.events_over_time, key="tideboard.events", height=300, span=span or overview.DEFAULT_RANGE, zone=zone()
    )


def _busiest() -> None:
    panel_heading("Busiest collections")
    live_view(collections.busiest, key=_BUSIEST, options={"layout": "list"}, on={"open": _open_collection})
    name = st.session_state.pop("tideboard.open", None)
    if name:
        st.switch_page("collections.py", query_params={"collection": name})


def _open_collection() -> None:
    st.session_state["tideboard.open"] = st.session_state[_BUSIEST].open
