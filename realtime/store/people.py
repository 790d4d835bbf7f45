"""Remembers who was seen, the newest ten thousand. Pure; the store's lock guards it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from realtime.protocol.events import UserActivity, UserEvent, UserLogin
from realtime.store.model import PersonSeen

PEOPLE_KEPT: Final = 10_000


class People:
    """People by id, the one seen last at the end. Beyond `kept` the longest unseen is dropped and counted."""

    def __init__(self, *, kept: int = PEOPLE_KEPT) -> None:
        self.forgotten = 0
        self._kept = kept
        self._seen: OrderedDict[str, PersonSeen] = OrderedDict()

    def take(self, event: UserEvent, *, at: float) -> None:
        """Take in a login, a logout or something a person did."""
        if isinstance(event, UserActivity):
            self.note(event.user_id, action=event.action, at=at, is_online=True)
        else:
            is_login = isinstance(event, UserLogin)
            self.note(event.user_id, action="login" if is_login else "logout", at=at, is_online=is_login)

    def note(self, user_id: str, *, action: str, at: float, is_online: bool) -> None:
        """Note that a person did something. O(1)."""
        old = self._seen.get(user_id)
        if old is None:
            seen = PersonSeen(user_id, is_online, at, at, action, 1)
        elif at < old.last_seen_at:  # told late: it counts, but says nothing about now
            seen = PersonSeen(
                user_id, old.is_online, min(at, old.first_seen_at), old.last_seen_at, old.last_action, old.actions + 1
            )
        else:
            seen = PersonSeen(user_id, is_online, old.first_seen_at, at, action, old.actions + 1)
        self._seen[user_id] = seen
        self._seen.move_to_end(user_id)
        if len(self._seen) > self._kept:
            self._seen.popitem(last=False)
            self.forgotten += 1

    def all(self) -> tuple[PersonSeen, ...]:
        """Return everyone, the one seen last first."""
        return tuple(reversed(self._seen.values()))
