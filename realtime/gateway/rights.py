"""Says what somebody may do, from the roles they have: actions, collections, rows, fields. Pure; reads no settings.

A profile is what several roles allow together: the union of their grants, and of each field the most permissive.
Roles are read from tables in `role_tables`; who has which is `access`'s to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

import msgspec

from realtime.errors import EventError
from realtime.gateway.masks import Mask, Masks, show
from realtime.notifications.facts import inside
from realtime.notifications.rules import Op, holds
from realtime.protocol.channels import SYSTEM, USERS, collection_of
from realtime.protocol.events import JsonObject

Action: TypeAlias = Literal["read", "create", "update", "delete", "ingest", "admin"]
ACTIONS: Final[tuple[Action, ...]] = ("read", "create", "update", "delete", "ingest", "admin")
DEFAULT: Final = "default"
"""The role of who has none that is known."""
CHANNELS: Final = (SYSTEM, USERS)


class Claim(msgspec.Struct, frozen=True):
    """A claim about one field of a document; what isn't there is null."""

    field: str
    op: Op
    value: str | float | int | bool

    def holds(self, document: JsonObject) -> bool:
        """Tell whether it is true of a document."""
        return holds(self.op, inside(document, self.field), self.value)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One allowance: these actions, in these collections and channels, on documents of which all claims are true.

    `mask` is what it keeps back of a document, in reading as in writing. `within` narrows the collections.
    """

    actions: frozenset[str]
    collections: tuple[str, ...] = ()
    within: tuple[str, ...] = ("*",)
    channels: tuple[str, ...] = ()
    where: tuple[Claim, ...] = ()
    mask: Mask = ()

    def names(self, channel: str) -> bool:
        """Tell whether it is about a channel."""
        collection = collection_of(channel)
        if collection is None:
            return channel in self.channels
        return self.reaches(collection)

    def reaches(self, collection: str) -> bool:
        """Tell whether it is about a collection."""
        return _matches(collection, self.collections) and _matches(collection, self.within)

    def covers(self, document: JsonObject | None) -> bool:
        """Tell whether it is about a document of such a collection; None asks for none in particular."""
        return document is None or all(claim.holds(document) for claim in self.where)


class Sight:
    """What a profile sees of one channel. Two with the same `key` see the same.

    `is_plain`: all there is, unchanged. `is_whole`: every event, some with fields kept back. Otherwise only events
    about documents that it `sees`, a stream of its own; `rows` then says which: the same rows, the same stream.
    """

    __slots__ = ("_grants", "is_plain", "is_whole", "key", "rows")

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._grants = frozenset((grant.where, grant.mask) for grant in grants)
        self.is_whole = any(not where for where, _ in self._grants)
        self.is_plain = ((), ()) in self._grants
        self.key = "" if self.is_plain else _digest(self._grants)
        self.rows = "" if self.is_whole else _digest({where for where, _ in self._grants})

    def sees(self, document: JsonObject) -> bool:
        """Tell whether a document is visible at all."""
        return self.is_whole or any(all(claim.holds(document) for claim in where) for where, _ in self._grants)

    def masks(self, document: JsonObject) -> Masks:
        """Return what is kept back of a document it sees; nothing when that is ()."""
        if self.is_plain:
            return ()
        found = tuple(sorted(mask for where, mask in self._grants if all(claim.holds(document) for claim in where)))
        return found if all(found) else ()

    def shown(self, document: JsonObject) -> JsonObject | None:
        """Return a document as this sight shows it, None when it is hidden."""
        return show(document, self.masks(document)) if self.sees(document) else None


class Profile:
    """What somebody may do. Profiles with the same `key` may do the same; `""` may everything. Threads: any."""

    def __init__(self, grants: Iterable[Grant], *, roles: tuple[str, ...] = (), contact: str = "") -> None:
        self._grants = frozenset(grants)
        self.is_admin = any("admin" in grant.actions for grant in self._grants)
        self.key = "" if self.is_admin else _digest(map(_plain, self._grants))
        self.roles = roles
        self.contact = contact

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Profile) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    def may(self, action: Action, collection: str | None = None, document: JsonObject | None = None) -> bool:
        """Tell whether an action is allowed: on a document, somewhere in a collection, or, without one, anywhere."""
        return self.is_admin or any(
            action in grant.actions and (collection is None or grant.reaches(collection)) and grant.covers(document)
            for grant in self._grants
        )

    def may_post(self, channel: str) -> bool:
        """Tell whether events that are about no document may be posted to a channel."""
        return self.is_admin or any("ingest" in grant.actions and grant.names(channel) for grant in self._grants)

    def sight(self, channel: str) -> Sight | None:
        """Return what is seen of a channel of events, None when nothing is. Whose inbox is whose isn't known here."""
        return PLAIN if self.is_admin else _sight(self._grants, channel)

    def hears(self, channel: str) -> bool:
        """Tell whether anything of a channel is seen."""
        return self.sight(channel) is not None

    def redact(self, channel: str, raw: bytes) -> bytes | None:
        """Return an encoded envelope of a channel as it may be seen, None when it may not.

        What an event means to whom sees some rows only depends on what was before: `derived` knows that.
        """
        sight = self.sight(channel)
        return None if sight is None else redacted(sight, raw)

    def writing(self, action: Action, collection: str, *documents: JsonObject) -> Masks | None:
        """Return what somebody may not set in writing documents (before, after), None when they may not write at all.

        What may be ingested may be created, updated and deleted.
        """
        if self.is_admin:
            return ()
        wanted = {action, "ingest"}
        found = [
            grant.mask
            for grant in self._grants
            if wanted & grant.actions and grant.reaches(collection) and all(map(grant.covers, documents))
        ]
        if not found:
            return None
        return tuple(sorted(found)) if all(found) else ()

    def ingests_freely(self, channel: str) -> bool:
        """Tell whether events may be stored in a channel as they come: nothing about them has to be looked up."""
        if self.is_admin:
            return True
        sight = self.sight(channel)
        is_unseen = sight is None or sight.is_plain
        return is_unseen and any(
            "ingest" in grant.actions and not grant.where and not grant.mask and grant.names(channel)
            for grant in self._grants
        )

    def refusal(self, action: Action, place: str) -> EventError:
        """Say that an action isn't allowed, and whom to ask. `place` is a collection or a channel."""
        return EventError("forbidden", self.missing(action, place))

    def missing(self, action: Action, place: str = "") -> str:
        """Say in one sentence which right is missing, and whom to ask."""
        roles = f"Your roles ({', '.join(self.roles)}) don't" if self.roles else "You have no role that would"
        where = f" in '{place[:80]}'" if place else ""
        return f"{roles} allow '{action}'{where}; ask {self.contact or 'who runs this Tideboard'}."


class Rights:
    """Knows the roles. Threads: any."""

    def __init__(self, roles: Mapping[str, tuple[Grant, ...]] | None = None, *, contact: str = "") -> None:
        """`roles`: those that were configured; None: none were, so that roles restrict nobody."""
        self.is_configured = roles is not None
        self.contact = contact
        self._roles = {**_built_in(is_configured=self.is_configured), **(roles or {})}
        self._profiles: dict[tuple[frozenset[str], tuple[str, ...]], Profile] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Name the roles there are."""
        return tuple(sorted(self._roles))

    def profile(self, roles: Iterable[str], *, within: tuple[str, ...] = ()) -> Profile:
        """Return what somebody with these roles may do: all that any of them allows, `within` some collections only.

        Roles nobody knows count for nothing. Who has none gets the role `default`; where no roles were configured,
        everything.
        """
        known = frozenset(name for name in roles if name in self._roles)
        if not known and not self.is_configured and not within:
            return EVERYTHING
        known = known or frozenset({DEFAULT}).intersection(self._roles)
        found = self._profiles.get((known, within))
        if found is None:
            grants = [_narrowed(grant, within) for name in known for grant in self._roles[name]]
            if not known and not self.is_configured:
                grants = [_narrowed(grant, within) for grant in self._roles["admin"]]
            found = Profile(grants, roles=tuple(sorted(known - {DEFAULT})), contact=self.contact)
            if len(self._profiles) < _PROFILES_KEPT:
                self._profiles[known, within] = found
        return found


def redacted(sight: Sight, raw: bytes) -> bytes | None:
    """Return an encoded envelope as a sight shows it, None when it shows nothing of it."""
    if sight.is_plain:
        return raw
    envelope: JsonObject = msgspec.json.decode(raw)
    content = envelope.get("data")
    document = content.get("document") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(document, dict):
        return raw if sight.is_whole else None
    shown = sight.shown(document)
    if shown is None:
        return None
    return raw if shown is document else msgspec.json.encode({**envelope, "data": {**content, "document": shown}})


def _narrowed(grant: Grant, within: tuple[str, ...]) -> Grant:
    """Keep a grant to some collections: then it is about nothing else, and it isn't an administrator's any more."""
    if not within:
        return grant
    if "admin" in grant.actions:
        return Grant(actions=frozenset(ACTIONS) - {"admin"}, collections=within)
    return msgspec.structs.replace(grant, channels=(), within=within)


def _built_in(*, is_configured: bool) -> dict[str, tuple[Grant, ...]]:
    """Return the roles that are always there, under the names that scoped tokens carry."""
    every: dict[str, Any] = {"collections": ("*",), "channels": CHANNELS}
    # The app itself hears of people and of the system, and tells of people. Documents it sees as those who look at it.
    app = Grant(actions=frozenset({"read", "ingest"}), channels=CHANNELS)
    admin = Grant(actions=frozenset(ACTIONS), **every)
    return {
        "admin": (admin,),
        "reader": (Grant(actions=frozenset({"read"}), **every),),
        "ingest": (Grant(actions=frozenset({"ingest"}), **every),),
        "app": (app if is_configured else admin,),
    }


BUILT_IN: Final = tuple(_built_in(is_configured=True))
_PROFILES_KEPT: Final = 1000
PLAIN: Final = Sight((Grant(actions=frozenset({"read"})),))
"""Sees all there is of a channel."""
EVERYTHING: Final = Profile((Grant(actions=frozenset(ACTIONS), collections=("*",), channels=CHANNELS),))
"""May everything, as everybody may where no roles are configured."""


@lru_cache(maxsize=20_000)
def _sight(grants: frozenset[Grant], channel: str) -> Sight | None:
    found = [grant for grant in grants if "read" in grant.actions and grant.names(channel)]
    if not found:
        return None
    # Rows and fields are of documents; the other channels have none.
    return PLAIN if collection_of(channel) is None else Sight(found)


def _plain(grant: Grant) -> tuple[Any, ...]:
    return (sorted(grant.actions), grant.collections, grant.within, grant.channels, grant.where, grant.mask)


def _digest(values: Iterable[Any]) -> str:
    """Name a set of values, whatever their order."""
    return hashlib.blake2b(b"\n".join(sorted(map(msgspec.json.encode, values))), digest_size=8).hexdigest()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern.replace("[", "[[]")) for pattern in patterns)
