"""Remembers, while a request or command is carried out, who asks and from where, so that what is done can be noted.

It says nothing about rights: those are decided before. Threads: each task has its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from realtime.gateway.access import Identity
from realtime.hub.peers import network_of

KEY: Final = "key"
"""Who brings the API key: it has no name."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a person's id, `key`, or nobody in particular; the address; whether it speaks for many people."""

    name: str = ""
    origin: str = ""
    is_app: bool = False

    @property
    def who(self) -> str:
        """Name who is counted."""
        if self.name == KEY:
            return KEY
        return f"person:{self.name}" if self.name else f"address:{network_of(self.origin)}"


def asker_of(identity: Identity, origin: str) -> Asker:
    """Say who asks, by their token and their address."""
    return Asker(identity.user, origin, is_app=identity.is_app)


_ASKER: ContextVar[Asker | None] = ContextVar("tideboard.asker", default=None)


def current_asker() -> Asker | None:
    """Return who asks now; None when it is the gateway itself."""
    return _ASKER.get()


@contextmanager
def asking(asker: Asker) -> Iterator[None]:
    """Let what is done in this block be done for somebody."""
    token = _ASKER.set(asker)
    try:
        yield
    finally:
        _ASKER.reset(token)
