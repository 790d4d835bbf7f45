"""Finds what who is at a page may read, and says on the page what they may not and whom to ask. Decides no rights."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from realtime.errors import StartError, TooManyProfiles
from realtime.live.permission import Action
from realtime.live.profiles import Profiles
from realtime.live.runtime import Runtime, current
from realtime.ui.person import current_person


def of_this_page(process: Runtime, *, profiles: Profiles) -> Runtime:
    """Return what the person at this page may read; outside of a page, the process's own."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return process
    return profiles.runtime(current_person().roles)


def take_seat() -> None:
    """Open what the person at this page may read; when that can't be done now, say why, and stop."""
    try:
        current()
    except (TooManyProfiles, StartError) as error:
        _stop("This page can't be opened now.", str(error))


def demand(action: Action, place: str = "", *, what: str) -> None:
    """Let a page go on only where an action is allowed; else say what is missing and whom to ask, and stop."""
    permission = current().permission
    if not permission.may(action, place or None):
        _stop(f"You can't see {what} yet.", permission.missing(action, place))


def why_not(action: Action, collection: str, document: dict[str, object] | None = None) -> str | None:
    """Say why a button doesn't work for this person; None when it does."""
    permission = current().permission
    return None if permission.may(action, collection, document) else permission.missing(action, collection)


def _stop(title: str, reason: str) -> None:
    with st.container(border=True, key="no-right", gap="small", width=560):
        st.markdown(f":material/lock: **{title}**")
        st.text(reason)
    st.stop()
