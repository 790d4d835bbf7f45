"""Lays out the history of notifications: search, download, clear. What it shows: realtime.views.notices_centre."""

from __future__ import annotations

import time
from datetime import UTC
from typing import Final

import streamlit as st

from realtime.notifications.history import search, to_csv
from realtime.notifications.inbox_state import HISTORY_KEPT
from realtime.notifications.quiet import zone_of
from realtime.ui.acting import act, own_inbox
from realtime.ui.panels import live_view
from realtime.ui.person import current_person
from realtime.ui.place import zone
from realtime.views import notices_centre
from realtime.views.export import file_name

_WORDS: Final = "words"


def history_panel() -> None:
    """Show what was told and what became of it, newest first."""
    with st.container(border=True, key="notice-history", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            words = st.text_input(
                "Search the history", key=_WORDS, bind="query-params", placeholder="Search the history",
                label_visibility="collapsed", width="stretch", icon=":material/search:",
            )  # fmt: skip
            _download(words or "")
            _clear()
        live_view(
            notices_centre.history, key="tideboard.history", options={"label": "History of notifications"},
            person=current_person().id, search=words or "",
        )  # fmt: skip


def _download(words: str) -> None:
    st.download_button(
        "CSV", data=lambda: history_csv(words), mime="text/csv", icon=":material/download:", on_click="ignore",
        file_name=file_name("notifications", now=time.time(), ending="csv"),
        help="What the search finds, as it is when you click. Times as ISO 8601 with offset.",
    )  # fmt: skip


def history_csv(words: str) -> bytes:
    """Write the lines of the history that hold these words, in the reader's zone."""
    return to_csv(search(own_inbox().history, words, limit=HISTORY_KEPT), zone=zone_of(zone()) or UTC)


def _clear() -> None:
    with st.popover("Clear", icon=":material/delete_sweep:"):
        st.markdown("Forget the history up to now? Rows in the inbox stay.")
        if st.button("Clear the history", type="primary"):
            refused = act({"do": "clear-history"})
            if refused:
                st.error(refused)
