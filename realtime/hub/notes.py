"""Says what takes notes of who did or tried what. The gateway's audit does; where there is none they are forgotten."""

from __future__ import annotations

from typing import Protocol

from realtime.protocol.audit import Outcome


class Notes(Protocol):
    """What takes notes for the audit."""

    def note(
        self,
        action: str,
        *,
        actor: str,
        outcome: Outcome,
        target: str = "",
        origin: str = "",
        detail: str = "",
        times: int = 1,
    ) -> None:
        """Note who did or tried what. Threads: any; never raises."""


class Unnoted:
    """Takes notes and forgets them."""

    def note(
        self,
        action: str,
        *,
        actor: str,
        outcome: Outcome,
        target: str = "",
        origin: str = "",
        detail: str = "",
        times: int = 1,
    ) -> None:
        """Forget it."""
