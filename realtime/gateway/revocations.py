"""Remembers which tokens and which people are out, whatever else they bring. Checks no token itself.

Asked in memory, kept elsewhere: what was taken back stays so through a restart. Threads: the event loop's; what keeps
it is called on another.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from realtime.errors import StorageError

MOST_BARS: Final = 100_000
Kind: TypeAlias = Literal["token", "user", "block"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
PEOPLE: Final[tuple[Kind, ...]] = ("user", "block")


class Bar(msgspec.Struct, frozen=True):
    """One thing that is out, since `at`: a token by its id, a user's tokens issued up to then, or a user altogether.

    `until` is when it may be forgotten, as the token has expired by then; None for never. Unix seconds.
    """

    kind: Kind
    name: str
    at: float
    until: float | None = None


class Revocations(ABC):
    """The list of what is out."""

    def __init__(self, bars: Iterable[Bar], *, now: Callable[[], float]) -> None:
        self._now = now
        self._bars: dict[tuple[Kind, str], Bar] = {(bar.kind, bar.name): bar for bar in bars}
        self.on_bar: Callable[[Bar], None] = lambda _: None
        """Called with what has just been barred, before it is kept."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after `on_bar`, and when something is lifted."""

    @abstractmethod
    def _keep(self, bar: Bar) -> Bar:
        """Keep what is out, durably; returns it as it is kept. Raises StorageError."""

    @abstractmethod
    async def _let_go(self, bar: Bar) -> None:
        """Keep no longer what is lifted. Raises StorageError."""

    @abstractmethod
    def close(self) -> None:
        """Let go of where it is kept."""

    def is_revoked(self, token: str, *, user: str, issued_at: float | None) -> bool:
        """Tell whether a token (by its id) was taken back, or all that its user had up to some moment.

        A token that doesn't say when it was issued counts as older than that.
        """
        if ("token", token) in self._bars:
            return True
        bar = self._bars.get(("user", user))
        return bar is not None and (issued_at is None or issued_at <= bar.at)

    def is_blocked(self, user: str) -> bool:
        """Tell whether a user is kept out."""
        return ("block", user) in self._bars

    def all(self, *, of: Collection[Kind] = KINDS) -> list[Bar]:
        """List what is out, newest first."""
        return sorted((bar for bar in self._bars.values() if bar.kind in of), key=lambda bar: -bar.at)

    async def bar(self, kind: Kind, name: str, *, until: float | None = None) -> Bar:
        """Put out a token or a user, from now on, at once; returns when that is durable.

        Raises StorageError when it can't be kept (it holds until a restart then), or when there is no more room.
        """
        self._forget_expired()
        if len(self._bars) >= MOST_BARS and (kind, name) not in self._bars:
            raise StorageError(f"{MOST_BARS} tokens and users are revoked already; change the secret instead.")
        made = self._bars[kind, name] = self._made(Bar(kind, name, self._now(), until))
        self.on_bar(made)
        self.on_change()
        kept = await asyncio.to_thread(self._keep, made)
        if kept != made:
            self._correct(kept)
        return kept

    async def lift(self, kind: Kind, name: str) -> bool:
        """Let a token or user in again; returns whether it was out. Raises StorageError, and then it still is."""
        bar = self._bars.get((kind, name))
        if bar is None:
            return False
        await self._let_go(bar)
        if self._bars.get((kind, name)) is bar:  # and not put out again meanwhile
            del self._bars[kind, name]
            self.on_change()
        return True

    def _made(self, bar: Bar) -> Bar:
        """Return what is going to be out, as it is going to be kept."""
        return bar

    def _correct(self, bar: Bar) -> None:
        """Learn how something was kept that was to be kept otherwise."""
        self._bars[bar.kind, bar.name] = bar

    def _forget_expired(self) -> None:
        """Forget tokens that have expired anyway; where they are kept it is done with what is kept next."""
        now = self._now()
        for key, bar in list(self._bars.items()):
            if bar.until is not None and bar.until < now:
                del self._bars[key]
