"""Makes the HTTP routes from the table of endpoints. What they answer is in the http_* files beside this one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from realtime.gateway.endpoints import ENDPOINTS, Endpoint
from realtime.gateway.http_channels import ChannelRoutes
from realtime.gateway.http_criticals import CriticalRoutes
from realtime.gateway.http_documents import DocumentRoutes
from realtime.gateway.http_events import EventRoutes
from realtime.gateway.http_flags import FlagRoutes
from realtime.gateway.http_inbox import InboxRoutes
from realtime.gateway.http_revocations import RevocationRoutes
from realtime.gateway.http_state import StateRoutes
from realtime.gateway.requests import Handler, guarded

Authorize = Callable[[Request], Awaitable[object]]


@dataclass(frozen=True)
class Api:
    """Who answers: one object a group of routes, as the table names them."""

    events: EventRoutes
    documents: DocumentRoutes
    channels: ChannelRoutes
    criticals: CriticalRoutes
    inbox: InboxRoutes
    revocations: RevocationRoutes
    flags: FlagRoutes
    state: StateRoutes


def routes(api: Callable[[], Api], *, authorize: Authorize) -> list[BaseRoute]:
    """Make the routes. `api` is asked at every request, since routes exist before the log does; it raises NotRunning.

    `authorize` raises CommandError or EventError for who may not, and NotRunning.
    """
    return [
        Route(endpoint.path, _handler(endpoint, api, authorize), methods=[endpoint.method], name=endpoint.handler)
        for endpoint in ENDPOINTS
    ]


def _handler(endpoint: Endpoint, api: Callable[[], Api], authorize: Authorize) -> Handler:
    group, _, method = endpoint.handler.partition(".")

    async def answer(request: Request) -> Response:
        response: Response = await getattr(getattr(api(), group), method)(request)
        return response

    return guarded(answer, authorize=_admit_all if endpoint.is_open else authorize)


async def _admit_all(request: Request) -> None:
    """Let everybody pass."""
