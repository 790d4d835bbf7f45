"""Reads what a token says, and writes tokens: Centrifugo's claims and ours. No keys, no clock: the caller brings both.

Source: Centrifugo docs, "Client JWT authentication"; RFC 7519.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Final

import jwt
import msgspec
from msgspec import Meta

from realtime.protocol.roles import roles_in

ALGORITHM: Final = "HS256"
MAX_TOKEN_CHARS: Final = 16_384
_LATEST: Final = 100_000_000_000  # the year 5138; beyond it a time isn't one

_Name = Annotated[str, Meta(max_length=256)]
_Names = Annotated[list[Annotated[str, Meta(min_length=1, max_length=256)]], Meta(max_length=200)]
_Moment = Annotated[float, Meta(ge=0, le=_LATEST)]


class Claims(msgspec.Struct, frozen=True):
    """What a token may say; anything else is ignored. Times in Unix seconds.

    `collections` are patterns that narrow what the roles allow; none: no narrower than they are.
    """

    sub: _Name = ""
    exp: _Moment | None = None
    nbf: _Moment | None = None
    iat: _Moment | None = None
    jti: _Name = ""
    aud: _Name | _Names | None = None
    iss: _Name = ""
    info: msgspec.Raw = msgspec.Raw(b"null")
    channels: _Names = []
    collections: _Names = []


_CLAIMS: Final = msgspec.json.Decoder(Claims)


def read_claims(payload: bytes) -> Claims:
    """Read the signed part of a token. Raises ValueError (msgspec's errors are some) for what makes no sense."""
    try:
        return _CLAIMS.decode(payload)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_roles(payload: bytes, *, claim: str) -> tuple[str, ...]:
    """Read the roles from a claim or the path of one; see `roles_in`. Raises ValueError."""
    try:
        return roles_in(msgspec.json.decode(payload), claim)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def token_id(token: str, claims: Claims) -> str:
    """Name a token, for revoking it: its `jti`, or a digest of what was signed, never of the signature.

    A signature can be written in several ways, so that a digest of it would name one token twice.
    """
    return claims.jti or "sha256:" + hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()


def is_for(claims: Claims, *, audience: str | None, issuer: str | None) -> bool:
    """Tell whether a token was made for us, by whom we expect; None expects nothing."""
    audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud or []
    return (audience is None or audience in audiences) and (issuer is None or claims.iss == issuer)


def mint(
    secret: str,
    *,
    user: str,
    identifier: str,
    now: float,
    life_s: float | None,
    roles: Sequence[str] = (),
    collections: Sequence[str] = (),
    audience: str | None = None,
    issuer: str | None = None,
) -> str:
    """Sign a token that our own gateways take. `life_s` None: it never expires. `identifier` is its `jti`."""
    claims: dict[str, Any] = {"sub": user, "jti": identifier, "iat": round(now, 3)}
    optional = {
        "exp": None if life_s is None else int(now + life_s),
        "roles": list(roles),
        "collections": list(collections),
        "aud": audience,
        "iss": issuer,
    }
    return jwt.encode(claims | {name: value for name, value in optional.items() if value}, secret, algorithm=ALGORITHM)
