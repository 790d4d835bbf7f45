"""Keeps the inboxes that this process follows, one copy each. No clocks; what a copy becomes, `inbox_copy` says.

Threads: any. Uses the store's lock to put a copy in its place; what it becomes is worked out before, beside the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from realtime.notifications.commands import Command
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.channels import inbox_channel
from realtime.protocol.positions import Position
from realtime.store import inbox_copy
from realtime.store.inbox_copy import Arrived, InboxCopy
from realtime.store.topics import Topics


class InboxCopies:
    """The inboxes of the people who have this app open. `lock`, `changed` and `topics` are the store's."""

    def __init__(self, lock: threading.Lock, *, changed: threading.Condition, topics: Topics) -> None:
        self._lock = lock
        self._told = changed
        self._topics = topics
        self._news = threading.Condition(lock)
        self._changed: set[str] = set()
        self._is_rung = False
        self._copies: dict[str, InboxCopy] = {}

    # What is followed

    def open(self, person: str, *, now: float) -> None:
        """Begin to hold a person's inbox; one that is held stays as it is."""
        with self._lock:
            if person not in self._copies:
                self._put(person, inbox_copy.opened(person, now=now))

    def forget(self, person: str) -> None:
        """Hold a person's inbox no longer."""
        with self._lock:
            self._copies.pop(person, None)
            self._changed.discard(person)
            self._topics.forget(inbox_channel(person))

    def get(self, person: str) -> InboxCopy:
        """Return what is known of a person's inbox; an empty copy that isn't synced, when it isn't held."""
        return self._copies.get(person) or InboxCopy(person=person)

    @property
    def people(self) -> tuple[str, ...]:
        """Name whose inboxes are held."""
        with self._lock:
            return tuple(self._copies)

    def position(self, person: str) -> Position | None:
        """Return up to where a person's inbox was applied."""
        return self.get(person).replica.position

    # What happens

    def load(self, person: str, inbox: Inbox, *, position: Position, now: float) -> None:
        """Start from what the gateway says the inbox is at `position`."""
        self._change(person, lambda copy: inbox_copy.loaded(copy, inbox, position, now=now))

    def apply(self, person: str, commands: Sequence[Arrived], *, epoch: str, now: float) -> None:
        """Take in a run of the stream, oldest first."""
        self._change(person, lambda copy: inbox_copy.arrived(copy, epoch, commands, now=now))

    def predict(self, person: str, commands: Sequence[Command], *, now: float, is_news: bool = True) -> None:
        """Take in what was done here, before the stream has it."""
        self._change(person, lambda copy: inbox_copy.given(copy, commands, now=now, is_news=is_news))

    def stored(self, person: str, command_id: str, position: Position, *, now: float) -> None:
        """Take in where the stream has what was done here."""
        self._change(person, lambda copy: inbox_copy.stored(copy, command_id, position, now=now))

    def take_back(self, person: str, command_id: str, *, now: float) -> None:
        """Take back what was done here and won't be stored."""
        self._change(person, lambda copy: inbox_copy.taken_back(copy, command_id, now=now))

    def led(self, person: str, *, is_led: bool, now: float) -> None:
        """Take in whether there is a tab that shows the toasts."""
        self._change(person, lambda copy: inbox_copy.led(copy, is_led=is_led, now=now))

    def touched(self, person: str, *, is_touched: bool, now: float) -> None:
        """Take in whether pointer or focus rests on a toast."""
        self._change(person, lambda copy: inbox_copy.touched(copy, is_touched=is_touched, now=now))

    def dismiss(self, person: str, key: str, *, now: float) -> None:
        """Take in that a toast was sent away."""
        self._change(person, lambda copy: inbox_copy.dismissed(copy, key, now=now))

    def centre_opened(self, person: str) -> None:
        """Take in that the person looks at the centre."""
        self._change(person, inbox_copy.centre_opened)

    def tick(self, person: str, *, now: float) -> None:
        """Let time pass; what is shown has changed by it."""
        self._change(person, lambda copy: inbox_copy.ticked(copy, now=now))

    # Who minds the time

    def wait_for_news(self, *, timeout_s: float | None) -> frozenset[str]:
        """Wait until a copy changes, `ring` is called or the time is over; return whose changed since the last time."""
        with self._news:
            self._news.wait_for(lambda: self._changed or self._is_rung, timeout_s)
            changed, self._changed, self._is_rung = frozenset(self._changed), set(), False
            return changed

    def ring(self) -> None:
        """Wake who waits for news."""
        with self._news:
            self._is_rung = True
            self._news.notify_all()

    def _change(self, person: str, become: Callable[[InboxCopy], InboxCopy]) -> None:
        """Put what a copy becomes in its place; worked out anew when another thread was quicker."""
        while (before := self._copies.get(person)) is not None:
            copy = become(before)
            if copy is before:
                return
            with self._lock:
                if self._copies.get(person) is before:
                    self._put(person, copy)
                    return

    def _put(self, person: str, copy: InboxCopy) -> None:
        """Hold a copy from now on, and tell. Call it under the lock."""
        self._copies[person] = copy
        self._changed.add(person)
        self._topics.bump((inbox_channel(person),))
        self._told.notify_all()
        self._news.notify_all()
