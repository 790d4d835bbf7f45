"""Answers the HTTP routes that tell how the gateway is: health, metrics, its own description."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from realtime.errors import EventError, StorageError
from realtime.gateway.openapi import describe
from realtime.gateway.ports import Log
from realtime.gateway.requests import reply
from realtime.metrics import REGISTRY
from realtime.protocol.channels import inbox_of

_MOST_POSITIONS: Final = 100
_TRY_S: Final = 0.5
"""How long an answer waits for a commit that is tried: who asks about traffic seldom waits for a whole second."""


class StateRoutes:
    """Tells how the gateway is."""

    def __init__(
        self,
        log: Log,
        *,
        admits: Callable[[Request], Awaitable[bool]],
        are_numbers_open: bool,
        is_stopping: Callable[[], bool],
        version: str,
    ) -> None:
        """`admits` tells whether somebody may know of everything there is: positions tell of what isn't seen, too.

        `are_numbers_open`: anybody may have those for Prometheus, which name no collection and nobody.
        """
        self._are_numbers_open = are_numbers_open
        self._log = log
        self._admits = admits
        self._is_stopping = is_stopping
        self._version = version
        self._attempt: asyncio.Future[None] | None = None

    async def health(self, request: Request) -> Response:
        """Tell whether it lives and can store; 503 while it can't."""
        # Whose inboxes there are is nobody else's business, and this route is open.
        rows = [row for row in self._log.channels() if inbox_of(row.name) is None]
        trouble = await self._trouble()
        store: dict[str, Any] = {"trouble": trouble}
        if await self._admits(request):
            store |= {
                "events": sum(row.position.offset for row in rows),
                "channels": len(rows),
                "positions": {row.name: row.position for row in rows[:_MOST_POSITIONS]},
            }
        content = {"live": True, "ready": trouble is None, "version": self._version, "store": store}
        return reply(content, status=200 if trouble is None else 503)

    async def ready(self, _: Request) -> Response:
        """Tell whether it can take and store events now; 503 while it can't. For who decides about its traffic."""
        return answer_ready(await self._trouble())

    async def _trouble(self) -> str | None:
        """Say why it can't take events now. After a failed commit another is tried: nobody may be sending any."""
        if self._is_stopping():
            return "It is stopping; ask another."
        if self._log.trouble is not None:
            await self._try_writing()
        return self._log.trouble

    async def _try_writing(self) -> None:
        """Try a commit, one at a time however many ask, and wait for it a little: what stands still answers nobody."""
        with contextlib.suppress(StorageError):
            if self._attempt is None or self._attempt.done():
                self._attempt = asyncio.wrap_future(self._log.try_writing())
                self._attempt.add_done_callback(_forget)
            await asyncio.wait({self._attempt}, timeout=_TRY_S)

    async def metrics(self, request: Request) -> Response:
        """Answer the numbers for Prometheus."""
        if not (self._are_numbers_open or await self._admits(request)):
            raise EventError("forbidden", "Where roles are configured, the numbers are for the role admin.")
        return await answer_metrics(request)

    async def description(self, _: Request) -> Response:
        """Answer this API's OpenAPI description."""
        return reply(describe(version=self._version))


def _forget(attempt: asyncio.Future[None]) -> None:
    with contextlib.suppress(StorageError, asyncio.CancelledError):
        attempt.result()


async def answer_live(_: Request) -> Response:
    """Tell that this process answers. For who decides about restarting it."""
    return reply({"live": True})


def answer_ready(trouble: str | None) -> Response:
    """Tell whether there is any trouble."""
    content = {"ready": trouble is None, "trouble": trouble}
    return reply(content) if trouble is None else reply(content, status=503, headers={"Retry-After": "1"})


async def answer_metrics(_: Request) -> Response:
    """Answer this process's numbers for Prometheus."""
    body = await run_in_threadpool(generate_latest, REGISTRY)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
