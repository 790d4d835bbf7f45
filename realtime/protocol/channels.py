"""Names channels, and says which channel an event belongs to. Pure."""

from __future__ import annotations

import re
from typing import Final

from realtime.errors import EventError

USERS: Final = "users"
SYSTEM: Final = "system"
_COLLECTION: Final = "collection:"
_INBOX: Final = "inbox#"
NAME_PATTERN: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.\-]{0,63}$"
"""What can name a collection; as OpenAPI wants it, too."""
_NAME: Final = re.compile(NAME_PATTERN)


def is_collection_name(name: str) -> bool:
    """Tell whether `name` may name a collection: 1–64 letters, digits, `_`, `-`, `.`; no `-` or `.` in front."""
    return _NAME.fullmatch(name) is not None


def collection_channel(name: str) -> str:
    """Name the channel of a collection.

    Raises EventError `bad_collection` when `name` can't name one.
    """
    if not is_collection_name(name):
        raise EventError(
            "bad_collection",
            f"{name[:80]!r} can't name a collection: use 1 to 64 letters, digits, '_', '-' or '.', "
            "starting with a letter, digit or '_'.",
        )
    return _COLLECTION + name


def collection_of(channel: str) -> str | None:
    """Return the collection's name, or None if the channel isn't a collection's."""
    return channel[len(_COLLECTION) :] if channel.startswith(_COLLECTION) else None


def inbox_channel(user: str) -> str:
    """Name the channel of one person's notification state."""
    return _INBOX + user


def inbox_of(channel: str) -> str | None:
    """Return whose inbox a channel is, or None if it isn't one."""
    return channel[len(_INBOX) :] if channel.startswith(_INBOX) else None


def is_known_channel(channel: str) -> bool:
    """Tell whether a channel of this name can exist."""
    name = collection_of(channel)
    if name is not None:
        return is_collection_name(name)
    return channel in (USERS, SYSTEM) or (channel.startswith(_INBOX) and len(_INBOX) < len(channel) <= 255)
