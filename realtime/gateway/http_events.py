"""Answers the HTTP routes that take events in, and the one that lists what was refused."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from realtime.config import Settings
from realtime.errors import EventError
from realtime.gateway.bodies import HTTP_STATUS
from realtime.gateway.http_access import ACTOR, identity_of
from realtime.gateway.ingest import REFUSED, Ingest, Report, Result
from realtime.gateway.permits import Permits
from realtime.gateway.ports import Log
from realtime.gateway.requests import Refused, condition_in, number_in, read_body, reply

_MOST_WARNINGS: Final = 1000


class EventRoutes:
    """Takes posted events; lists refusals."""

    def __init__(self, log: Log, ingest: Ingest, *, settings: Settings, permits: Permits) -> None:
        self._log = log
        self._ingest = ingest
        self._settings = settings
        self._permits = permits

    async def post_events(self, request: Request) -> Response:
        """Store what is good of a posted body; say of each item what became of it.

        If-Match is about the document of the first event: when that has changed, nothing is stored.
        """
        body = b""
        identity = identity_of(request)
        try:
            body, kind = await read_body(request, settings=self._settings)
            expected, _ = condition_in(request)
            report = await self._ingest.take_body(
                body,
                kind,
                expected=expected,
                actor=request.scope.get(ACTOR),
                check=self._permits.check(identity),
                profile=self._permits.profile(identity),
            )
        except EventError as error:
            await self._ingest.keep_body(error, error.excerpt if isinstance(error, Refused) else body)
            return _refused_whole(error)
        return reply(report, status=_status_of(report))

    async def list_warnings(self, request: Request) -> Response:
        """List kept refusals, newest first. They quote what others posted: for administrators."""
        self._permits.demand_admin(identity_of(request))
        limit = number_in(request, "limit", default=100, most=_MOST_WARNINGS)
        before = number_in(request, "before", default=None)
        rows = await asyncio.to_thread(self._log.refusals, limit=limit or 100, before=before)
        return reply({"warnings": rows, "before": rows[-1].number if len(rows) == limit else None})


def _refused_whole(error: EventError) -> Response:
    result = Result(0, REFUSED, code=error.code, reason=error.reason)
    content = {
        "error": {"code": error.code, "reason": error.reason},
        "results": [result], "stored": 0, "duplicates": 0, "refused": 1,
    }  # fmt: skip
    return reply(content, status=HTTP_STATUS.get(error.code, 422))


def _status_of(report: Report) -> int:
    """200: all are stored; 207: some; otherwise what the refusals have in common, or 422."""
    if not report.refused:
        return 200
    if report.refused < len(report.results):
        return 207
    statuses = {HTTP_STATUS.get(result.code, 422) for result in report.results}
    return statuses.pop() if len(statuses) == 1 else 422
