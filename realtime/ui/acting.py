"""Does what a person asks of their own inbox from a page's script. What may be asked: realtime.client.inboxes."""

from __future__ import annotations

from realtime.errors import TideboardError
from realtime.live.runtime import current
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.events import JsonObject
from realtime.ui.person import current_person


def act(value: JsonObject) -> str | None:
    """Do something to the inbox of whoever is at the page; return why it wasn't done, one sentence, if it wasn't."""
    inboxes = current().inboxes
    if inboxes is None:
        return "This dashboard follows no gateway, so nothing was done."
    try:
        inboxes.act(current_person().id, value)
    except TideboardError as error:
        return str(error)
    return None


def own_inbox() -> Inbox:
    """Return the inbox of whoever is at the page, as it is now."""
    return current().store.inbox(current_person().id).inbox
