"""Holds a session's real-time: the page stands still until it is let go. The page says where its switch is.

Panels hold by themselves (assets/hold.js): they are told with every mount, and keep the newest value for later.
A reload, a second tab and a restarted browser begin as the reader left the switch: assets/hold.js keeps it in a cookie.
"""

from __future__ import annotations

from typing import Final, TypedDict

import streamlit as st

from realtime.live.runtime import current

_HOLD: Final = "tideboard.hold"
_SWITCH: Final = "tideboard.realtime"
COOKIE: Final = "tideboard_realtime"


class Hold(TypedDict):
    """What panels are told. `turn` rises with every switch; `at` is the store's sequence when the hold began."""

    held: bool
    turn: int
    at: int


def hold_envelope() -> Hold:
    """Return the session's hold, for a panel's data."""
    if _HOLD not in st.session_state:
        is_held = st.context.cookies.get(COOKIE) == "off"
        st.session_state[_HOLD] = Hold(held=is_held, turn=0, at=current().store.sequence if is_held else 0)
    hold: Hold = st.session_state[_HOLD]
    return hold


def is_realtime() -> bool:
    """Tell whether this session's pages follow the data."""
    return not hold_envelope()["held"]


def set_realtime(is_on: bool) -> None:
    """Hold this session's pages, or let them go; panels mounted in this run obey at once, others with the next."""
    if is_on == is_realtime():
        return
    turn = hold_envelope()["turn"] + 1
    st.session_state[_HOLD] = Hold(held=not is_on, turn=turn, at=current().store.sequence)


def realtime_toggle(label: str = "Real-time") -> bool:
    """Draw the switch; off: the page stands still and the badge says what is waiting, on: it catches up at once."""
    st.session_state[_SWITCH] = is_realtime()
    return st.toggle(
        label,
        key=_SWITCH,
        on_change=_switched,
        help="Off: the page stands still and the badge counts what is waiting. On: it catches up at once.",
    )


def _switched() -> None:
    set_realtime(bool(st.session_state[_SWITCH]))
