"""The hook for notifications: what a page shows to the person before it, and what their inbox holds.

Reading is free of network: everything comes from the process's own store. What is asked shows at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from realtime.errors import NotRunning
from realtime.live.runtime import current
from realtime.notifications.centre import Tab, rows, unread_count
from realtime.notifications.history import search
from realtime.notifications.inbox_state import HISTORY_KEPT, Past
from realtime.notifications.notices import Notice, Shown, shown_of
from realtime.notifications.preferences import Preferences
from realtime.store import InboxCopy
from realtime.ui.person import Person, current_person
from realtime.ui.session import subscriptions

if TYPE_CHECKING:
    from realtime.client.inboxes import Inboxes

_HELD: Final = "tideboard.inbox"
_PATIENCE_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class NotificationsHook:
    """The notifications of one person, as they are now. Raises NoticeError, one sentence, for what makes no sense."""

    person: Person

    def show(self, notification: Notice | dict[str, Any]) -> str:
        """Show a notice to this person, in the tab they look at and in their centre; return its id.

        A Notice, or a dict with its fields: `title`, `type` (info, success, warning, error), `message`, `duration` in
        seconds, at most two `actions`, `metadata`, and `key`: what has the same key is one row.
        """
        return _inboxes().show(self.person.id, notification)

    def hide(self, id: str) -> None:
        """Put a notification away: its toast, and in the centre it is done. One that isn't there is no harm."""
        _inboxes().hide(self.person.id, id)

    def clear_all(self) -> None:
        """Put all away; what is critical and nobody has acknowledged is only put aside for two minutes."""
        _inboxes().clear_all(self.person.id)

    @property
    def notifications(self) -> tuple[Shown, ...]:
        """Return what the centre holds and isn't done or snoozed: what needs someone first, then the newest."""
        return tuple(shown_of(row) for row in rows(self._copy.inbox, Tab.ALL, now=time.time()))

    @property
    def unread_count(self) -> int:
        """Return how many of them weren't read, the same number in every tab."""
        return unread_count(self._copy.inbox, now=time.time())

    @property
    def preferences(self) -> Preferences:
        """Return what this person wants to hear of, how and when."""
        return self._copy.inbox.preferences

    def update_preferences(self, **changes: Any) -> Preferences:
        """Change some preferences, such as `sound=True`; return them all. Nonsense changes nothing."""
        _inboxes().act(self.person.id, {"do": "prefer", "changes": changes})
        return self.preferences

    @property
    def history(self) -> tuple[Past, ...]:
        """Return what was told, acknowledged and cleared, the newest first; at most a thousand lines."""
        return search(self._copy.inbox.history, limit=HISTORY_KEPT)

    def clear_history(self) -> None:
        """Forget the history up to now."""
        _inboxes().act(self.person.id, {"do": "clear-history"})

    @property
    def _copy(self) -> InboxCopy:
        return current().store.inbox(self.person.id)


def use_notifications() -> NotificationsHook:
    """Follow the notifications of who is at this page. Raises NotRunning where no gateway is followed."""
    _inboxes()
    hold_inbox()
    return NotificationsHook(current_person())


def hold_inbox() -> None:
    """Hold the inbox of who is at this page until their browser session ends; wait a moment for it the first time.

    A page drawn before it is there would show an empty one for the time of a blink. Where no gateway is followed, there
    is nothing to hold.
    """
    runtime, person = current(), current_person()
    inboxes = runtime.inboxes
    if inboxes is None or st.session_state.get(_HELD) == person:
        return
    subscriptions().keep(_HELD, lambda: inboxes.open(person.id, person.name, person.roles))
    st.session_state[_HELD] = person
    tick, until = 0, time.monotonic() + _PATIENCE_S
    while not runtime.store.inbox(person.id).is_synced and (left_s := until - time.monotonic()) > 0:
        tick, _ = runtime.store.wait_for_changes(tick, timeout_s=left_s)


def _inboxes() -> Inboxes:
    inboxes = current().inboxes
    if inboxes is None:
        raise NotRunning("This process follows no gateway, so there are no notifications here.")
    return inboxes
