"""Mounts the connection's badge, and refreshes the page by streamlit-autorefresh where it can't be pushed to.

The badge's JavaScript finds out about this tab's channel (no channel within 3 s, or lost for over 5 s) and tells here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from realtime.live.runtime import current
from realtime.protocol.flags import REALTIME
from realtime.ui.components import nothing
from realtime.ui.hold import is_realtime
from realtime.ui.panels import live_view
from realtime.ui.person import current_person
from realtime.ui.session import session_key

BADGE_KEY: Final = "tideboard.badge"
_VIEW: Final = "connection.badge"


def connection_badge(*, interval_s: float | None = None) -> Any:
    """Show state, transport, lag and last event; ticks by itself. Mount it once a page, in the sidebar.

    `interval_s` is what a page without a live channel is refreshed at; None takes it from the settings.
    """
    options = {
        "channel": "blocked" if is_channel_blocked() else "off" if is_switched_off() else "open",
        "refreshSeconds": _interval_s(interval_s),
        "session": session_key(),
    }
    return live_view(_VIEW, key=BADGE_KEY, options=options, on={"channel": nothing, "retry": _reconnect})


def is_channel_blocked() -> bool:
    """Tell whether this session's tab has told that it has no live channel."""
    told: Mapping[str, Any] | None = st.session_state.get(BADGE_KEY)
    return told is not None and told.get("channel") == "blocked"


def is_switched_off() -> bool:
    """Tell whether an operator has switched pushing off for who is at this page."""
    return not current().store.flags.is_on(REALTIME, current_person().id)


def autorefresh_fallback(*, interval_s: float | None = None, is_pushing_off: bool = False) -> bool:
    """Refresh the page at an interval if it isn't pushed to, and say so where this is called; tell whether it does.

    `is_pushing_off`: the person chose it. Nothing is refreshed while real-time is held. Call it in every run.
    """
    is_off = is_switched_off()
    if not (is_channel_blocked() or is_off or is_pushing_off) or not is_realtime():
        return False
    # Imported here: a v1 component registers itself at import, and does so in vain before Streamlit's runtime is there.
    from streamlit_autorefresh import st_autorefresh

    interval = _interval_s(interval_s)
    why = "live channel unavailable"
    if is_off or is_pushing_off:
        why = "switched off by an operator" if is_off else "pushing is off"
    st.caption(f"◆ Refreshing every {interval:g} s: {why}")
    st_autorefresh(interval=int(interval * 1000), debounce=True, key="tideboard.autorefresh")
    return True


def _interval_s(chosen: float | None) -> float:
    return current().settings.refresh_interval_s if chosen is None else chosen


def _reconnect() -> None:
    client = current().client
    if client is not None:
        client.reconnect()
