"""Answers the HTTP route that shows a person's inbox."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from realtime.errors import EventError
from realtime.gateway.access import Identity
from realtime.gateway.http_access import IDENTITY
from realtime.gateway.inbox_rights import InboxRights
from realtime.gateway.inboxes import Inboxes
from realtime.gateway.requests import reply
from realtime.protocol.channels import inbox_channel, is_known_channel
from realtime.protocol.codes import ErrorCode, refuse


class InboxRoutes:
    """Shows inboxes."""

    def __init__(self, inboxes: Inboxes, rights: InboxRights) -> None:
        self._inboxes = inboxes
        self._rights = rights

    async def show(self, request: Request) -> Response:
        """Show an inbox as all commands up to a position made it; somebody never heard of has an empty one."""
        user = request.path_params["user"]
        if not is_known_channel(inbox_channel(user)):
            raise EventError("bad_query", "A person's id has 1 to 249 characters.")
        if not self._rights.may_use(request.scope.get(IDENTITY, Identity()), user):
            raise refuse(ErrorCode.PERMISSION_DENIED)
        folded = await asyncio.to_thread(self._inboxes.fold, user)
        return reply({"inbox": folded.inbox, "position": folded.position})
