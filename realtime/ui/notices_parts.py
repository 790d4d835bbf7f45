"""Mounts what every page shows of notifications, lays out the centre's page, and goes where a notification leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import streamlit as st

from realtime.protocol.events import JsonObject
from realtime.ui.acting import act
from realtime.ui.notices_history import history_panel
from realtime.ui.notifications_hook import hold_inbox
from realtime.ui.panels import live_view
from realtime.ui.person import current_person
from realtime.ui.preferences_form import preferences_panel
from realtime.views import notices, notices_centre

PAGE: Final = "notifications.py"
_BELL: Final = "tideboard.bell"
_BANNER: Final = "tideboard.banner"
_TOASTS: Final = "tideboard.toasts"
_CENTRE: Final = "tideboard.centre"
_GOING: Final = "tideboard.going"
_REFUSED: Final = "tideboard.refused-act"
_SHOW: Final = "show"
_SHOWN: Final = ("Inbox", "Preferences", "History")
_HEIGHT: Final = 620


def notices_everywhere() -> None:
    """Mount the bell, and banner and toasts, which lie over the page; go where somebody asked to. In the sidebar."""
    hold_inbox()
    person = current_person().id
    with st.container(key="notices", gap=None):
        live_view(notices.bell, key=_BELL, on=_heard(_BELL), person=person)
        live_view(notices.banner, key=_BANNER, on=_heard(_BANNER), person=person)
        live_view(notices.toasts, key=_TOASTS, on=_heard(_TOASTS), person=person)
    refused = st.session_state.pop(_REFUSED, None)
    if refused:
        st.warning(refused)
    _go(st.session_state.pop(_GOING, None))


def notifications_page() -> None:
    """Show the centre, the preferences or the history, as the URL says."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader("Notifications", width="stretch", anchor=False)
        shown = st.segmented_control(
            "Show", _SHOWN, default=_SHOWN[0], key=_SHOW, bind="query-params", label_visibility="collapsed",
            required=True,
        )  # fmt: skip
    if shown == "Preferences":
        preferences_panel()
    elif shown == "History":
        history_panel()
    else:
        _centre()


@st.fragment
def _centre() -> None:
    """Show one tab of the inbox. A fragment: another tab or search reruns this part alone."""
    if _GOING in st.session_state:
        st.rerun()  # a notification's button leads away from here, and only the whole app can go there
    place = _place()
    live_view(
        notices_centre.centre, key=_CENTRE, height=_HEIGHT, options={"limit": place["limit"]},
        on={**_heard(_CENTRE), "tab": _tab, "search": _search, "more": _more, "whole": _whole},
        person=current_person().id, **place,
    )  # fmt: skip


def _place() -> dict[str, Any]:
    query = st.query_params
    return {
        "tab": str(notices_centre.tab_of(query.get("tab", ""))),
        "search": query.get("words", "")[:200],
        "limit": st.session_state.get(f"{_CENTRE}.limit", notices_centre.PAGE),
        "whole": st.session_state.get(f"{_CENTRE}.whole", ""),
    }


def _tab() -> None:
    _turn(tab=str(st.session_state[_CENTRE].tab or ""))


def _search() -> None:
    _turn(words=str(st.session_state[_CENTRE].search or ""))


def _turn(**query: str) -> None:
    """Another tab or search begins anew at the top."""
    for name, text in query.items():
        if text:
            st.query_params[name] = text
        else:
            st.query_params.pop(name, None)
    st.session_state[f"{_CENTRE}.limit"] = notices_centre.PAGE
    st.session_state[f"{_CENTRE}.whole"] = ""


def _more() -> None:
    st.session_state[f"{_CENTRE}.limit"] = int(st.session_state[_CENTRE].more or notices_centre.PAGE)


def _whole() -> None:
    st.session_state[f"{_CENTRE}.whole"] = str(st.session_state[_CENTRE].whole or "")


# What panels ask for


def _heard(key: str) -> dict[str, Callable[[], None]]:
    return {"act": lambda: _act(st.session_state[key].act), "open": lambda: _remember(st.session_state[key].open)}


def _act(value: JsonObject | None) -> None:
    """Do what a tab without a channel asks; why not, if not, is said in the sidebar."""
    if value:
        st.session_state[_REFUSED] = act(value)


def _remember(going: Mapping[str, Any] | None) -> None:
    st.session_state[_GOING] = going


def _go(going: Mapping[str, Any] | None) -> None:
    """Go to a document or to the centre. A page can't be left from within a callback: this runs after it."""
    if not going:
        return
    collection, _, identifier = str(going.get("document") or "").partition("/")
    if collection:
        st.switch_page("collections.py", query_params={"collection": collection, "id": identifier})
    query = {"tab": going.get("tab") or "", "show": str(going.get("show") or "").capitalize()}
    st.switch_page(PAGE, query_params={name: text for name, text in query.items() if text})
