"""Keeps a gateway that lets everybody in from being reached by everybody. Knows addresses; opens and reads no sockets.

Two doors: a process doesn't begin to listen beyond its machine without a secret, and what comes in all the same,
because another server was put around it, is turned away.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from realtime.config import Settings
from realtime.errors import StartError

_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104  # compared with, never bound to
_ADVICE: Final = (
    "set TIDEBOARD_SECRET to 32 characters or more (`openssl rand -hex 32` prints some), so that tokens are required"
)
CLOSED: Final = f"Tideboard lets nobody in from other machines until it can tell friends from strangers; {_ADVICE}."


def check_exposure(host: str | None, settings: Settings, *, option: str) -> None:
    """Refuse to listen where other machines reach us, unless the operator has set what friends are told by.

    `host` is what is to be listened on, None or "" for every address; `option` is how it was chosen. Raises StartError.
    """
    if settings.has_key or is_loopback(host or ""):
        return
    where = "Every address" if (host or "") in _EVERYWHERE else host
    raise StartError(
        f"{where} can be reached from other machines, where everybody could do everything; {_ADVICE}, "
        f"or listen on this machine alone ({option} 127.0.0.1)."
    )


def warnings_of(settings: Settings) -> list[str]:
    """Say who is let in, or isn't, otherwise than an operator may think, each in a sentence."""
    found = []
    if settings.token_jwks_url is not None and settings.token_audience is None:
        found.append(
            "TIDEBOARD_TOKEN_AUDIENCE isn't set: a token that the identity provider made for any other application "
            "lets its user in here, too."
        )
    if settings.redis_url is not None and not settings.secret:
        found.append(
            "TIDEBOARD_SECRET isn't set: each gateway has made a secret of its own, so a token that one of those "
            "sharing this Redis made is a stranger's to the others; set the same secret for all."
        )
    return found


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens on a name or address; what can't be resolved may be any."""
    if host in _EVERYWHERE:
        return False
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return bool(found) and all(_is_near(str(entry[4][0])) for entry in found)


class Threshold:
    """ASGI middleware: turns away what arrives at an address of this machine that others reach, while all is open."""

    def __init__(self, app: ASGIApp, *, is_open: Callable[[], bool]) -> None:
        self._app = app
        self._is_open = is_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 with a sentence, or pass it on."""
        if scope["type"] not in ("http", "websocket") or not (self._is_open() and came_from_afar(scope)):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": ""})  # before accept, this is HTTP 403
            return
        problem = {"error": {"code": "not_open", "reason": CLOSED}}
        await JSONResponse(problem, status_code=403)(scope, receive, send)


def came_from_afar(scope: Scope) -> bool:
    """Tell whether a request arrived at an address that isn't the loopback's.

    It is our end that counts: a proxy may say anything of the other one.
    """
    server = scope.get("server")
    try:
        return server is not None and not _is_near(str(server[0]))
    except ValueError:  # a Unix socket's path, a test's made-up name
        return False


def _is_near(address: str) -> bool:
    """Tell whether an IP address is the loopback's, written as IPv4 inside of IPv6 too. Raises ValueError."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
