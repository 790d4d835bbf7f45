"""The hook about people that other Streamlit authors import: who is here, what was done, and being told of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from realtime.live.runtime import current
from realtime.protocol.events import Envelope, UserActivity, UserLogin, UserLogout, event_of
from realtime.store import PersonDid, PersonSeen
from realtime.ui.hooks import Handler, Unsubscribe, identity_of, listen
from realtime.ui.session import subscriptions
from realtime.ui.tracking import track_action

ACTIONS_SHOWN: Final = 200
_UserEvent = UserLogin | UserLogout | UserActivity


@dataclass(frozen=True, slots=True)
class UserActivityHook:
    """Who is here and what people do. Handlers run on the client's thread, so they must not call Streamlit."""

    @property
    def active_users(self) -> tuple[PersonSeen, ...]:
        """Return who is online, the one seen last first."""
        return tuple(takewhile(lambda person: person.is_online, current().store.people()))

    @property
    def user_actions(self) -> tuple[PersonDid, ...]:
        """Return the newest things people did, newest first; at most 200."""
        return current().store.done_by(None, limit=ACTIONS_SHOWN)

    def track_action(self, action: str, metadata: Mapping[str, Any] | None = None) -> None:
        """Record what the person at this page did. Raises EventError, one sentence, for what can't be told."""
        track_action(action, metadata)

    def on_user_joined(self, handler: Callable[[UserLogin], None]) -> Unsubscribe:
        """Call `handler` when a person arrives. Registering the same function again replaces it."""
        return self._on(UserLogin, handler)

    def on_user_left(self, handler: Callable[[UserLogout], None]) -> Unsubscribe:
        """Call `handler` when a person leaves. Registering the same function again replaces it."""
        return self._on(UserLogout, handler)

    def on_user_action(self, handler: Callable[[UserActivity], None]) -> Unsubscribe:
        """Call `handler` with what a person did. Registering the same function again replaces it."""
        return self._on(UserActivity, handler)

    @staticmethod
    def _on(kind: type[_UserEvent], handler: Handler) -> Unsubscribe:
        def heard(envelope: Envelope) -> None:
            event = event_of(envelope)
            if isinstance(event, kind):
                handler(event)

        return subscriptions().keep((kind.TYPE, identity_of(handler)), lambda: listen(kind.TYPE, heard))


def use_user_activity() -> UserActivityHook:
    """Follow people. Raises NotRunning outside a Tideboard."""
    current()
    return UserActivityHook()
