"""Says who somebody is, by the JWT they bring: Centrifugo's claims, HS256. No sockets, no HTTP, no clock of its own.

Without a secret everybody is let in, as nobody in particular.
Threads: any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import jwt
import msgspec

from realtime.protocol.codes import DisconnectCode, ErrorCode, hang_up, refuse

ALGORITHM: Final = "HS256"
_OPTIONS: Final[Any] = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud"), False)  # told the time


class Claims(msgspec.Struct, frozen=True):
    """What a token may say (Centrifugo docs, "Client JWT authentication"); anything else is ignored."""

    sub: str = ""
    exp: float | None = None
    nbf: float | None = None
    info: msgspec.Raw = msgspec.Raw(b"null")
    channels: list[str] = []
    roles: list[str] = []


@dataclass(frozen=True, slots=True)
class Identity:
    """Who it is. `info` is JSON that others see in presence; `expires_at` Unix seconds."""

    user: str = ""
    info: bytes = b""
    expires_at: float | None = None
    channels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class Access:
    """Checks tokens."""

    def __init__(self, *, secret: str | None, require_token: bool = False) -> None:
        self._secret = secret
        self._require_token = require_token

    @property
    def is_open(self) -> bool:
        """Tell whether there is no secret, so that tokens mean nothing."""
        return self._secret is None

    def identify(self, token: str, *, now: float) -> Identity:
        """Say who brings `token` at `now` (Unix seconds).

        Raises CommandError 109 for an expired token, which the client replaces by itself, and Disconnect 3500 for an
        invalid one, and for none at all where one is required.
        """
        if self._secret is None or (not token and not self._require_token):
            return Identity()
        claims = self._claims(token, now=now)
        if claims.exp is not None and claims.exp <= now:
            raise refuse(ErrorCode.TOKEN_EXPIRED)
        return Identity(
            user=claims.sub,
            info=b"" if bytes(claims.info) == b"null" else bytes(claims.info),
            expires_at=claims.exp,
            channels=tuple(claims.channels),
            roles=tuple(claims.roles),
        )

    def renew(self, token: str, *, user: str, now: float) -> float | None:
        """Check the token that prolongs the connection of `user`; returns when it expires next.

        Raises Disconnect 3005 for an expired token, 3500 for an invalid one or somebody else's.
        """
        if self._secret is None:
            return None
        claims = self._claims(token, now=now)
        if claims.sub != user:
            raise hang_up(DisconnectCode.INVALID_TOKEN)
        if claims.exp is not None and claims.exp <= now:
            raise hang_up(DisconnectCode.EXPIRED)
        return claims.exp

    def _claims(self, token: str, *, now: float) -> Claims:
        assert self._secret is not None
        try:
            payload = jwt.decode_complete(token, self._secret, algorithms=[ALGORITHM], options=_OPTIONS)["payload"]
            claims = msgspec.json.decode(msgspec.json.encode(payload), type=Claims)
        except (jwt.InvalidTokenError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise hang_up(DisconnectCode.INVALID_TOKEN) from error
        if claims.nbf is not None and claims.nbf > now:
            raise hang_up(DisconnectCode.INVALID_TOKEN)
        return claims
