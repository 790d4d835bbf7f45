"""The sidebar of every page: brand, how the page stands to the data, real-time on or off, help."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

from realtime.live.runtime import current
from realtime.ui.badge import autorefresh_fallback, connection_badge, is_channel_blocked, is_switched_off
from realtime.ui.first_event import first_command, may_add
from realtime.ui.hold import realtime_toggle
from realtime.ui.notices_parts import notices_everywhere
from realtime.ui.person import person_field
from realtime.ui.place import origin, zone
from realtime.ui.switched import switched_notice
from realtime.ui.who_is_here import who_is_here

_LOGO: Final = Path(__file__).parent / "brand.svg"
_STYLE: Final = Path(__file__).parent / "page.css"
MARK: Final = Path(__file__).parent / "brand-mark.svg"
_INTERVALS_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_INTERVAL: Final = "refresh"


def brand() -> None:
    """Put the name above the navigation, the mark alone where there is no room; and style what the theme can't."""
    st.html(_STYLE)
    st.logo(str(_LOGO), icon_image=str(MARK), size="large")


def sidebar() -> None:
    """Show the connection's card, the real-time switch, help; a refresh interval where pages can't be pushed to."""
    with st.sidebar:
        notices_everywhere()
        with st.container(border=True, key="connection-card", gap="small"):
            interval_s = float(st.session_state.get(_INTERVAL) or current().settings.refresh_interval_s)
            connection_badge(interval_s=interval_s)
            realtime_toggle()
            switched_notice()
            if is_channel_blocked() or is_switched_off():
                autorefresh_fallback(interval_s=_interval())
        who_is_here()
        person_field()
        if may_add():
            _help()


def _interval() -> float:
    default = current().settings.refresh_interval_s
    options = sorted({*_INTERVALS_S, default})
    chosen = st.selectbox(
        "Refresh every", options, index=options.index(default), key=_INTERVAL, bind="query-params",
        format_func=lambda seconds: f"{seconds:g} s",
        help="This page isn't pushed to now, so it refreshes at this interval.",
    )  # fmt: skip
    return chosen or default


def _help() -> None:
    with st.popover("Send data", icon=":material/terminal:", width="stretch"):
        st.markdown("Add a document from a terminal; every open page shows it at once.")
        st.code(first_command(origin(), needs_token=current().settings.is_guarded), language="bash")
        st.markdown(f"[HTTP API, described]({origin()}/api/openapi.json)")
    st.caption(f"Times in {zone()}")
