"""Words both sides share about the audit: its rows as they are kept and told, and what an app may note. Pure."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

Outcome: TypeAlias = Literal["ok", "refused", "failed"]
OUTCOMES: Final = ("ok", "refused", "failed")


class AuditRow(msgspec.Struct, frozen=True, rename="camel"):
    """One line of the audit: who did or tried what, when, from where, how it went, how often in that moment."""

    number: int
    time_ms: int
    actor: str
    action: str
    outcome: str
    target: str = ""
    origin: str = ""
    detail: str = ""
    times: int = 1


class AuditNote(msgspec.Struct, frozen=True):
    """What an app saw somebody do: signing in, taking an export. `origin` is the address of their browser."""

    action: Annotated[str, Meta(pattern=r"^[a-z][a-z.-]{0,63}$")]
    actor: Annotated[str, Meta(max_length=256)]
    outcome: Outcome = "ok"
    target: Annotated[str, Meta(max_length=512)] = ""
    detail: Annotated[str, Meta(max_length=512)] = ""
    origin: Annotated[str, Meta(max_length=64)] = ""


class AuditPage(msgspec.Struct, frozen=True):
    """A page of the audit, newest first; `before` leads to the next one, and is null at the end."""

    rows: list[AuditRow]
    before: int | None


class AuditVerdict(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the chain holds: how many rows it has, where it ends, and where it is broken."""

    is_whole: bool
    rows: int
    head: str
    breaks: list[str]
