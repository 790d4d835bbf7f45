"""Finds the WebSocket frames in a stream of bytes, so that single ones can be lost or spoilt. Pure.

Knows as much of RFC 6455 as it takes to see where a frame ends (section 5.2), and passes all else on as it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

_END_OF_HEAD: Final = b"\r\n\r\n"
_MOST_HEAD: Final = 65_536
_MASKED: Final = 0x80
_SPOIL: Final = 0xFF  # makes of every byte that JSON begins with one that it can't, masked or not


class Piece(NamedTuple):
    """A part of the stream: one whole frame, or bytes of no further interest."""

    content: bytes
    is_frame: bool = False


class Splitter:
    """Cuts one direction of one connection into pieces; all pieces together are the stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()  # grows and shrinks in place: a long frame may come byte by byte
        self._has_head = False
        self._is_upgraded = False

    def feed(self, chunk: bytes) -> list[Piece]:
        """Take in bytes and return the pieces that are complete."""
        if self._has_head and not self._is_upgraded:
            return [Piece(chunk)]
        self._buffer += chunk
        return list(self._pieces())

    def rest(self) -> bytes:
        """Return what is no complete piece at the end of the stream."""
        return self._take(len(self._buffer))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _pieces(self) -> Iterator[Piece]:
        if not self._has_head:
            head = self._take_head()
            if not head:
                return
            yield Piece(head)
        while self._is_upgraded and (size := _frame_size(self._buffer)):
            yield Piece(self._take(size), is_frame=True)
        if not self._is_upgraded and self._buffer:
            yield Piece(self.rest())

    def _take_head(self) -> bytes:
        """Return the head of the HTTP message with which an upgrade begins, or all there is when it isn't one."""
        buffer = self._buffer
        may_become_one = _agrees(buffer, b"HTTP/1.1 101") or _agrees(buffer, b"GET ")
        end = buffer.find(_END_OF_HEAD)
        if may_become_one and end < 0 and len(buffer) < _MOST_HEAD:
            return b""
        self._has_head = True
        if not may_become_one or end < 0:
            return self.rest()
        head = self._take(end + 4)
        self._is_upgraded = asks_for_upgrade(head)
        return head


def asks_for_upgrade(head: bytes) -> bool:
    """Tell whether the head of a request or an answer turns the connection into a WebSocket."""
    return b"\r\nupgrade: websocket" in head.lower()


def spoilt(frame: bytes) -> bytes:
    """Return a frame whose first byte of content is none of JSON's, so that it can be noticed.

    A changed digit couldn't be by anyone without a checksum, which is TCP's and TLS's to have.
    """
    start = _content_at(frame)
    if start >= len(frame):
        return bytes([frame[0] | 0x70]) + frame[1:]  # nothing in it: reserved bits then (RFC 6455 section 5.2)
    return frame[:start] + bytes([frame[start] ^ _SPOIL]) + frame[start + 1 :]


def _agrees(buffer: bytearray, beginning: bytes) -> bool:
    return buffer[: len(beginning)] == beginning[: len(buffer)]


def _content_at(frame: bytes | bytearray) -> int:
    """Return where the content begins, by the length of the length and the mask."""
    wide = {126: 2, 127: 8}.get(frame[1] & 0x7F, 0)
    return 2 + wide + (4 if frame[1] & _MASKED else 0)


def _frame_size(buffer: bytearray) -> int:
    """Return the size of the frame that the buffer begins with, 0 while it isn't all there."""
    if len(buffer) < 2 or len(buffer) < _content_at(buffer):
        return 0
    length, start = buffer[1] & 0x7F, _content_at(buffer)
    if length >= 126:
        length = int.from_bytes(buffer[2 : start - (4 if buffer[1] & _MASKED else 0)], "big")
    return start + length if len(buffer) >= start + length else 0
