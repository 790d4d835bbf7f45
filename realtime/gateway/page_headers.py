"""Puts on every answer of the process, Streamlit's pages included, what keeps other sites from framing or guessing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send


class PageHeaders:
    """An ASGI middleware. What an answer says itself stays as it is."""

    def __init__(self, app: ASGIApp, *, framed_by: Iterable[str] = ()) -> None:
        """Wrap an app; `framed_by` are the origins whose pages may show ours in a frame."""
        self._app = app
        ancestors = " ".join(["'self'", *framed_by])
        self._headers = {
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Content-Security-Policy": f"frame-ancestors {ancestors}",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as before, with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)


def under(base: str, routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """Repeat routes under a base path such as `board`; nothing for none.

    One by one and not as a mount, which would answer for all of the path, Streamlit's pages included.
    """
    prefix = "/" + base.strip("/")
    made: list[BaseRoute] = []
    for route in routes if prefix != "/" else ():
        if isinstance(route, Route):
            made.append(Route(prefix + route.path, route.endpoint, methods=list(route.methods or ()), name=route.name))
        elif isinstance(route, WebSocketRoute):
            made.append(WebSocketRoute(prefix + route.path, route.endpoint))
    return made
