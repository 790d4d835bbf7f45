"""Takes a posted body apart: its type, its compression, its items. Judges no event. Pure.

The whole body is decoded at once; only when that fails is it cut into items by its brackets, so that an item that
isn't UTF-8, holds NaN, or nests 100,000 deep sinks itself and none of its neighbours.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

import msgspec

from realtime.errors import EventError

EXCERPT_CHARS: Final = 200
_BOM: Final = b"\xef\xbb\xbf"
_DECODER: Final = msgspec.json.Decoder()
# Possessive: a string is taken whole or not at all, so a broken body costs no backtracking.
_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)
_NOT_A_NUMBER: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|(\b(?:NaN|Infinity)\b)', re.DOTALL)


class Kind(Enum):
    """What a body says it is."""

    JSON = "one event or an array"
    BATCH = "an array"
    LINES = "one event a line"


CONTENT_TYPES: Final = {
    "application/json": Kind.JSON,
    "application/cloudevents+json": Kind.JSON,
    "application/cloudevents-batch+json": Kind.BATCH,
    "application/x-ndjson": Kind.LINES,
    "application/ndjson": Kind.LINES,
    "application/jsonl": Kind.LINES,
}

HTTP_STATUS: Final = {
    "bad_json": 400, "bad_utf8": 400, "not_a_number": 400, "empty_body": 400, "bad_gzip": 400, "bad_query": 400,
    "forbidden": 403, "not_found": 404, "exists": 409, "conflict": 412, "body_too_large": 413, "event_too_large": 413,
    "too_many_events": 413, "too_slow": 408, "unsupported_type": 415, "unsupported_encoding": 415,
}  # fmt: skip
"""The HTTP status of a refusal's code; 422 for all others."""


class Malformed(msgspec.Struct, frozen=True):
    """An item that isn't JSON: why, and its bytes."""

    error: EventError
    raw: bytes


def kind_of(content_type: str | None, *, known: dict[str, Kind] = CONTENT_TYPES) -> Kind:
    """Read a Content-Type header. Raises EventError `unsupported_type`."""
    media, _, parameters = (content_type or "").partition(";")
    kind = known.get(media.strip().lower())
    if kind is None:
        said = f"{media.strip()[:80]!r} isn't accepted" if media.strip() else "The Content-Type header is missing"
        raise EventError("unsupported_type", f"{said}; send one of {', '.join(known)}.")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise EventError("unsupported_type", f"The charset {charset[1][:40]!r} isn't accepted; send UTF-8.")
    return kind


def inflate(body: bytes, *, encoding: str | None, most_bytes: int) -> bytes:
    """Undo a Content-Encoding, at most `most_bytes` of it: a bomb costs no more than an honest body.

    Raises EventError unsupported_encoding, bad_gzip, body_too_large.
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    if name not in ("gzip", "x-gzip"):
        raise EventError("unsupported_encoding", f"The encoding {name[:40]!r} isn't accepted; send gzip or none.")
    parts: list[bytes] = []
    room = most_bytes
    try:
        while body:
            stream = zlib.decompressobj(wbits=31)
            part = stream.decompress(body, room + 1)
            room -= len(part)
            if room < 0:
                raise body_too_large(most_bytes)
            if not stream.eof:
                raise EventError("bad_gzip", "The gzip body ends too early; send all of it.")
            parts.append(part)
            body = stream.unused_data.lstrip(b"\0")
    except zlib.error as error:
        raise EventError("bad_gzip", f"The body isn't gzip: {error}.") from error
    return b"".join(parts)


def body_too_large(most_bytes: int) -> EventError:
    """Build the refusal of a body that is too large."""
    return EventError("body_too_large", f"The body is larger than {most_bytes} bytes; send it in several.")


def items_of(body: bytes, kind: Kind, *, most_items: int, max_depth: int) -> list[Any]:
    """Take a body apart into decoded JSON values, and `Malformed` for those that aren't JSON.

    Raises EventError empty_body, bad_json and its kin (a single event), not_an_array, too_many_events.
    """
    body = body.removeprefix(_BOM)
    if not body.strip():
        raise EventError("empty_body", "The body is empty; send a CloudEvents 1.0 JSON object, an array, or NDJSON.")
    if kind is Kind.LINES:
        return _bounded(_decode_lines(body), most_items)
    is_array = body.lstrip()[:1] == b"["
    if kind is Kind.BATCH and not is_array:
        raise EventError("not_an_array", "This Content-Type announces an array; send one, or application/json.")
    if not is_array:
        return [decode_item(body, max_depth=max_depth)]
    try:
        values: list[Any] = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        values = [decode_item(item, max_depth=max_depth) for item in _bounded(cut_array(body), most_items)]
    return _bounded(values, most_items)


def decode_item(raw: bytes, *, max_depth: int = 64) -> Any:
    """Decode one JSON value; `Malformed` when it isn't one."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Malformed(_diagnose(raw, error, max_depth=max_depth), raw)


def excerpt_of(item: Any) -> str:
    """Return the first characters of an item, for people to recognise it by."""
    if isinstance(item, Malformed):
        raw = item.raw[: 4 * EXCERPT_CHARS]
    elif isinstance(item, bytes):
        raw = item[: 4 * EXCERPT_CHARS]
    else:
        try:
            raw = msgspec.json.encode(item)[: 4 * EXCERPT_CHARS]
        except RecursionError:
            return "(nested very deep)"
    return raw.strip().decode("utf-8", "replace")[:EXCERPT_CHARS]


def cut_array(body: bytes) -> list[bytes]:
    """Cut a JSON array into its items by brackets and commas alone.

    Where the brackets don't match any more, the rest is one item, which won't decode.
    """
    items: list[bytes] = []
    depth = 0
    start = 0
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark == b'"':
            break
        if mark in (b"[", b"{"):
            depth += 1
            if depth == 1:
                start = token.end()
        elif mark in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                return _finished(items, body, start=start, end=token.start(), after=token.end(), mark=mark)
        elif mark == b"," and depth == 1:
            items.append(body[start : token.start()])
            start = token.end()
    return [*items, body[start:] + b","]  # a whole value before the missing bracket mustn't hide that it is missing


def _finished(items: list[bytes], body: bytes, *, start: int, end: int, after: int, mark: bytes) -> list[bytes]:
    last = body[start:end]
    if mark == b"]" and not body[after:].strip():
        return [*items, last] if items or last.strip() else []
    return [*items, body[start:]]


def _decode_lines(body: bytes) -> Iterable[Any]:
    try:
        return list(_DECODER.decode_lines(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [decode_item(line) for line in body.split(b"\n") if line.strip()]


def _bounded(items: Iterable[Any], most_items: int) -> list[Any]:
    found = items if isinstance(items, list) else list(items)
    if len(found) > most_items:
        raise EventError("too_many_events", f"{len(found)} events in one body; send at most {most_items} at a time.")
    return found


def _diagnose(raw: bytes, error: Exception, *, max_depth: int) -> EventError:
    if isinstance(error, RecursionError):
        return EventError("too_deep", f"Nested deeper than {max_depth} levels; flatten it.")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return EventError("bad_utf8", f"Byte {bad.start} of the item isn't UTF-8; encode it as UTF-8.")
    if any(found[1] for found in _NOT_A_NUMBER.finditer(raw)):
        return EventError("not_a_number", "NaN and Infinity aren't JSON; send null or leave the field out.")
    return EventError("bad_json", f"Not JSON: {error}.")
