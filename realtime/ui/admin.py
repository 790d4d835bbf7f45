"""Says whether who is at the page may administer, and does what they decide there. Draws nothing."""

from __future__ import annotations

from realtime.errors import NotConnected, TideboardError
from realtime.live.runtime import current, process
from realtime.ui.person import current_person

ADMIN_ROLE = "admin"


def may_administer() -> bool:
    """Tell whether this person may: by role, or because there is nothing here to tell people apart by."""
    settings = process().settings
    return ADMIN_ROLE in current_person().roles or not (settings.require_token or settings.roles)


def set_flag(name: str, percent: int, *, why: str) -> str:
    """Put a flag to a share of the people; return why that failed, "" when it is in effect."""
    flags = current().flags
    try:
        if flags is None:
            raise NotConnected("This dashboard follows no gateway, so there is nothing to switch.")
        flags.set({name: percent}, by=current_person().id, why=why)
    except TideboardError as error:
        return str(error)
    return ""
