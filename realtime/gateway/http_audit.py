"""Answers the HTTP routes of the audit: searching it, walking its chain, and noting what an app saw people do."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from realtime.config import Settings
from realtime.errors import EventError
from realtime.gateway.asking import current_asker
from realtime.gateway.audit import Audit
from realtime.gateway.audit_file import Search
from realtime.gateway.http_access import identity_of
from realtime.gateway.requests import number_in, read_json, reply
from realtime.protocol.audit import OUTCOMES, AuditNote, AuditPage, AuditVerdict
from realtime.protocol.codes import ErrorCode, refuse

_MOST_ROWS: Final = 1000
_MOST_TEXT: Final = 200


class AuditRoutes:
    """Shows the audit to administrators, and takes notes from apps."""

    def __init__(self, audit: Audit, *, settings: Settings, is_open: bool) -> None:
        """`is_open`: there is nothing to tell an administrator by, so whoever is let in is one."""
        self._audit = audit
        self._settings = settings
        self._is_open = is_open
        self._walking = asyncio.Lock()

    async def show_audit(self, request: Request) -> Response:
        """Answer the newest rows that match, with what was noted a moment ago."""
        self._only_administrators(request)
        limit = number_in(request, "limit", default=100, most=_MOST_ROWS) or 100
        before = number_in(request, "before", default=None)
        search = _search(request)
        await asyncio.to_thread(self._audit.flush)
        rows = await asyncio.to_thread(self._audit.reader().page, search, limit=limit, before=before)
        return reply(AuditPage(rows, rows[-1].number if len(rows) == limit else None))

    async def verify_audit(self, request: Request) -> Response:
        """Walk the whole chain; one walk at a time."""
        self._only_administrators(request)
        async with self._walking:
            await asyncio.to_thread(self._audit.flush)
            found, head, rows = await asyncio.to_thread(self._audit.reader().verify)
        return reply(AuditVerdict(not found, rows, str(head), [one.reason for one in found]))

    async def note_audit(self, request: Request) -> Response:
        """Note what an app saw somebody do."""
        if not (self._is_open or identity_of(request).is_app):
            raise refuse(ErrorCode.PERMISSION_DENIED, message="Only the dashboard itself may note things (role app).")
        try:
            note = msgspec.convert(await read_json(request, settings=self._settings), AuditNote)
        except msgspec.ValidationError as error:
            raise EventError("bad_note", f"Send an action, an actor and an outcome: {error}.") from error
        asker = current_asker()
        origin = note.origin or ("" if asker is None else asker.origin)
        self._audit.note(
            note.action, actor=note.actor, outcome=note.outcome, target=note.target, origin=origin, detail=note.detail
        )
        return reply({"noted": True})

    def _only_administrators(self, request: Request) -> None:
        if not (self._is_open or identity_of(request).may_administer):
            raise refuse(ErrorCode.PERMISSION_DENIED, message="Only an administrator may read the audit (role admin).")


def _search(request: Request) -> Search:
    query = request.query_params
    if query.get("outcome", "ok") not in OUTCOMES:
        raise EventError("bad_query", f"'outcome' has to be one of {', '.join(OUTCOMES)}.")
    words = {name: query.get(name, "")[:_MOST_TEXT] for name in ("text", "actor", "action", "outcome")}
    return Search(**words, since_ms=_moment(request, "since"), until_ms=_moment(request, "until"))


def _moment(request: Request, name: str) -> int | None:
    """Read a moment from the query, RFC 3339 with an offset, as Unix milliseconds. Raises EventError `bad_query`."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return int(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise EventError("bad_query", f"'{name}' has to be a time such as 2026-01-31T12:00:00Z.") from None
