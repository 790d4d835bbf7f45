"""Says which events deserve notice, and what such a notice is. Pure: facts in, notifications out.

A rule is a value: made in code (`defaults`), or read from settings (`tables`). Rules about rates are judged in `rates`.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, TypeAlias

import msgspec

from realtime.notifications.facts import Fact
from realtime.notifications.model import EVERYONE, KINDS, Action, Kind, Notification, Severity
from realtime.notifications.text import (
    MAX_KEY_CHARS,
    MAX_MESSAGE_CHARS,
    MAX_TITLE_CHARS,
    Template,
    fill,
    read_template,
)

Op: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">=", "contains", "changed-to"]
_ORDERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_ANYTHING: Final = ("*",)


def holds(op: Op, found: Any, value: Any) -> bool:
    """Tell whether a claim is true of the value that was found. `changed-to` is true of what it has changed to."""
    if op in ("==", "changed-to"):
        return _same(found, value)
    if op == "!=":
        return not _same(found, value)
    if op == "contains":
        return _contains(found, value)
    return _comparable(found, value) and _ORDERS[op](found, value)


class Condition(msgspec.Struct, frozen=True):
    """A claim about one field of a fact."""

    field: str
    op: Op
    value: str | float | int | bool | None

    def holds(self, fact: Fact) -> bool:
        """Tell whether the claim is true. Values of other types are simply unequal, and in no order."""
        found = fact.look(self.field)
        return holds(self.op, found, self.value) and (self.op != "changed-to" or self._was_other(fact))

    def _was_other(self, fact: Fact) -> bool:
        """A new document has changed to all it holds; of one whose past isn't known nothing is claimed."""
        if fact.before is None:
            return fact.type == "collection:created"
        before = Fact(type=fact.type, source=fact.source, at=0.0, received_at=0.0, document=fact.before)
        return not _same(before.look(self.field.removeprefix("document.")), self.value)


class Pattern(msgspec.Struct, frozen=True):
    """Which facts are meant: any of these event types and collections (`*`, `?` as in file names), all claims true."""

    events: tuple[str, ...]
    collections: tuple[str, ...] = _ANYTHING
    where: tuple[Condition, ...] = ()

    def names(self, type_: str, collection: str | None) -> bool:
        """Tell whether events of a type, about a collection or none, can be meant at all."""
        return any(fnmatchcase(type_, pattern) for pattern in self.events) and (
            self.collections == _ANYTHING
            or (collection is not None and any(fnmatchcase(collection, pattern) for pattern in self.collections))
        )

    def matches(self, fact: Fact) -> bool:
        """Tell whether a fact is meant."""
        return self.names(fact.type, fact.collection) and self.holds(fact)

    def holds(self, fact: Fact) -> bool:
        """Tell whether all claims are true of a fact."""
        return all(condition.holds(fact) for condition in self.where)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How often is too often, in a window that slides with the events' own time.

    With `among` it is a share: what the rule matches, of that and what `among` matches. Without, it is a count. It is
    crossed above `above` (with at least `minimum` events), and over again below `clear_below`. `time` names fields that
    tell an event's time, the first there is; none: the event's own.
    """

    window_s: float
    above: float
    clear_below: float
    minimum: int = 1
    among: Pattern | None = None
    time: tuple[str, ...] = ()

    @property
    def is_share(self) -> bool:
        """Tell whether `above` is a share from 0 to 1."""
        return self.among is not None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What deserves notice, how it is put, and for whom.

    `group` makes the key: what has the same is one row. `clears` makes the key of what a match puts an end to.
    """

    id: str
    when: Pattern
    severity: Severity
    title: Template
    message: Template
    group: Template
    kind: Kind | None = None
    audience: Template = Template(EVERYONE, ((EVERYONE, None),))
    why: Template | None = None
    clears: Template | None = None
    duration_s: float | None = None
    actions: tuple[tuple[Template, str, Template], ...] = ()
    is_routine: bool = False
    rate: Rate | None = None

    def patterns(self) -> tuple[Pattern, ...]:
        """Return what it listens to."""
        among = self.rate.among if self.rate is not None else None
        return (self.when,) if among is None else (self.when, among)

    def fields(self) -> frozenset[str]:
        """Name every field it asks about."""
        templates = [self.title, self.message, self.group, self.audience, self.why, self.clears]
        templates += [each for label, _, argument in self.actions for each in (label, argument)]
        asked = {path for template in templates if template for _, path in template.parts if path}
        asked |= {condition.field for pattern in self.patterns() for condition in pattern.where}
        return frozenset(asked | set(self.rate.time if self.rate else ()))

    def key(self, fact: Fact, **more: Any) -> str:
        """Return the row that a fact belongs to."""
        return _keyed(fill(self.group, self._looking(fact, more), limit=MAX_KEY_CHARS)) or self.id

    def cleared_key(self, fact: Fact) -> str | None:
        """Return the row that a fact puts an end to, None when it ends nothing."""
        if self.clears is None:
            return None
        return _keyed(fill(self.clears, self._looking(fact, {}), limit=MAX_KEY_CHARS)) or self.id

    def audience_of(self, fact: Fact) -> str:
        """Return for whom a notice of a fact is."""
        if self.audience.text == EVERYONE:
            return EVERYONE
        return fill(self.audience, fact.look, limit=MAX_KEY_CHARS)

    def words(self, fact: Fact, **more: Any) -> tuple[str, str]:
        """Return title and message for a fact; `more` are values by name beside the fact's."""
        look = self._looking(fact, more)
        title = fill(self.title, look, limit=MAX_TITLE_CHARS, is_read=True) or self.id
        return title, fill(self.message, look, limit=MAX_MESSAGE_CHARS, is_read=True)

    def reason(self, fact: Fact) -> str:
        """Say why this reached somebody."""
        if self.why is not None:
            return fill(self.why, fact.look, limit=MAX_TITLE_CHARS)
        where = f"collection {fact.collection}, " if fact.collection else ""
        return f"because of {where}rule '{self.id}'"

    def notice(self, fact: Fact, *, severity: Severity | None = None, **more: Any) -> Notification:
        """Make the notification of a fact."""
        worst = severity or self.severity
        title, message = self.words(fact, **more)
        source, look = fact.source, self._looking(fact, more)
        at_event = f"{source.channel}@{source.epoch}:{source.offset}"
        return Notification(
            id=f"{at_event}~{self.id}" if self.rate else at_event,
            key=self.key(fact, **more),
            severity=worst,
            kind=self.kind or KINDS[worst],
            about=fact.about,
            title=title,
            message=message,
            at=fact.at,
            rule=self.id,
            why=self.reason(fact),
            collection=fact.collection,
            actor=fact.actor,
            audience=self.audience_of(fact),
            duration_s=self.duration_s,
            actions=tuple(
                Action(fill(label, look, limit=40), name, fill(argument, look, limit=MAX_TITLE_CHARS))
                for label, name, argument in self.actions
            ),
            metadata={} if fact.id is None else {"id": fact.id},
            source=source,
            is_alarm=self.rate is not None,
            is_routine=self.is_routine,
        )

    def _looking(self, fact: Fact, more: dict[str, Any]) -> Callable[[str], Any]:
        known = {"rule": self.id, "severity": self.severity, "kind": self.kind or KINDS[self.severity], **more}
        # What a document calls "kind" isn't ours: `{document.kind}` still finds it.
        return lambda path: known[path] if path in known else fact.look(path)


def plain_rule(id_: str, event: str, severity: Severity, title: str, message: str, **more: Any) -> Rule:
    """Make a rule from texts, as code writes it."""
    texts: dict[str, Any] = {
        name: read_template(more.pop(name)) for name in ("audience", "why", "clears") if name in more
    }
    actions = tuple(
        (read_template(label), name, read_template(argument)) for label, name, argument in more.pop("actions", ())
    )
    pattern = Pattern(
        events=tuple(event.split()), collections=more.pop("collections", _ANYTHING), where=more.pop("where", ())
    )
    return Rule(
        id=id_, when=pattern, severity=severity, title=read_template(title), message=read_template(message),
        group=read_template(more.pop("group", "{kind} {about} {collection}")), actions=actions, **texts, **more,
    )  # fmt: skip


def _keyed(text: str) -> str:
    """Leave the tilde in front to keys that aren't made from what documents say."""
    return text.lstrip("~ ")


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    return bool(found == wanted)


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return isinstance(wanted, str) and wanted.lower() in found.lower()
    return isinstance(found, list) and any(_same(each, wanted) for each in found)


def _comparable(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return False
    return (isinstance(found, int | float) and isinstance(wanted, int | float)) or (
        isinstance(found, str) and isinstance(wanted, str)
    )
