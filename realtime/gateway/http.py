"""Makes the HTTP routes from the table of endpoints. What they answer is in the http_* files beside this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, compile_path

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
from realtime.gateway.http_state import StateRoutes, answer_live
from realtime.gateway.requests import Handler, problem
from realtime.hub.gate import Gate

NOWHERE: Final = "/api/{rest:whole}"
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")


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
    made += [Route(path, preflight(allowed, gate=gate), methods=["OPTIONS"]) for path, allowed in methods.items()]
    # Last: what is no route under /api is answered here, before Streamlit's pages would be.
    return [*made, Route(NOWHERE, _nowhere(methods, gate=gate), methods=list(_METHODS))]


def _handler(endpoint: Endpoint, api: Callable[[], Api], *, gate: Gate, authorize: Authorize) -> Handler:
    group, _, method = endpoint.handler.partition(".")

    if endpoint.handler == "state.live":
        return guarded(answer_live, gate=gate, authorize=_admit_all)  # also while there is nothing else to answer

    async def answer(request: Request) -> Response:
        response: Response = await getattr(getattr(api(), group), method)(request)
        return response

    return guarded(answer, gate=gate, authorize=_admit_all if endpoint.is_open else authorize)


def _nowhere(methods: Mapping[str, Sequence[str]], *, gate: Gate) -> Handler:
    """Answer what no route does: 405 with what may be asked there, or 404."""
    known = [(compile_path(path)[0], allowed) for path, allowed in methods.items()]

    async def answer(request: Request) -> Response:
        path = f"/api/{request.path_params['rest']}"  # without a base path, which the patterns don't know
        allowed = {one for pattern, some in known if pattern.match(path) for one in some}
        if not allowed:
            return problem("no_route", "There is nothing at this address; see /api/openapi.json.", status=404)
        named = ", ".join(sorted(allowed | {"OPTIONS"}))
        return problem("no_method", f"This address answers {named}.", status=405, headers={"Allow": named})

    return guarded(answer, gate=gate, authorize=_admit_all)


class _Whole(Convertor[str]):
    """The rest of a path, whatever is in it: a document's id may hold slashes, and ends of lines."""

    regex = r"(?s:.*)"

    def convert(self, value: str) -> str:
        """Take it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Write it as it is."""
        return value


register_url_convertor("whole", _Whole())


async def _admit_all(request: Request) -> None:
    """Let everybody pass."""
