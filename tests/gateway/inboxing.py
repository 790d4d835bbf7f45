"""Makes commands for inboxes as events, for the tests of the gateway."""

from __future__ import annotations

from typing import Any

from realtime.gateway.log import Accepted
from realtime.notifications.commands import Command, Meet, Prefer, Set, command_value
from realtime.protocol.events import channel_of, check_event, encode_envelope
from tests.gateway.making import NOON
from tests.notifications.making import adding, notice


def posted(user: str, command: Command) -> dict[str, Any]:
    """Make the event that carries a command, as the app posts it."""
    return {
        "specversion": "1.0", "id": command.id, "source": f"/app/{user}", "type": "inbox:command",
        "data": {"user": user, "command": command_value(command)},
    }  # fmt: skip


def judged(user: str, command: Command) -> Accepted:
    """Make a judged command."""
    envelope, event = check_event(posted(user, command), max_depth=64)
    return Accepted(envelope, event, channel_of(event), encode_envelope(envelope))


def added(user: str, offset: int, *, key: str | None = None, **more: Any) -> dict[str, Any]:
    """Make the event that puts a notice into an inbox."""
    return posted(user, adding(notice(key or f"k{offset}", offset=offset, at=NOON + 60 * offset, **more)))


def met(user: str, **more: Any) -> dict[str, Any]:
    """Make the event that says that a person exists."""
    return posted(user, Meet(id=f"meet:{user}:2026-01-01", at=NOON, **more))


def preferring(user: str, number: int = 1, **preferences: Any) -> dict[str, Any]:
    """Make the event that puts preferences in place."""
    return posted(user, Prefer(id=f"prefer {number}", at=NOON, preferences=preferences))


def marked(user: str, key: str, number: int = 1) -> dict[str, Any]:
    """Make the event that marks a row as read."""
    return posted(user, Set(id=f"set {number}", at=NOON, keys=(key,), mark="read"))
