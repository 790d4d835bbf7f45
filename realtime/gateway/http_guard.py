"""Stands before every HTTP route: who may come, how fast, from which page; and what every answer says to browsers."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from time import perf_counter
from typing import Final, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from realtime import logs
from realtime.errors import CommandError, ConflictError, EventError, NotRunning, StorageError
from realtime.gateway.asking import KEY, Asker, asker_of, asking
from realtime.gateway.http_access import IDENTITY, TOKEN_IN_URL, bearer_in, has_token_in_url, identity_of
from realtime.gateway.requests import Handler, answer_to, problem
from realtime.hub.gate import Gate, Refusal
from realtime.hub.ports import Peer
from realtime.protocol.codes import ErrorCode, too_fast

Authorize: TypeAlias = Callable[[Request], Awaitable[object]]
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_UNAUTHORIZED: Final = frozenset({int(ErrorCode.UNAUTHORIZED), int(ErrorCode.TOKEN_EXPIRED)})
# What is answered is data: no browser shall run it, frame it, guess its type, keep it, or tell others where it is from.
SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NO_STORE: Final = "no-store"
_ALLOWED_HEADERS: Final = (
    "Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-API-Key"
)
_EXPOSED_HEADERS: Final = "ETag, Location, Retry-After, X-Request-ID"
REQUEST_ID: Final = "X-Request-ID"
_OWN_FAULT: Final = 500
_LOG: Final = logging.getLogger(__name__)
_PREFLIGHT_S: Final = "600"


def guarded(handler: Handler, *, gate: Gate, authorize: Authorize) -> Handler:
    """Wrap a handler: refuse foreign pages, strangers and the too fast; turn Tideboard's errors into answers."""

    async def answer(request: Request) -> Response:
        with logs.request(request.headers.get(REQUEST_ID)) as known:
            began = perf_counter()
            peer = gate.peer_of(request.scope)
            response = dressed(await _answer(request, peer), request, peer, gate=gate)
            response.headers[REQUEST_ID] = known
            _tell(request, response.status_code, perf_counter() - began)
            return response

    async def _answer(request: Request, peer: Peer) -> Response:
        refusal = _objection(gate, request, peer)
        if refusal is not None:
            _note(gate, request, Asker(origin=peer.address), refusal.code)
            return problem(refusal.code, refusal.reason, status=refusal.status)
        if has_token_in_url(request.query_params):
            return problem("token_in_url", TOKEN_IN_URL, status=400)
        try:
            asker = await _admitted(gate, request, peer, authorize=authorize)
            with asking(asker):
                return await handler(request)
        except NotRunning:
            return problem("not_running", "The gateway isn't running now.", status=503, headers={"Retry-After": "1"})
        except CommandError as error:
            if error.code not in _UNAUTHORIZED and error.code != ErrorCode.TOO_MANY_REQUESTS:
                _note(gate, request, _asker(request, peer), error.message)
            return answer_to(error)
        except (EventError, ConflictError, StorageError) as error:
            return answer_to(error)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:  # a mistake of ours: whoever asked gets an answer with the id that the log has it under
            _LOG.exception("%s %s failed", request.method, request.url.path)
            return problem("internal", "This failed in the gateway itself; its log says why.", status=500)

    return answer


def _tell(request: Request, status: int, seconds: float) -> None:
    """Log an answer; those that are the gateway's own fault so that they are seen."""
    level = logging.WARNING if status >= _OWN_FAULT else logging.DEBUG
    if _LOG.isEnabledFor(level):
        fields = {"method": request.method, "path": request.url.path, "status": status, "ms": round(seconds * 1000, 1)}
        words = "%s %s: %d in %.1f ms"
        _LOG.log(level, words, request.method, request.url.path, status, seconds * 1000, extra={"fields": fields})


def preflight(methods: Iterable[str], *, gate: Gate) -> Handler:
    """Answer what a browser asks before another origin's page may ask anything (Fetch, "CORS-preflight")."""
    allowed = ", ".join(sorted(methods))

    async def answer(request: Request) -> Response:
        peer = gate.peer_of(request.scope)
        response = Response(status_code=204, headers={"Allow": f"{allowed}, OPTIONS"})
        if gate.origins.is_named(peer):
            response.headers["Access-Control-Allow-Methods"] = allowed
            response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = _PREFLIGHT_S
        return dressed(response, request, peer, gate=gate)

    return answer


def dressed(response: Response, request: Request, peer: Peer, *, gate: Gate) -> Response:
    """Put on what browsers need to know. A page of an origin that isn't named may not read the answer."""
    headers = response.headers
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if request.method not in _SAFE or "authorization" in request.headers or "x-api-key" in request.headers:
        headers.setdefault("Cache-Control", _NO_STORE)
    else:
        headers.setdefault("Cache-Control", "no-cache")
    if "origin" in peer.headers:
        headers.add_vary_header("Origin")
        if gate.origins.is_named(peer):
            headers["Access-Control-Allow-Origin"] = peer.headers["origin"]
            headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
            headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _objection(gate: Gate, request: Request, peer: Peer) -> Refusal | None:
    """Say what is wrong with where it comes from. Other sites may ask to read: without CORS they hear no answer."""
    found = gate.objection(peer)
    if found is not None and request.method in _SAFE and gate.origins.knows_host(peer):
        return None
    return found


async def _admitted(gate: Gate, request: Request, peer: Peer, *, authorize: Authorize) -> Asker:
    """Say who asks, once they may. Raises CommandError: who isn't let in is counted by their address."""
    try:
        await authorize(request)
    except CommandError as error:
        stranger = Asker(origin=peer.address)
        await _count(gate, stranger)
        _note(gate, request, stranger, error.message)
        raise
    asker = _asker(request, peer)
    await _count(gate, asker)
    return asker


async def _count(gate: Gate, asker: Asker) -> None:
    if asker.is_app:
        return
    wait_s = await gate.wait_s("commands", asker.who, per_s=gate.quotas.commands_per_s)
    if wait_s > 0:
        gate.told("commands_per_s", actor=asker.name, origin=asker.origin)
        raise too_fast(wait_s)


def _asker(request: Request, peer: Peer) -> Asker:
    if "x-api-key" in request.headers and request.scope.get(IDENTITY) is not None and not bearer_in(request.headers):
        return Asker(KEY, peer.address)
    return asker_of(identity_of(request), peer.address)


def _note(gate: Gate, request: Request, asker: Asker, detail: str) -> None:
    target = f"{request.method} {request.url.path}"
    gate.notes.note("call", actor=asker.name, outcome="refused", target=target, origin=asker.origin, detail=detail)
