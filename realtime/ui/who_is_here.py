"""Names in the sidebar of every page who is here; choosing one opens what they did."""

from __future__ import annotations

from typing import Final

import streamlit as st

from realtime.ui.panels import live_view
from realtime.views import people

_KEY: Final = "tideboard.who"
_CHOSEN: Final = "tideboard.who-chosen"
_SHOWN: Final = 6


def who_is_here() -> None:
    """Show the count and the names of those seen last."""
    live_view(
        people.present, key=_KEY, on={"choose": _choose}, options={"layout": "line"}, limit=_SHOWN, has_gone=False
    )
    person = st.session_state.pop(_CHOSEN, None)
    if person:
        st.switch_page("activity.py", query_params={"person": person})


def _choose() -> None:
    person = st.session_state[_KEY].choose
    st.session_state[_CHOSEN] = person if isinstance(person, str) else None
