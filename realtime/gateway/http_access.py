"""Decides whom the HTTP routes answer: anybody, unless a key is set or tokens are required. Reads headers only."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Final

from starlette.requests import Request

from realtime.errors import Disconnect
from realtime.gateway.access import Access, Identity
from realtime.protocol.codes import DisconnectCode, ErrorCode, refuse
from realtime.protocol.roles import ADMIN

ACTOR: Final = "tideboard.actor"
"""Where a request's scope says who it is from, once admitted; missing when nobody in particular."""
IDENTITY: Final = "tideboard.identity"
"""Where a request's scope says who it is from, whole: an `Identity`. Missing before it was admitted."""
_IN_URL: Final = frozenset(
    {"token", "access_token", "id_token", "jwt", "authorization", "api_key", "apikey", "x-api-key"}
)
_KEY_HOLDER: Final = Identity(roles=(ADMIN,))
TOKEN_IN_URL: Final = "Send tokens and keys in a header or in connect: an address ends up in logs and histories."  # noqa: S105


class HttpAccess:
    """Admits requests by `X-API-Key` or by a bearer JWT."""

    def __init__(self, access: Access, *, api_key: str | None, now: Callable[[], float]) -> None:
        self._access = access
        self._api_key = api_key
        self._now = now

    async def admit(self, request: Request) -> Identity:
        """Let a request pass, noting who it is from.

        Raises CommandError 101 (no or a wrong key or token), 103 (blocked) or 109 (expired).
        """
        identity = _KEY_HOLDER if self._has_key(request) else await self._identity(bearer_in(request.headers))
        request.scope[IDENTITY] = identity
        if identity.user and not identity.is_app:
            request.scope[ACTOR] = identity.user
        return identity

    async def _identity(self, token: str) -> Identity:
        if not token and not self._access.is_open:
            raise refuse(ErrorCode.UNAUTHORIZED, message="Send an X-API-Key header or a bearer token that is valid.")
        await self._access.prepare(token)
        try:
            return self._access.identify(token, now=self._now())
        except Disconnect as error:
            if error.code == DisconnectCode.PERMISSION_DENIED:
                raise refuse(
                    ErrorCode.PERMISSION_DENIED, message="This user is blocked; ask an administrator."
                ) from error
            raise refuse(ErrorCode.UNAUTHORIZED, message="The bearer token isn't valid; get a new one.") from error

    def _has_key(self, request: Request) -> bool:
        sent = request.headers.get("x-api-key")
        if sent is None or self._api_key is None:
            return False
        # Compared in constant time, so that the key can't be guessed character by character.
        return hmac.compare_digest(sent.encode(), self._api_key.encode())


def identity_of(request: Request) -> Identity:
    """Return who an admitted request is from."""
    identity = request.scope.get(IDENTITY)
    return identity if isinstance(identity, Identity) else Identity()


def bearer_in(headers: Mapping[str, str]) -> str:
    """Return the bearer token among headers (names in lower case), empty for none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def has_token_in_url(query: Mapping[str, str]) -> bool:
    """Tell whether an address carries what belongs into a header."""
    return any(name.lower() in _IN_URL for name in query)
