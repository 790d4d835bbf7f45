"""Names the roles that mean something by themselves, and reads roles out of claims. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

APP: Final = "app"
"""The role of this product's own processes. Only what our own secret signed may have it."""
PAGES: Final = "pages"
"""Says that one of our own processes speaks for whoever looks at its pages, who may what the other roles say."""
ADMIN: Final = "admin"
OWN: Final = frozenset({APP, PAGES})
MOST_ROLES: Final = 200

_Name = Annotated[str, Meta(max_length=256)]
_ROLES: Final[Any] = Annotated[list[_Name], Meta(max_length=MOST_ROLES)] | _Name | None


def roles_in(claims: Any, claim: str) -> tuple[str, ...]:
    """Read the roles from a claim, whose name may be a path such as `realm_access.roles`. Raises ValueError.

    A claim that isn't there is no roles; one that can't be read isn't, since fewer roles may mean more rights.
    """
    found = msgspec.convert(at_path(claims, claim), _ROLES)
    return () if found is None else (found,) if isinstance(found, str) else tuple(found)


def foreign(roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return what somebody else may say of a person's roles: nobody else makes a process one of ours."""
    return tuple(role for role in roles if role not in OWN)


def at_path(content: Any, path: str) -> Any:
    """Return what is at a claim's name or dotted path, None when nothing is. A name with dots in it goes first."""
    if not isinstance(content, Mapping):
        return None
    if path in content:
        return content[path]
    name, _, rest = path.partition(".")
    return at_path(content.get(name), rest) if rest else None
