"""Reads rules from the `[[rules]]` tables of the settings. Pure; what makes no sense is one sentence of ConfigError."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar, get_args

from realtime.errors import ConfigError
from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.model import EVERYONE, MAX_ACTIONS, RANKS, Kind
from realtime.notifications.rules import Condition, Op, Pattern, Rate, Rule
from realtime.notifications.text import Template, read_template
from realtime.protocol.events import EVENT_CLASSES, InboxCommand

MAX_RULES: Final = 200
_EVENTS: Final = tuple(type_ for type_ in EVENT_CLASSES if type_ != InboxCommand.TYPE)
_KEYS: Final = (
    "id", "enabled", "event", "collection", "where", "severity", "kind", "group", "title", "message", "audience", "why",
    "clears", "duration_s", "actions", "routine", "rate",
)  # fmt: skip
_RATE_KEYS: Final = ("window_s", "share", "count", "minimum", "clear_below", "among", "time")
_PATTERN_KEYS: Final = ("event", "collection", "where")
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
_T = TypeVar("_T")


def rules_from(tables: Sequence[Any], *, defaults: Sequence[Rule] = DEFAULT_RULES) -> tuple[Rule, ...]:
    """Return the default rules with those of the tables.

    A table with the id of a rule replaces it; `enabled = false` removes it. What comes from tables goes before in ties.
    Raises ConfigError, one sentence naming the rule and the key.
    """
    if not isinstance(tables, Sequence) or isinstance(tables, str):
        raise ConfigError("'rules' has to be tables: begin each one with [[rules]].")
    if len(tables) > MAX_RULES:
        raise ConfigError(f"There are {len(tables)} rules; at most {MAX_RULES} are possible.")
    rules = {rule.id: rule for rule in defaults}
    read: set[str] = set()
    for number, table in enumerate(tables, 1):
        if not isinstance(table, Mapping):
            raise ConfigError(f"Rule {number} has to be a table: begin it with [[rules]].")
        identifier = _identifier(table, number)
        if identifier in read:
            raise ConfigError(f"Rule {identifier!r} is there twice; give each its own 'id'.")
        read.add(identifier)
        rule = _Table(identifier, table).rule()
        rules.pop(identifier, None)
        if rule is not None:
            rules[identifier] = rule
    return tuple(rules.values())


def _identifier(table: Mapping[str, Any], number: int) -> str:
    found = table.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise ConfigError(f"Rule {number} needs an 'id' of 1 to 64 letters, digits, '-', '_' or '.'; it is {found!r}.")
    return found


class _Table:
    """One table being read; every complaint names the rule and the key."""

    def __init__(self, identifier: str, table: Mapping[str, Any]) -> None:
        self._name = identifier
        self._table = table

    def rule(self) -> Rule | None:
        """Read the rule; None when it is switched off."""
        table = self._table
        self._known(table, _KEYS, inside="")
        if not self._bool(table, "enabled", usual=True):
            return None
        severity = self._one_of(table, "severity", tuple(RANKS))
        return Rule(
            id=self._name,
            when=self._pattern(table, inside=""),
            severity=severity,
            title=self._template(table, "title", usual=None),
            message=self._template(table, "message", usual=""),
            group=self._template(table, "group", usual="{rule} {collection}"),
            kind=None if "kind" not in table else self._one_of(table, "kind", get_args(Kind)),
            audience=self._audience(table),
            why=None if "why" not in table else self._template(table, "why", usual=""),
            clears=None if "clears" not in table else self._template(table, "clears", usual=""),
            duration_s=None if "duration_s" not in table else self._number(table, "duration_s", low=1, high=3600),
            actions=self._actions(table),
            is_routine=self._bool(table, "routine", usual=False),
            rate=None if "rate" not in table else self._rate(table["rate"]),
        )

    # Parts of a rule

    def _pattern(self, table: Mapping[str, Any], *, inside: str) -> Pattern:
        events = self._texts(table, "event", inside=inside)
        if not events:
            self._refuse(f"{inside}event", "is missing; name an event type such as collection:deleted")
        for event in events:
            if not any(mark in event for mark in "*?[") and event not in _EVENTS:
                near = difflib.get_close_matches(event, _EVENTS, n=1, cutoff=0.6)
                hint = f"; did you mean {near[0]}?" if near else ""
                self._refuse(f"{inside}event", f"is {event!r}, which is no event type{hint}", dot=not hint)
        collections = self._texts(table, "collection", inside=inside) or ("*",)
        return Pattern(events, collections, self._where(table, inside=inside))

    def _where(self, table: Mapping[str, Any], *, inside: str) -> tuple[Condition, ...]:
        key, found = f"{inside}where", table.get("where", [])
        if not isinstance(found, Sequence) or isinstance(found, str):
            self._refuse(key, "has to be a list such as [{ field = 'status', op = '==', value = 'late' }]")
        conditions: list[Condition] = []
        for each in found:
            if not isinstance(each, Mapping) or set(each) != {"field", "op", "value"}:
                self._refuse(key, "needs field, op and value in each condition, and nothing else")
            if not isinstance(each["field"], str) or not each["field"]:
                self._refuse(key, f"has the field {each['field']!r}; name a field such as status")
            if each["op"] not in get_args(Op):
                self._refuse(key, f"has the op {each['op']!r}; use one of {', '.join(get_args(Op))}")
            if not isinstance(each["value"], str | int | float | bool):
                self._refuse(key, f"has the value {each['value']!r}; use a text, a number, true or false")
            if each["op"] in ("<", "<=", ">", ">=") and isinstance(each["value"], bool):
                self._refuse(key, f"asks for {each['op']} {each['value']}; only numbers and texts have an order")
            conditions.append(Condition(each["field"], each["op"], each["value"]))
        return tuple(conditions)

    def _rate(self, table: Any) -> Rate:
        if not isinstance(table, Mapping):
            self._refuse("rate", "has to be a table with window_s and either share or count")
        self._known(table, _RATE_KEYS, inside="rate.")
        if ("share" in table) == ("count" in table):
            self._refuse("rate", "needs either share (0 to 1, together with among) or count")
        is_share = "share" in table
        if is_share != ("among" in table):
            self._refuse("rate.among", "belongs to share: it says of what the share is taken")
        window_s = self._number(table, "window_s", low=1, high=7 * 86_400, inside="rate.")
        above = self._number(
            table, "share" if is_share else "count", low=0, high=0.999 if is_share else 1e6, inside="rate."
        )
        clear_below = above / 2
        if "clear_below" in table:
            clear_below = self._number(table, "clear_below", low=0, high=1e6, inside="rate.")
        if clear_below > above:
            self._refuse("rate.clear_below", f"is {clear_below:g}, above the {above:g} that it has to fall below")
        minimum = 1
        if "minimum" in table:
            minimum = int(self._number(table, "minimum", low=1, high=1_000_000, inside="rate."))
        among = None
        if is_share:
            if not isinstance(table["among"], Mapping):
                self._refuse("rate.among", "has to be a table with event, and perhaps collection and where")
            self._known(table["among"], _PATTERN_KEYS, inside="rate.among.")
            among = self._pattern(table["among"], inside="rate.among.")
        return Rate(
            window_s=window_s, above=above, clear_below=clear_below, minimum=minimum, among=among,
            time=self._texts(table, "time", inside="rate."),
        )  # fmt: skip

    def _audience(self, table: Mapping[str, Any]) -> Template:
        template = self._template(table, "audience", usual=EVERYONE)
        first, _, rest = template.text.partition(":")
        if template.text != EVERYONE and (first not in ("person", "role") or not rest):
            self._refuse("audience", f"is {template.text!r}; write everyone, person:<id> or role:<name>")
        return template

    def _actions(self, table: Mapping[str, Any]) -> tuple[tuple[Template, str, Template], ...]:
        found = table.get("actions", [])
        if not isinstance(found, Sequence) or isinstance(found, str) or len(found) > MAX_ACTIONS:
            self._refuse("actions", f"has to be a list of at most {MAX_ACTIONS} tables with label, name and argument")
        actions: list[tuple[Template, str, Template]] = []
        for each in found:
            if not isinstance(each, Mapping) or not {"label", "name"} <= set(each) <= {"label", "name", "argument"}:
                self._refuse("actions", "needs label and name in each action, and perhaps argument")
            label = self._template(each, "label", usual=None, inside="actions.")
            name = self._template(each, "name", usual=None, inside="actions.").text
            actions.append((label, name, self._template(each, "argument", usual="", inside="actions.")))
        return tuple(actions)

    # Values

    def _known(self, table: Mapping[str, Any], keys: Sequence[str], *, inside: str) -> None:
        for key in table:
            if key not in keys:
                near = difflib.get_close_matches(str(key), keys, n=1, cutoff=0.6)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(keys)}."
                self._refuse(f"{inside}{key}", f"is unknown; {hint}", dot=False)

    def _template(self, table: Mapping[str, Any], key: str, *, usual: str | None, inside: str = "") -> Template:
        found = table.get(key, usual)
        if not isinstance(found, str) or (usual is None and not found.strip()):
            self._refuse(f"{inside}{key}", f"has to be a text; it is {found!r}" if key in table else "is missing")
        return self._said(f"{inside}{key}", lambda: read_template(found))

    def _texts(self, table: Mapping[str, Any], key: str, *, inside: str) -> tuple[str, ...]:
        """Read a text or a list of texts."""
        found = table.get(key, ())
        texts = (found,) if isinstance(found, str) else found
        if not isinstance(texts, Sequence) or not all(isinstance(text, str) and text for text in texts):
            self._refuse(f"{inside}{key}", f"has to be a text or a list of texts; it is {found!r}")
        return tuple(texts)

    def _number(self, table: Mapping[str, Any], key: str, *, low: float, high: float, inside: str = "") -> float:
        found = table.get(key)
        if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
            self._refuse(f"{inside}{key}", f"has to be a number from {low:g} to {high:g}; it is {found!r}")
        return float(found)

    def _bool(self, table: Mapping[str, Any], key: str, *, usual: bool) -> bool:
        found = table.get(key, usual)
        if not isinstance(found, bool):
            self._refuse(key, f"has to be true or false; it is {found!r}")
        return found

    def _one_of(self, table: Mapping[str, Any], key: str, words: Sequence[str]) -> Any:
        found = table.get(key)
        if found not in words:
            said = f"is {found!r}" if key in table else "is missing"
            self._refuse(key, f"{said}; use one of {', '.join(words)}")
        return found

    def _said(self, key: str, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except ValueError as error:
            self._refuse(key, f"can't be used: {error}")

    def _refuse(self, key: str, what: str, *, dot: bool = True) -> NoReturn:
        raise ConfigError(f"Rule {self._name!r}: '{key}' {what}{'.' if dot else ''}")
