"""Makes judges and stored events for the tests of notices, with no log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from realtime.gateway.judge import Judge, Verdict
from realtime.gateway.log import Accepted, Stored
from realtime.gateway.rights import Rights
from realtime.notifications.commands import Command
from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.inbox import apply
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.rules import Rule
from realtime.protocol.events import channel_of, check_event, encode_envelope
from realtime.protocol.positions import Position
from tests.gateway.making import NOON


class Desk:
    """A judge with what surrounds it: offsets, what verdicts said to remember, and everybody's inbox."""

    def __init__(self, rules: Sequence[Rule] = DEFAULT_RULES, *, rights: Rights | None = None) -> None:
        self.rules = rules
        self.rights = rights or Rights()
        self.now = NOON
        self.notes: dict[str, bytes] = {}
        self.offsets: dict[str, int] = {}
        self.tops: dict[str, int] = {}
        self.inboxes: dict[str, Inbox] = {}
        self.given: dict[str, list[Command]] = {}
        self.restart()

    def restart(self) -> None:
        """Begin anew with nothing but what was kept. What was judged and not kept is judged again by nobody here."""
        self.judge = Judge(self.rules, rights=self.rights, notes=self.notes, offsets=self.offsets, now=self.now)

    def stored(self, event: dict[str, Any], *, at: float | None = None) -> Stored:
        """Give an event its place in its stream."""
        envelope, meaning = check_event(event, max_depth=64)
        channel = channel_of(meaning)
        self.tops[channel] = self.tops.get(channel, 0) + 1
        accepted = Accepted(envelope, meaning, channel, encode_envelope(envelope))
        when = self.now if at is None else at
        return Stored(channel, Position("e", self.tops[channel]), False, accepted, int(when * 1000))

    def take(self, *events: dict[str, Any]) -> None:
        """Store events and have them judged, all in one."""
        for event in events:
            self.judge.take(self.stored(event), now=self.now)
        self.keep()

    def tick(self, seconds: float) -> None:
        """Let time go on."""
        self.now += seconds
        self.judge.tick(self.now)
        self.keep()

    def keep(self, *, is_due: bool = True) -> Verdict | None:
        """Keep what was judged, as the log would: all of it, in JSON."""
        verdict = self.judge.verdict(self.now, is_due=is_due)
        if verdict is not None:
            self.offsets |= verdict.offsets
            self.notes = {name: raw for name, raw in self.notes.items() if name not in verdict.gone} | dict(
                verdict.notes
            )
            for users, commands in verdict.told:
                for user in users:
                    self.give(user, commands)
        return verdict

    def give(self, user: str, commands: Iterable[Command]) -> None:
        """Put commands into an inbox, as they read when they come back."""
        for command in commands:
            again: Command = msgspec.json.decode(msgspec.json.encode(command), type=Command)
            self.inboxes[user] = apply(self.inboxes.get(user, Inbox()), again)
            self.given.setdefault(user, []).append(again)

    def keys(self, user: str) -> set[str]:
        """Return the rows somebody has."""
        return set(self.inboxes.get(user, Inbox()).rows)
