"""Says what a notification is, and what became of it. Pure; times are Unix seconds."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal["info", "success", "warning", "error"]
Severity: TypeAlias = Literal["info", "success", "warning", "error", "critical"]
About: TypeAlias = Literal["collections", "people", "system", "connection"]
"""What a notification is about: a row of the preferences."""

RANKS: Final[dict[str, int]] = {"info": 0, "success": 1, "warning": 2, "error": 3, "critical": 4}
KINDS: Final[dict[str, Kind]] = {
    "info": "info", "success": "success", "warning": "warning", "error": "error", "critical": "error",
}  # fmt: skip
ABOUTS: Final[tuple[About, ...]] = ("collections", "people", "system", "connection")
EVERYONE: Final = "everyone"
MAX_ACTIONS: Final = 2


class Source(msgspec.Struct, frozen=True):
    """Where the event stands that a notification tells of. It is what makes telling it twice impossible."""

    channel: str
    epoch: str
    offset: int

    def is_before(self, other: Source) -> bool:
        """Tell whether this lies before `other` in one stream; of different streams nothing is claimed."""
        return (self.channel, self.epoch) == (other.channel, other.epoch) and self.offset < other.offset


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """A button: its label, what it does (`open`, `acknowledge`, …), and to what."""

    label: str
    name: str
    argument: str = ""


class Notification(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One notice. What has the same `key` is one row; `count` is how many events it stands for.

    `audience` is `everyone`, `person:<id>` or `role:<name>`. `duration_s` is how long a toast of it stays, None for its
    kind's usual. `is_alarm` marks one that stands until it is cleared; `is_routine` one that only who wants it gets.
    `source` is None for what no event caused, such as a page's own.
    """

    id: str
    key: str
    severity: Severity
    title: str
    at: float
    kind: Kind = "info"
    about: About = "system"
    message: str = ""
    rule: str = ""
    why: str = ""
    collection: str | None = None
    actor: str | None = None
    audience: str = EVERYONE
    duration_s: float | None = None
    actions: tuple[Action, ...] = ()
    metadata: dict[str, Any] = {}
    count: int = 1
    source: Source | None = None
    is_alarm: bool = False
    is_routine: bool = False

    @property
    def is_critical(self) -> bool:
        """Tell whether it has to be acknowledged."""
        return self.severity == "critical"


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """What `key` told of is over, since the event at `source`."""

    key: str
    at: float
    why: str
    source: Source | None = None
    audience: str = EVERYONE


class Retold(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm that stands has news: the same row, other numbers. Never a reason to disturb anybody."""

    key: str
    at: float
    title: str
    message: str
    source: Source | None = None
    audience: str = EVERYONE


Signal: TypeAlias = Notification | Cleared | Retold


class State(StrEnum):
    """How far a person has come with a row."""

    UNSEEN = "unseen"  # never on screen since its last news
    SEEN = "seen"  # was on screen
    READ = "read"
    DONE = "done"


class Acknowledgement(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who took a critical row on, when, and why or how."""

    who: str
    at: float
    why: str = ""


class Marks(msgspec.Struct, frozen=True, omit_defaults=True):
    """What people did with a row. `closed_at` is when its banner was put aside without an acknowledgement."""

    state: State = State.UNSEEN
    snoozed_until: float | None = None
    acknowledged: Acknowledgement | None = None
    closed_at: float | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the centre: every notification of a key.

    `newest` gives the words, `severity` is the worst since the row was last settled, `count` counts the events since
    then and `total` all of them. `revision` is the inbox's when news came last. `storm_at` is when it was last part of
    a storm, `is_storm` marks the row that holds the notices which got no row of their own.
    """

    key: str
    newest: Notification
    severity: Severity
    count: int
    total: int
    first_at: float
    last_at: float
    revision: int
    marks: Marks = Marks()
    cleared_at: float | None = None
    cleared_why: str = ""
    cleared_source: Source | None = None
    storm_at: float | None = None
    is_storm: bool = False

    @property
    def needs_acknowledgement(self) -> bool:
        """Tell whether it is critical, stands, and nobody has taken it on."""
        return self.severity == "critical" and self.marks.acknowledged is None and self.cleared_at is None

    def is_snoozed(self, now: float) -> bool:
        """Tell whether it is out of sight for a while."""
        until = self.marks.snoozed_until
        return until is not None and until > now and self.marks.state is not State.DONE

    def is_unread(self, now: float) -> bool:
        """Tell whether it counts as unread."""
        return self.marks.state in (State.UNSEEN, State.SEEN) and not self.is_snoozed(now)


def reaches(audience: str, *, person: str, roles: frozenset[str] | set[str] = frozenset()) -> bool:
    """Tell whether what has this audience is for this person."""
    if audience == EVERYONE:
        return True
    name, _, whom = audience.partition(":")
    return (name == "person" and whom == person) or (name == "role" and whom in roles)
