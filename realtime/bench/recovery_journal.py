"""Says what a follower writes down, and reads it back: one JSON object a line, in the order it happened. Pure.

Times are Unix seconds of the machine that all processes of a soak share.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec


class _Line(msgspec.Struct, frozen=True, tag_field="what", tag=str.lower):
    t: float


class Started(_Line, frozen=True):
    """A follower's process has begun, with nothing in memory."""


class Applied(_Line, frozen=True):
    """The store took an event into its feed. `is_replay`: a snapshot's documents already contain it."""

    channel: str
    epoch: str
    offset: int
    source: str
    id: str
    is_replay: bool = False


class Heard(_Line, frozen=True):
    """A handler was told of a critical event."""

    source: str
    id: str


class Installed(_Line, frozen=True):
    """The store went on from this position: a snapshot's, or that of a channel's newest history."""

    channel: str
    epoch: str
    offset: int


class Lost(_Line, frozen=True):
    """The client said that these events can't be recovered for the feed."""

    channel: str
    first: int
    last: int


class Claimed(_Line, frozen=True):
    """The client said how it stands to the gateway, and since when (Unix seconds)."""

    state: str
    since: float
    transport: str = "websocket"


class Promised(_Line, frozen=True):
    """An emit was taken on: from now on it may not be lost."""

    id: str


class Confirmed(_Line, frozen=True):
    """An emit was acknowledged as stored at this position."""

    id: str
    channel: str
    offset: int


class Refused(_Line, frozen=True):
    """An emit was refused, and why."""

    id: str
    reason: str


Line: TypeAlias = Started | Applied | Heard | Installed | Lost | Claimed | Promised | Confirmed | Refused
_DECODER: Final = msgspec.json.Decoder(Line)
_ENCODER: Final = msgspec.json.Encoder()


def encode_line(line: Line) -> bytes:
    """Encode one line, its end included."""
    return _ENCODER.encode(line) + b"\n"


def read_journal(content: bytes) -> list[Line]:
    """Decode what was written; a last line without its end was being written when its process was killed."""
    return [_DECODER.decode(line) for line in content.split(b"\n")[:-1] if line]
