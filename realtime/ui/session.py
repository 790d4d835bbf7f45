"""Keeps what a browser session has subscribed to, and lets go of it when the session ends.

Streamlit calls the release about two seconds after the tab is closed. Threads: the session's script threads.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Hashable
from typing import Final

import streamlit as st

Release = Callable[[], None]
_KEY: Final = "tideboard.session"


class Subscriptions:
    """Releases by identity: what a rerun registers again replaces what the run before registered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._releases: dict[Hashable, Release] = {}

    def keep(self, identity: Hashable, subscribe: Callable[[], Release]) -> Release:
        """Subscribe under an identity, ending the one of before; return what ends it, once."""
        release = subscribe()
        with self._lock:
            old = self._releases.get(identity)
            self._releases[identity] = release
        if old is not None:
            old()
        return lambda: self._end(identity, release)

    def release_all(self) -> None:
        """End all of them."""
        with self._lock:
            releases = list(self._releases.values())
            self._releases.clear()
        for release in releases:
            release()

    def __len__(self) -> int:
        with self._lock:
            return len(self._releases)

    def _end(self, identity: Hashable, release: Release) -> None:
        with self._lock:
            if self._releases.get(identity) is not release:
                return
            del self._releases[identity]
        release()


def session_key() -> str:
    """Return what names this browser session, which is one page load of one tab."""
    key: str = st.session_state.setdefault(_KEY, secrets.token_hex(8))
    return key


@st.cache_resource(scope="session", on_release=Subscriptions.release_all, show_spinner=False)
def subscriptions() -> Subscriptions:
    """Return this browser session's subscriptions."""
    return Subscriptions()
