"""Writes the log: a line a message, for people or as JSON, under the id of the request it is about, without secrets.

Threads: any (logging locks its handlers; the id of a request is its task's own).
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, TextIO

ROOT: Final = "realtime"
MASK: Final = "•••"
_SERVERS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access")
_OTHERS: Final = (*_SERVERS, "streamlit")
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
# A JWT wherever it stands, and what follows the usual words for a secret.
_LOOKS_SECRET: Final = (
    re.compile(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*"),
    re.compile(r"(?i)(?<=bearer )[^\s\"',]+"),
    re.compile(r"(?i)(?<=x-api-key: )[^\s\"',]+"),
)
_request: ContextVar[str] = ContextVar("tideboard_request", default="")


def set_up(*, level: str, is_json: bool, hidden: Iterable[str | None] = (), stream: TextIO | None = None) -> None:
    """Log from now on as an operator chose; `hidden` are texts that never appear. Calling it again replaces it.

    That is also how the server below us logs, which at its most talkative writes down whole frames and headers; as
    JSON Streamlit as well: one kind of line in one stream.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    words = [one for one in hidden if one]
    handler.setFormatter(JsonLines(words) if is_json else Lines(words))
    loggers = [logging.getLogger(name) for name in (ROOT, *(_OTHERS if is_json else _SERVERS))]
    for logger in loggers:
        for old in list(logger.handlers):
            logger.removeHandler(old)
        logger.addHandler(handler)
        logger.propagate = False
    loggers[0].setLevel(level.upper())
    for name in _SERVERS:
        logging.getLogger(name).setLevel(server_level(level).upper())


def server_level(level: str) -> str:
    """Return from when on the servers below us are heard: a line for every request or socket is for who debugs."""
    return level if level in ("debug", "error") else "warning"


@contextmanager
def request(sent: str | None) -> Iterator[str]:
    """Let everything that is logged in this block stand under one id: the one that was sent, if it can be one."""
    known = sent if sent is not None and _ID.fullmatch(sent) else secrets.token_hex(8)
    token = _request.set(known)
    try:
        yield known
    finally:
        _request.reset(token)


class Lines(logging.Formatter):
    """A line for people."""

    def __init__(self, hidden: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._hidden = tuple(hidden)

    def format(self, record: logging.LogRecord) -> str:
        """Write one message, with its request's id where it has one."""
        known = _request.get()
        line = super().format(record)
        return masked(f"{line} [request {known}]" if known else line, self._hidden)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message; request, fields and error where there are any."""

    def __init__(self, hidden: Iterable[str] = ()) -> None:
        super().__init__()
        self._hidden = tuple(hidden)

    def format(self, record: logging.LogRecord) -> str:
        """Write one message."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if known := _request.get():
            told["request"] = known
        told |= getattr(record, "fields", {})
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return masked(json.dumps(told, ensure_ascii=False, default=str), self._hidden)


def masked(text: str, hidden: Iterable[str] = ()) -> str:
    """Hide these texts, and what looks like a token or a key."""
    for word in hidden:
        text = text.replace(word, MASK)
    for pattern in _LOOKS_SECRET:
        text = pattern.sub(MASK, text)
    return text
