"""Has the audit note what people do at this page, with the address of their browser. Draws nothing."""

from __future__ import annotations

from typing import Final, Protocol

import streamlit as st

from realtime.live.runtime import process
from realtime.protocol.audit import AuditNote, Outcome

_NOTED: Final = "tideboard.noted"


class Noter(Protocol):
    """What notes something for the person it was made for."""

    def __call__(self, action: str, *, outcome: Outcome = "ok", target: str = "", detail: str = "") -> None:
        """Have something noted, soon and without waiting."""


def noter(actor: str) -> Noter:
    """Return what notes for a person at this page now, callable outside a page's script as well."""
    book, address = process().audit, st.context.ip_address or "127.0.0.1"  # Streamlit says None for this machine

    def note(action: str, *, outcome: Outcome = "ok", target: str = "", detail: str = "") -> None:
        if book is not None:
            book.note(AuditNote(action, actor[:256], outcome, target[:512], detail[:512], origin=address[:64]))

    return note


def note_once(action: str, *, actor: str, outcome: Outcome = "ok", detail: str = "") -> None:
    """Note something unless it is what this session has noted last: a page asks again at every run."""
    what = (action, actor, outcome, detail)
    if st.session_state.get(_NOTED) != what:
        st.session_state[_NOTED] = what
        noter(actor)(action, outcome=outcome, detail=detail)
