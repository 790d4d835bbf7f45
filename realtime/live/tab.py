"""Says what the live side knows of one tab. Values, no behaviour."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from realtime.hub.pace import Pace
from realtime.hub.ports import Member
from realtime.live.tickets import Ticket
from realtime.protocol.events import JsonObject

ACTS_PER_S: Final = 20.0
ACTS_BURST: Final = 40


class Said(msgspec.Struct, frozen=True):
    """What a tab says: its name, whether it can be seen, whether someone is there, what it needs whole, what they do.

    `active` is said when somebody did something there. `act` is what they ask of their own inbox.
    """

    tab: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    visible: bool | None = None
    idle: bool | None = None
    active: bool | None = None
    want: str | None = None
    act: JsonObject | None = None


@dataclass(slots=True)
class Tab:
    """What this room knows of one connection: whose it is, the views it shows, by channel, and which acts wait.

    `key` is how the tab names itself; `counted` are the key and the person it is counted as here by. `is_silenced`: an
    operator has switched pushing to it off.
    """

    person: str | None = None
    key: str = ""
    counted: tuple[str, str] | None = None
    is_visible: bool = True
    is_silenced: bool = False
    is_idle: bool = False
    shown: dict[str, Ticket] = field(default_factory=dict)
    acts: deque[tuple[str, JsonObject]] = field(default_factory=deque)
    pace: Pace = field(default_factory=lambda: Pace(per_s=ACTS_PER_S, burst=ACTS_BURST))
    acting: asyncio.Task[None] | None = None

    @property
    def is_pushed_to(self) -> bool:
        """Tell whether what happens in its views is sent to it."""
        return self.is_visible and not self.is_silenced


def tab_of(member: Member) -> Tab:
    """Return what is known of a connection's tab."""
    if not isinstance(member.slot, Tab):
        member.slot = Tab()
    return member.slot
