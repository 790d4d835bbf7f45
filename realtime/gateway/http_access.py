"""Decides whom the HTTP routes answer: anybody, unless a key is set or tokens are required. Reads headers only."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from starlette.requests import Request

from realtime.config import Settings
from realtime.errors import Disconnect
from realtime.gateway.access import Access, Identity
from realtime.protocol.codes import ErrorCode, refuse

ACTOR: Final = "tideboard.actor"
"""Where a request's scope says who it is from, once admitted; missing when nobody in particular."""
IDENTITY: Final = "tideboard.identity"
"""Where a request's scope holds the whole `Identity` of its token, or an admin's for the key; missing for neither."""


class HttpAccess:
    """Admits requests by `X-API-Key` or by a bearer JWT."""

    def __init__(self, access: Access, *, settings: Settings, now: Callable[[], float]) -> None:
        self._access = access
        self._api_key = settings.api_key
        self._is_needed = settings.api_key is not None or settings.require_token
        self._now = now

    def admit(self, request: Request) -> None:
        """Let a request pass, noting who it is from. Raises CommandError 101 (no or a wrong key or token) or 109."""
        if self._has_key(request):
            request.scope[IDENTITY] = Identity(roles=("admin",))
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or self._access.is_open:
            if self._is_needed:
                raise refuse(
                    ErrorCode.UNAUTHORIZED, message="Send an X-API-Key header or a bearer token that is valid."
                )
            return
        try:
            identity = self._access.identify(token.strip(), now=self._now())
        except Disconnect as error:
            raise refuse(ErrorCode.UNAUTHORIZED, message="The bearer token isn't valid; get a new one.") from error
        request.scope[IDENTITY] = identity
        if identity.user:
            request.scope[ACTOR] = identity.user

    def _has_key(self, request: Request) -> bool:
        sent = request.headers.get("x-api-key")
        if sent is None or self._api_key is None:
            return False
        # Compared in constant time, so that the key can't be guessed character by character.
        return hmac.compare_digest(sent.encode(), self._api_key.encode())
