"""The band that says that what one sees is sample data, with the sample's controls. Knows only their names."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from realtime.live.runtime import current

_SPEEDS: Final = (10, 60, 240, 900)
_SHOWN: Final = frozenset({"playing", "stopped", "finished"})


def sample_band() -> None:
    """Show the band while there is a sample day to speak of, and nothing otherwise."""
    sample = current().sample
    if sample is not None and sample.status().state.value in _SHOWN:
        _band()


@st.fragment(run_every=5)  # the day's clock; nothing in the store tells of it
def _band() -> None:
    sample = current().sample
    status = sample.status()
    state = status.state.value
    with st.container(
        border=True, key="sample-band", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center",
        gap="small",
    ):  # fmt: skip
        with st.container(width="content", gap=None):
            st.markdown(
                f":material/flight_takeoff: **Sample data:** New York airports, 8 Feb 2013, ×{status.speed:g}"
                f"{_clock(status)}"
            )
            if status.note:
                st.caption(status.note)
        if state not in _SHOWN or not current().permission.is_admin:
            return
        with st.container(width="content", horizontal=True, vertical_alignment="center", gap="small"):
            _controls(sample, state, speed=status.speed)


def _controls(sample: Any, state: str, *, speed: float) -> None:
    if state == "playing":
        st.button("Stop", icon=":material/pause:", on_click=sample.stop, help="Stop the sample; documents stay.")
    else:
        word = "Play again" if state == "finished" else "Play"
        st.button(word, icon=":material/play_arrow:", on_click=sample.start)
    options = sorted({*_SPEEDS, speed})
    key = f"tideboard.sample-speed:{speed:g}"  # another tab may change it: then this is another widget
    st.selectbox(
        "Speed", options, index=options.index(speed), key=key, label_visibility="collapsed", width=96,
        format_func=lambda factor: f"×{factor:g}", on_change=lambda: sample.set_speed(float(st.session_state[key])),
    )  # fmt: skip
    with st.popover("Clear", icon=":material/delete_sweep:"):
        st.markdown("Stop the sample day and delete its documents? Your own data aren't touched.")
        st.button("Clear the sample data", type="primary", on_click=sample.clear)


def _clock(status: Any) -> str:
    words = {"stopped": " · stopped", "finished": " · the day is over"}
    if status.state.value in words:
        return words[status.state.value]
    return "" if status.clock is None else f" · now {status.clock:%H:%M} there"
