"""Shows what waits in the outbox, on the page and beside one document, and does what a person decides about it."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from realtime.client import Outbox
from realtime.live.runtime import current
from realtime.store import OutboxState
from realtime.ui.components import nothing
from realtime.ui.panels import live_view
from realtime.ui.place import go
from realtime.views import outbox

_LIST: Final = "tideboard.outbox"
_STRIP: Final = "tideboard.outbox-one"


def outbox_panel() -> None:
    """Show every change that waits, is refused, or was confirmed a moment ago; nothing while there is none."""
    if current().client is not None:
        live_view(
            outbox.waiting, key=_LIST,
            on={"discard": lambda: _discard(_LIST), "retry": lambda: _retry(_LIST), "open": _open},
        )  # fmt: skip


def outbox_strip(collection: str, identifier: str) -> None:
    """Show what waits about one document, with what it would change."""
    if current().client is not None:
        live_view(
            outbox.waiting, key=_STRIP, options={"layout": "one"},
            on={"discard": lambda: _discard(_STRIP), "retry": lambda: _retry(_STRIP), "settled": nothing},
            collection=collection, id=identifier,
        )  # fmt: skip


def confirmed_at(number: int | None) -> int | None:
    """Return the position at which an entry of the outbox was stored, None while it wasn't."""
    if number is None:
        return None
    found = [entry for entry in current().store.outbox if entry.number == number]
    return found[0].offset if found and found[0].state is OutboxState.CONFIRMED else None


def own_outbox() -> Outbox | None:
    """Return the outbox of this process, if it has one."""
    client = current().client
    return None if client is None else client.outbox


def _said(key: str, name: str) -> dict[str, Any]:
    """Return what a panel's trigger brought."""
    said = st.session_state[key].get(name)
    return said if isinstance(said, dict) else {}


def _discard(key: str) -> None:
    kept, number = own_outbox(), _said(key, "discard").get("number")
    if kept is not None and isinstance(number, int):
        kept.discard(number)


def _retry(key: str) -> None:
    said, kept = _said(key, "retry"), own_outbox()
    number, version = said.get("number"), said.get("version")
    if kept is not None and isinstance(number, int):
        kept.retry(number, expected_offset=version if isinstance(version, int) else None)


def _open() -> None:
    said = _said(_LIST, "open")
    if said:
        go(collection=str(said.get("collection", "")), selected=str(said.get("id", "")))
