"""Signs tickets: what lets a tab subscribe to one live view. A ticket is a subscription token (JWT, HS256).

No clock in here: the caller brings the time. Threads: any.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt
import msgspec

from realtime.errors import TicketError

TICKET_LIFE_S: Final = 24 * 3600.0
_REISSUE_S: Final = 3600.0
_ALGORITHM: Final = "HS256"
_ISSUER: Final = "tideboard/live"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket lets its bearer see, until `expires_at` (Unix seconds)."""

    channel: str
    view: str
    parameters: Mapping[str, Any]
    profile: str
    person: str
    expires_at: float


def channel_of(view: str, parameters: Mapping[str, Any], *, profile: str = "default") -> str:
    """Name the channel of one distinct (profile, view, parameters). Raises TypeError for what isn't JSON."""
    identity = msgspec.json.encode([profile, view, dict(parameters)], order="sorted")
    return f"view:{view}:{hashlib.sha256(identity).hexdigest()[:16]}"


def ticket_key(secret: bytes) -> bytes:
    """Derive the key of tickets from the secret of tokens: a ticket mustn't pass for a token, nor a token for one."""
    return hmac.digest(secret, b"tideboard live tickets", "sha256")


class Tickets:
    """Issues and checks tickets under one key of at least 32 bytes.

    `standing` says how a person stands: what a ticket was issued under has to be so still when it is presented, and
    None lets nobody in. Raising it takes back every ticket of theirs.
    """

    def __init__(self, key: bytes, *, standing: Callable[[str], float | None] = lambda _person: 0.0) -> None:
        self._secret = key
        self._standing = standing

    def issue(
        self, view: str, parameters: Mapping[str, Any], *, profile: str = "default", person: str = "", now: float
    ) -> str:
        """Sign a ticket that is good for about a day. The same hour gives the same text."""
        issued = now // _REISSUE_S * _REISSUE_S
        claims = {
            "iss": _ISSUER,
            "sub": person,
            "channel": channel_of(view, parameters, profile=profile),
            "exp": int(issued + TICKET_LIFE_S),
            "view": view,
            "parameters": dict(parameters),
            "profile": profile,
            "standing": self._standing(person),
        }
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def verify(self, token: str, *, now: float) -> Ticket:
        """Return what a ticket says. Raises TicketError when it is forged, expired, taken back, or not a ticket."""
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                issuer=_ISSUER,
                options={"require": ["exp", "iss"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            ticket = Ticket(
                channel=str(claims["channel"]),
                view=str(claims["view"]),
                parameters=dict(claims["parameters"]),
                profile=str(claims["profile"]),
                person=str(claims["sub"]),
                expires_at=float(claims["exp"]),
            )
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise TicketError("This ticket isn't one of ours; reload the page to get a new one.") from error
        standing = self._standing(ticket.person)
        if standing is None or claims.get("standing") != standing:
            raise TicketError("This ticket was taken back; reload the page.")
        if now >= ticket.expires_at:
            raise TicketError("This ticket has expired; reload the page to get a new one.")
        return ticket
