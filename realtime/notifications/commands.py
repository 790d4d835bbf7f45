"""Names everything that can happen to an inbox, as small JSON-able values. Pure.

They are kept in a stream per person; folding them in the stream's order (`inbox.apply`) gives the inbox, anywhere.
`id` makes a command the same one however often it comes, `at` is when it was given, in Unix seconds.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

from realtime.errors import NoticeError
from realtime.notifications.model import Notification, Source
from realtime.notifications.preferences import read_preferences

Mark: TypeAlias = Literal["seen", "read", "unread", "done", "undone"]
MAX_KEYS: Final = 2_000
MAX_ROLES: Final = 50


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", omit_defaults=True):
    id: str
    at: float


class Add(_Command, frozen=True, kw_only=True, tag="add", omit_defaults=True):
    """Put a notification in. It stands for the events at `offsets` of its source's stream; known ones don't count."""

    notification: Notification
    offsets: tuple[int, ...] = ()

    @property
    def positions(self) -> tuple[int, ...]:
        """Return the positions it stands for; none when no event caused it."""
        source = self.notification.source
        return self.offsets or (() if source is None else (source.offset,))


class Retell(_Command, frozen=True, kw_only=True, tag="retell", omit_defaults=True):
    """Give a standing alarm new words."""

    key: str
    event_at: float
    title: str
    message: str
    source: Source | None = None


class Clear(_Command, frozen=True, kw_only=True, tag="clear", omit_defaults=True):
    """Say that what a row told of is over."""

    key: str
    event_at: float
    why: str
    source: Source | None = None


class Set(_Command, frozen=True, kw_only=True, tag="set", omit_defaults=True):
    """Mark rows, as someone did who saw the inbox at `revision`: rows with later news are left alone."""

    keys: tuple[str, ...]
    mark: Mark
    revision: int | None = None


class Snooze(_Command, frozen=True, kw_only=True, tag="snooze", omit_defaults=True):
    """Put rows out of sight until a moment; None brings them back now."""

    keys: tuple[str, ...]
    until: float | None
    revision: int | None = None


class Acknowledge(_Command, frozen=True, kw_only=True, tag="acknowledge", omit_defaults=True):
    """Take critical rows on: who, and why or how."""

    keys: tuple[str, ...]
    who: str
    why: str = ""
    revision: int | None = None


class Close(_Command, frozen=True, kw_only=True, tag="close", omit_defaults=True):
    """Put banners aside without acknowledging; they come back."""

    keys: tuple[str, ...]
    revision: int | None = None


class Undo(_Command, frozen=True, kw_only=True, tag="undo", omit_defaults=True):
    """Take back what the command `of` did to rows that nobody touched since."""

    of: str


class ClearHistory(_Command, frozen=True, kw_only=True, tag="clear-history", omit_defaults=True):
    """Forget the history up to now."""


class Prefer(_Command, frozen=True, kw_only=True, tag="prefer", omit_defaults=True):
    """Put preferences in place of those there were; `preferences` is all of them, as a JSON value."""

    preferences: dict[str, Any]


class Meet(_Command, frozen=True, kw_only=True, tag="meet", omit_defaults=True):
    """Say that a person exists, and has roles, so that notices reach them from now on, whether they look or not."""

    name: str = ""
    roles: tuple[str, ...] = ()


Command: TypeAlias = Add | Retell | Clear | Set | Snooze | Acknowledge | Close | Undo | ClearHistory | Prefer | Meet
Act: TypeAlias = Set | Snooze | Acknowledge | Close


def read_command(value: Any) -> Command:
    """Read a command from a JSON value. Raises NoticeError when it isn't one, or its preferences make no sense."""
    try:
        command: Command = msgspec.convert(value, Command)
    except msgspec.ValidationError as error:
        raise NoticeError(f"That is no command for an inbox: {error}.") from error
    if len(getattr(command, "keys", ())) > MAX_KEYS:
        raise NoticeError(f"A command names at most {MAX_KEYS:,} rows; split it.")
    if isinstance(command, Meet) and len(command.roles) > MAX_ROLES:
        raise NoticeError(f"A person has at most {MAX_ROLES} roles here; leave out those that no rule names.")
    if isinstance(command, Prefer):
        read_preferences(command.preferences)
    return command


def command_value(command: Command) -> dict[str, Any]:
    """Return a command as a JSON value."""
    value: dict[str, Any] = msgspec.to_builtins(command)
    return value
