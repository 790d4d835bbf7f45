"""Encodes what goes out, once for everyone who gets it. Pure: no sockets, clock or tasks."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from realtime.hub.ports import OutPublication
from realtime.hub.straight import text_frame
from realtime.protocol.frames import NO_DATA, Publication, Push, Raw, Reply, encode

WRAPPING_BYTES: Final = 100
"""What one queued entry costs beside its text, roughly, so that a million empty ones are not free."""


class Outgoing:
    """One line of the wire, ready to be sent to any number of sockets.

    `supersedes` is set where a later one with the same value may replace this one in a queue.
    """

    __slots__ = ("_frame", "_message", "line", "offset", "size_bytes", "supersedes")

    def __init__(self, line: bytes, *, offset: int = 0, supersedes: tuple[str, str] | None = None) -> None:
        self.line = line
        self.size_bytes = len(line)
        self.offset = offset
        self.supersedes = supersedes
        self._frame: bytes | None = None
        self._message: dict[str, Any] | None = None

    @property
    def frame(self) -> bytes:
        """Return the WebSocket's frame, made once and shared by all sockets that take it as it is."""
        if self._frame is None:
            self._frame = text_frame(self.line)
        return self._frame

    @property
    def message(self) -> dict[str, Any]:
        """Return the ASGI message, made once and shared by all other sends."""
        if self._message is None:
            self._message = {"type": "websocket.send", "text": self.line.decode()}
        return self._message


def outgoing_reply(reply: Reply) -> Outgoing:
    """Encode a reply or a push."""
    return Outgoing(encode(reply))


def outgoing_publication(channel: str, publication: OutPublication) -> Outgoing:
    """Encode the push of one publication."""
    replaceable = publication.can_coalesce and publication.key is not None and publication.offset == 0
    return Outgoing(
        encode(Reply(push=Push(channel=channel, pub=publication_frame(publication)))),
        offset=publication.offset,
        supersedes=(channel, publication.key or "") if replaceable else None,
    )


def publication_frame(publication: OutPublication) -> Publication:
    """Return a publication as it stands in frames."""
    return Publication(
        data=raw_line(publication.data),
        offset=publication.offset,
        time=publication.time_ms,
        tags=dict(publication.tags),
    )


def raw_line(value: bytes) -> Raw:
    """Return JSON that fits in one line; a newline inside would end it early (client_protocol.md, "Batching")."""
    if not value:
        return NO_DATA  # the very object that frames leave out; another empty one would be written as nothing at all
    return Raw(msgspec.json.format(value, indent=-1) if b"\n" in value else value)
