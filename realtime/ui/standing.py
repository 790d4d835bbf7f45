"""Judges who an identity provider says is at a page: who that is to us, and whether they may be here. Pure.

Source: OpenID Connect Core 1.0, sections 2 and 5.1 (the claims of an ID token).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from realtime.notifications.text import clean
from realtime.protocol.roles import foreign, roles_in

LONGEST_NAME: Final = 60
LONGEST_ID: Final = 200
_LEEWAY_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Person:
    """Who is at a page: `id` stands in events as `actor`, `name` is what people read."""

    id: str
    name: str
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Why somebody who is signed in may not be here, in a sentence; `is_stale`: signing in again helps."""

    reason: str
    is_stale: bool = False


IsOut = Callable[[str, float], bool]
"""Tells whether a person (by id) who signed in at a moment (Unix seconds) was blocked, or sent away, since."""


def judge(
    claims: Mapping[str, Any], *, now: float, roles_claim: str, life_s: float, is_out: IsOut, is_blocked: IsOut
) -> Person | TurnedAway:
    """Say who is signed in, from the claims that Streamlit keeps of the provider's ID token, or why they may not be.

    `life_s` is how long a sign-in is good for. Times are Unix seconds.
    """
    identifier = person_id(claims)
    if identifier is None:
        return TurnedAway("The identity provider didn't say who you are (no 'sub'); tell whoever runs Tideboard.")
    signed_in_at = _moment(claims.get("iat"))
    if is_blocked(identifier, signed_in_at):
        return TurnedAway(f"{identifier} is blocked here. An administrator can let you in again.")
    if not now - life_s < signed_in_at <= now + _LEEWAY_S or is_out(identifier, signed_in_at):
        return TurnedAway("Your sign-in has ended. Sign in again to go on.", is_stale=True)
    try:
        roles = foreign(roles_in(claims, roles_claim))
    except ValueError:
        return TurnedAway(f"Your roles can't be read from the claim {roles_claim!r}; tell whoever runs Tideboard.")
    return Person(identifier, _name(claims) or identifier, frozenset(roles))


def person_id(claims: Mapping[str, Any]) -> str | None:
    """Return a person's id: their e-mail address if the provider has verified it, else the provider's own id of them.

    With several providers, another one's ids are marked with its name: `sub` is only unique within one.
    """
    email, subject, provider = claims.get("email"), claims.get("sub"), claims.get("provider")
    if isinstance(email, str) and email and claims.get("email_verified") in (True, "true"):
        found = email.strip().lower()
    elif isinstance(subject, str) and subject:
        found = subject if provider in (None, "default") else f"{provider}:{subject}"
    else:
        return None
    is_plain = len(found) <= LONGEST_ID and found.isprintable()
    return found if is_plain else "sub-" + hashlib.sha256(found.encode("utf-8", "replace")).hexdigest()


def _name(claims: Mapping[str, Any]) -> str:
    for claim in ("name", "preferred_username", "email"):
        said = claims.get(claim)
        if isinstance(said, str) and said.strip():
            return " ".join(clean(said).split())[:LONGEST_NAME].strip()
    return ""


def _moment(said: Any) -> float:
    """Read a time; one that isn't there was long ago."""
    return float(said) if isinstance(said, int | float) and not isinstance(said, bool) else 0.0
