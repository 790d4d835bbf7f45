"""Makes the HTTP routes from the table of endpoints. What they answer is in the http_* files beside this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from realtime.gateway.endpoints import ENDPOINTS, Endpoint
from realtime.gateway.http_audit import AuditRoutes
from realtime.gateway.http_channels import ChannelRoutes
from realtime.gateway.http_criticals import CriticalRoutes
from realtime.gateway.http_documents import DocumentRoutes
from realtime.gateway.http_events import EventRoutes
from realtime.gateway.http_flags import FlagRoutes
from realtime.gateway.http_guard import Authorize, guarded, preflight
from realtime.gateway.http_inbox import InboxRoutes
from realtime.gateway.http_revocations import RevocationRoutes
from realtime.gateway.http_state import StateRoutes
from realtime.gateway.requests import Handler
from realtime.hub.gate import Gate


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
    audit: AuditRoutes
    state: StateRoutes


def routes(api: Callable[[], Api], *, gate: Gate, authorize: Authorize) -> list[BaseRoute]:
    """Make the routes. `api` is asked at every request, since routes exist before the log does; it raises NotRunning.

    `authorize` raises CommandError or EventError for who may not, and NotRunning.
    """
    made: list[BaseRoute] = []
    methods: dict[str, list[str]] = {}
    for endpoint in ENDPOINTS:
        handler = _handler(endpoint, api, gate=gate, authorize=authorize)
        made.append(Route(endpoint.path, handler, methods=[endpoint.method], name=endpoint.handler))
        methods.setdefault(endpoint.path, []).append(endpoint.method)
    return made + [Route(path, preflight(allowed, gate=gate), methods=["OPTIONS"]) for path, allowed in methods.items()]


def _handler(endpoint: Endpoint, api: Callable[[], Api], *, gate: Gate, authorize: Authorize) -> Handler:
    group, _, method = endpoint.handler.partition(".")

    async def answer(request: Request) -> Response:
        response: Response = await getattr(getattr(api(), group), method)(request)
        return response

    return guarded(answer, gate=gate, authorize=_admit_all if endpoint.is_open else authorize)


async def _admit_all(request: Request) -> None:
    """Let everybody pass."""
