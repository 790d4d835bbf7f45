"""Lays out the Admin page. What is shown is rendered by realtime.views; what is decided is done by ui.admin."""

from __future__ import annotations

from typing import Final

import streamlit as st

from realtime.live.runtime import current
from realtime.protocol.flags import EVERYBODY, MOST_WHY_CHARS, USUAL
from realtime.ui.admin import may_administer, set_flag
from realtime.ui.headings import panel_heading
from realtime.ui.live_fragment import live
from realtime.ui.panels import live_view
from realtime.ui.place import zone
from realtime.views import flags

_STEPS: Final = (0, 1, 5, 10, 25, 50, 75, EVERYBODY)
_FAILED: Final = "tideboard.admin-failed"


def admin_page() -> None:
    """Show what can be switched, to whom may switch it; to others, what they lack and whom to ask."""
    if not may_administer():
        st.warning("Only administrators may see this page. Ask one of them for the role admin.", icon=":material/lock:")
        return
    with panel_heading("Flags"):
        pass
    st.caption(
        "In effect within two seconds, everywhere, without a restart; every change is in the audit. A share is always "
        "the same people, and who is in at 10 % is in at 25 %. To bring something back, raise it step by step and look."
    )
    left, right = st.columns(2, gap="small")
    for place, name in enumerate(USUAL):
        with (left, right)[place % 2], st.container(border=True, gap="xsmall", key=f"flag-{name}"):
            _flag(name)


def _flag(name: str) -> None:
    _standing(name)
    label = f"{flags.LABELS[name]}: how it goes"
    live_view(flags.figures, key=f"tideboard.figures-{name}", options={"label": label}, name=name, zone=zone())
    with st.popover("Switch", icon=":material/toggle_on:"):
        _switch(name)


@live("flags")
def _standing(name: str) -> None:
    flag = current().store.flags.get(name)
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    row.markdown(f"**{flags.LABELS[name]}**")
    symbol = "●" if flag.is_usual else "◐" if 0 < flag.percent < EVERYBODY else "■"
    row.badge(f"{symbol} {flags.state_of(flag)}", color="green" if flag.is_usual else "orange")
    st.caption(flags.MEANINGS[name])
    if st.session_state.get(_FAILED, {}).get(name):
        st.error(st.session_state[_FAILED][name])


def _switch(name: str) -> None:
    now = current().store.flags.get(name).percent
    with st.form(f"switch-{name}", border=False):
        share = st.select_slider(
            "On for", sorted({*_STEPS, now}), value=now, format_func=_share, key=f"share-{name}",
            help="Always the same people; who is in at some share stays in at every larger one.",
        )  # fmt: skip
        why = st.text_input("Why", max_chars=MOST_WHY_CHARS, key=f"why-{name}", placeholder="People read it")
        st.form_submit_button("Apply", type="primary", on_click=_apply, args=(name,))
        del share, why  # the callback reads them by their keys


def _apply(name: str) -> None:
    failed = set_flag(name, int(st.session_state[f"share-{name}"]), why=str(st.session_state[f"why-{name}"] or ""))
    st.session_state[_FAILED] = {**st.session_state.get(_FAILED, {}), name: failed}


def _share(percent: int) -> str:
    return {0: "nobody", EVERYBODY: "everybody"}.get(percent, f"{percent} %")
