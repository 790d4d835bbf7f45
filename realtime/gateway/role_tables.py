"""Reads roles from the `[roles.<name>]` tables of the settings. Pure; nonsense is one sentence of ConfigError."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, get_args

from realtime.errors import ConfigError
from realtime.gateway.masks import mask_of
from realtime.gateway.rights import ACTIONS, BUILT_IN, CHANNELS, Claim, Grant, Rights
from realtime.notifications.rules import Op
from realtime.protocol.channels import SYSTEM, is_collection_name
from realtime.protocol.roles import OWN

MAX_ROLES: Final = 100
MAX_GRANTS: Final = 50
_KEYS: Final = ("actions", "collections", "channels", "hide", "redact", "where")
_OPS: Final = tuple(op for op in get_args(Op) if op != "changed-to")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/\-]{0,63}")
_PATH: Final = re.compile(r"[^.]+(\.[^.]+)*")


def rights_from(tables: Mapping[str, Any], *, contact: str | None = None) -> Rights:
    """Build the rights that the tables say; none at all restrict nobody.

    A role is one table, or several (`[[roles.<name>]]`) whose grants add up. Raises ConfigError, one sentence naming
    the role and the key.
    """
    if not isinstance(tables, Mapping):
        raise ConfigError("'roles' has to be tables: begin each one with [roles.<name>].")
    if len(tables) > MAX_ROLES:
        raise ConfigError(f"There are {len(tables)} roles; at most {MAX_ROLES} are possible.")
    if not tables:
        return Rights(contact=contact or "")
    return Rights({name: _grants(name, table) for name, table in tables.items()}, contact=contact or "")


def _grants(name: str, table: Any) -> tuple[Grant, ...]:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name[:80]!r} can't name a role: use 1 to 64 letters, digits, '-', '_', '.', ':' or '/'.")
    if name in BUILT_IN or name in OWN:
        raise ConfigError(f"The role {name!r} is built in and means the same everywhere; choose another name.")
    parts = [table] if isinstance(table, Mapping) else table
    if not isinstance(parts, Sequence) or isinstance(parts, str) or not all(isinstance(one, Mapping) for one in parts):
        raise ConfigError(f"Role {name!r} has to be a table: begin it with [roles.{name}], or [[roles.{name}]].")
    if len(parts) > MAX_GRANTS:
        raise ConfigError(f"Role {name!r} has {len(parts)} tables; at most {MAX_GRANTS} are possible.")
    return tuple(_Table(name, part).grant() for part in parts)


class _Table:
    """One table being read; every complaint names the role and the key."""

    def __init__(self, role: str, table: Mapping[str, Any]) -> None:
        self._role = role
        self._table = table

    def grant(self) -> Grant:
        """Read the grant."""
        for key in self._table:
            if key not in _KEYS:
                self._refuse(str(key), f"is unknown; {_hint(str(key), _KEYS)}", dot=False)
        actions = self._words("actions", ACTIONS)
        if not actions:
            self._refuse("actions", f"is missing; name some of {', '.join(ACTIONS)}")
        return Grant(
            actions=frozenset(actions),
            collections=self._collections(actions),
            channels=self._channels(actions),
            where=self._where(),
            mask=mask_of(hidden=self._paths("hide"), redacted=self._paths("redact")),
        )

    def _collections(self, actions: Sequence[str]) -> tuple[str, ...]:
        found = self._texts("collections")
        if not found and "channels" not in self._table and actions != ("admin",):
            self._refuse("collections", 'is missing; name some, or patterns such as "orders-*", or "*" for all')
        for each in found:
            if not is_collection_name(each.replace("*", "x").replace("?", "x")):
                self._refuse("collections", f"has {each!r}, which no collection can be called")
        return found

    def _channels(self, actions: Sequence[str]) -> tuple[str, ...]:
        """Read the channels beside collections. Who reads anything hears of the system, unless told otherwise."""
        if "channels" in self._table:
            return self._words("channels", CHANNELS)
        return (SYSTEM,) if "read" in actions and "ingest" not in actions else ()

    def _where(self) -> tuple[Claim, ...]:
        found = self._table.get("where", [])
        if not isinstance(found, Sequence) or isinstance(found, str):
            self._refuse("where", "has to be a list such as [{ field = 'region', op = '==', value = 'EU' }]")
        claims: list[Claim] = []
        for each in found:
            if not isinstance(each, Mapping) or set(each) != {"field", "op", "value"}:
                self._refuse("where", "needs field, op and value in each condition, and nothing else")
            if not isinstance(each["field"], str) or not _PATH.fullmatch(each["field"]):
                self._refuse("where", f"has the field {each['field']!r}; name a field such as region")
            if each["op"] not in _OPS:
                self._refuse("where", f"has the op {each['op']!r}; use one of {', '.join(_OPS)}")
            if not isinstance(each["value"], str | int | float | bool):
                self._refuse("where", f"has the value {each['value']!r}; use a text, a number, true or false")
            claims.append(Claim(each["field"], each["op"], each["value"]))
        return tuple(claims)

    def _paths(self, key: str) -> tuple[str, ...]:
        found = self._texts(key)
        for each in found:
            if not _PATH.fullmatch(each):
                self._refuse(key, f"has {each!r}; name a field such as price, or one inside another as customer.email")
            if each == "id":
                self._refuse(key, "names 'id', which names the document and can't be kept back")
        return found

    def _words(self, key: str, known: Sequence[str]) -> tuple[str, ...]:
        found = self._texts(key)
        for each in found:
            if each not in known:
                self._refuse(key, f"has {each!r}; {_hint(each, known)}", dot=False)
        return found

    def _texts(self, key: str) -> tuple[str, ...]:
        found = self._table.get(key, ())
        texts = (found,) if isinstance(found, str) else found
        if not isinstance(texts, Sequence) or not all(isinstance(text, str) and text for text in texts):
            self._refuse(key, f"has to be a text or a list of texts; it is {found!r}")
        return tuple(texts)

    def _refuse(self, key: str, what: str, *, dot: bool = True) -> NoReturn:
        raise ConfigError(f"Role {self._role!r}: '{key}' {what}{'.' if dot else ''}")


def _hint(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
