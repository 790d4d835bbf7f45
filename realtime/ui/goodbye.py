"""Lets a person leave at once, without the grace of a closed tab, and stay gone while their page is still open."""

from __future__ import annotations

from typing import Final

import streamlit as st

from realtime.live.runtime import current

_GONE: Final = "tideboard.gone"


def say_goodbye(person: str) -> None:
    """Count a person out of all their tabs; this session counts as theirs no more until it is loaded anew."""
    st.session_state[_GONE] = person
    attendance = current().attendance
    if attendance is not None:
        attendance.left_all(person)


def has_said_goodbye(person: str) -> bool:
    """Tell whether this person left in this session."""
    return bool(st.session_state.get(_GONE) == person)
