"""Reads HTTP requests and writes answers, alike for every route: bodies, errors, origins. No routes in here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from realtime.config import Settings
from realtime.errors import (
    CommandError,
    ConflictError,
    EventError,
    ReadOnly,
    StorageError,
    StorageFull,
    TooFast,
)
from realtime.gateway.bodies import HTTP_STATUS, Kind, Malformed, body_too_large, decode_item, inflate, kind_of
from realtime.gateway.records import MUST_BE_NEW
from realtime.protocol.codes import ErrorCode
from realtime.protocol.events import depth_exceeds

Handler = Callable[[Request], Awaitable[Response]]

DOCUMENT_TYPES: Final = {"application/json": Kind.JSON, "application/merge-patch+json": Kind.JSON}
BODY_WITHIN_S: Final = 60.0
PART_WITHIN_S: Final = 10.0
_DRAIN_FACTOR: Final = 16
_ETAG: Final = re.compile(r'"?([0-9]{1,15})"?')
_COMMAND_STATUS: Final = {101: 401, 103: 403, 109: 401}
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class Refused(EventError):
    """A posted body that was refused as a whole; `excerpt` is its beginning."""

    def __init__(self, error: EventError, excerpt: bytes) -> None:
        super().__init__(error.code, error.reason)
        self.excerpt = excerpt


def reply(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON. `msgspec.Raw` in it is passed through."""
    body = msgspec.json.encode(content)
    return Response(body, status, headers, media_type="application/json")


def problem(code: str, reason: str, *, status: int, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """Answer with an error: `{"error": {"code", "reason"}}` and what else is known."""
    return reply({"error": {"code": code, "reason": reason}, **more}, status=status, headers=headers)


def answer_to(error: EventError | ConflictError | StorageError | CommandError) -> Response:
    """Turn an error into the answer that says it."""
    if isinstance(error, EventError):
        return problem(error.code, error.reason, status=HTTP_STATUS.get(error.code, 422))
    if isinstance(error, ConflictError):
        return problem("conflict", str(error), status=412)
    if isinstance(error, StorageFull):
        return problem("storage_full", str(error), status=507, headers={"Retry-After": "10"})
    if isinstance(error, ReadOnly):
        return problem("read_only", str(error), status=503, headers={"Retry-After": "5"})
    if isinstance(error, StorageError):
        return problem("storage_unavailable", str(error), status=503, headers={"Retry-After": "1"})
    if isinstance(error, TooFast):
        return problem("too_many_requests", error.message, status=429, headers=retry_after(error.retry_s))
    status = _COMMAND_STATUS.get(error.code, 400)
    headers = _CHALLENGE if status == 401 else None
    return problem(ErrorCode(error.code).name.lower(), error.message, status=status, headers=headers)


def retry_after(wait_s: float) -> dict[str, str]:
    """Make the header that says when to come again: whole seconds, at least one (RFC 9110, section 10.2.3)."""
    return {"Retry-After": str(max(1, ceil(wait_s)))}


async def read_body(
    request: Request, *, settings: Settings, types: dict[str, Kind] | None = None
) -> tuple[bytes, Kind]:
    """Read a body, unpacked and bounded, and what its Content-Type says it is. Raises Refused."""
    raw = await _read_bounded(request, most_bytes=settings.max_body_bytes)
    try:
        content_type = request.headers.get("content-type")
        kind = kind_of(content_type) if types is None else kind_of(content_type, known=types)
        encoding = request.headers.get("content-encoding")
        return inflate(raw, encoding=encoding, most_bytes=settings.max_body_bytes), kind
    except EventError as error:
        raise Refused(error, raw) from error


async def read_json(request: Request, *, settings: Settings, types: dict[str, Kind] | None = None) -> Any:
    """Read a body that is one JSON value. Raises EventError."""
    body, _ = await read_body(request, settings=settings, types=DOCUMENT_TYPES if types is None else types)
    if not body.strip():
        raise EventError("empty_body", "The body is empty; send a JSON object.")
    value = decode_item(body, max_depth=settings.max_depth)
    if isinstance(value, Malformed):
        raise value.error
    if depth_exceeds(value, settings.max_depth):
        raise EventError("too_deep", f"Nested deeper than {settings.max_depth} levels; flatten it.")
    return value


def number_in(request: Request, name: str, *, default: int | None, least: int = 1, most: int = 1 << 53) -> int | None:
    """Read a number from the query. Raises EventError `bad_query`."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 17 and least <= int(text) <= most):
        raise EventError("bad_query", f"'{name}' has to be a number from {least} to {most}.")
    return int(text)


def condition_in(request: Request) -> tuple[int | None, bool]:
    """Read If-Match and If-None-Match (RFC 9110, section 13.1): the version expected, and whether any will do.

    Raises EventError `bad_attribute`.
    """
    if request.headers.get("if-none-match") == "*":
        return MUST_BE_NEW, False
    text = request.headers.get("if-match")
    if text is None:
        return None, False
    if text.strip() == "*":
        return None, True
    found = _ETAG.fullmatch(text.strip())
    if found is None:
        raise EventError(
            "bad_attribute", "'If-Match' has to be one version as the ETag header gave it, such as \"12\"."
        )
    return int(found[1]), False


async def _read_bounded(request: Request, *, most_bytes: int) -> bytes:
    """Read the body; one that is too large is read on for a while, so that its sender gets to hear the answer.

    Raises Refused for one that keeps us waiting, or dribbles on and on.
    """
    parts: list[bytes] = []
    size = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + BODY_WITHIN_S
    try:
        async with asyncio.timeout_at(min(until, loop.time() + PART_WITHIN_S)) as patience:
            async for part in request.stream():
                size += len(part)
                if size <= most_bytes or not parts:
                    parts.append(part)
                if size > _DRAIN_FACTOR * most_bytes:
                    break
                if len(parts) > 1:  # most bodies are one, and a timer costs more than to read it
                    patience.reschedule(min(until, loop.time() + PART_WITHIN_S))
    except TimeoutError:
        reason = f"The body has to go on every {PART_WITHIN_S:g} s and be there in {BODY_WITHIN_S:g} s; send it again."
        raise Refused(EventError("too_slow", reason), b"") from None
    if size > most_bytes:
        raise Refused(body_too_large(most_bytes), parts[0])
    return parts[0] if len(parts) == 1 else b"".join(parts)
