"""Answers the HTTP routes in the shape of Centrifugo's server API: publish, history, presence, info, channels, batch.

Replies are `{"result": …}` or `{"error": {"code", "message"}}`, with HTTP status 200 (Centrifugo docs, "Server API").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from realtime.config import Settings
from realtime.errors import CommandError, Disconnect, EventError
from realtime.gateway.access import Identity
from realtime.gateway.bodies import CONTENT_TYPES
from realtime.gateway.census import Census, Node
from realtime.gateway.http_access import identity_of
from realtime.gateway.ingest import Ingest
from realtime.gateway.lens import Lens
from realtime.gateway.permits import Permits
from realtime.gateway.requests import read_json, reply
from realtime.gateway.rights import Sight
from realtime.protocol.codes import DisconnectCode, ErrorCode, refuse
from realtime.protocol.frames import (
    ChannelRequest,
    HistoryRequest,
    HistoryResult,
    PresenceResult,
    PresenceStatsResult,
    Publication,
)

_MOST_HISTORY: Final = 10_000
_MOST_COMMANDS: Final = 1_000
_T = TypeVar("_T")


class _Publish(msgspec.Struct):
    channel: str
    data: Any


class _End(msgspec.Struct, frozen=True):
    code: int = DisconnectCode.FORCE_NO_RECONNECT
    reason: str = "force disconnect"


class _Disconnect(msgspec.Struct):
    user: str
    client: str = ""
    disconnect: _End = _End()


class _Batch(msgspec.Struct):
    commands: list[dict[str, Any]]
    parallel: bool = False


class ChannelRoutes:
    """Publishes to channels, reads their streams and tells who listens."""

    def __init__(
        self,
        lens: Lens,
        ingest: Ingest,
        *,
        census: Census,
        settings: Settings,
        permits: Permits,
    ) -> None:
        self._lens = lens
        self._ingest = ingest
        self._census = census
        self._settings = settings
        self._permits = permits
        self._commands: dict[str, Callable[[Any, Identity], Awaitable[Any]]] = {
            "publish": self._publish,
            "history": self._history,
            "presence": self._presence,
            "presence_stats": self._presence_stats,
            "info": self._info,
            "channels": self._channels,
            "disconnect": self._disconnect,
        }

    async def publish(self, request: Request) -> Response:
        """Publish one event to the channel it belongs to."""
        return await self._answer("publish", request)

    async def history(self, request: Request) -> Response:
        """Read a part of a channel's stream: what polls when the socket can't be had."""
        return await self._answer("history", request)

    async def presence(self, request: Request) -> Response:
        """Tell who is subscribed to a channel."""
        return await self._answer("presence", request)

    async def presence_stats(self, request: Request) -> Response:
        """Tell how many are subscribed to a channel."""
        return await self._answer("presence_stats", request)

    async def info(self, request: Request) -> Response:
        """Tell about this node, and the others."""
        return await self._answer("info", request)

    async def channels(self, request: Request) -> Response:
        """List the channels somebody is subscribed to."""
        return await self._answer("channels", request)

    async def disconnect(self, request: Request) -> Response:
        """End a user's connections."""
        return await self._answer("disconnect", request)

    async def batch(self, request: Request) -> Response:
        """Run several commands one after the other; each has its own reply."""
        try:
            batch = _convert(await self._read(request), _Batch)
            if len(batch.commands) > _MOST_COMMANDS:
                raise refuse(ErrorCode.LIMIT_EXCEEDED)
        except CommandError as error:
            return reply(_error(error))
        identity = identity_of(request)
        return reply({"replies": [await self._one_of_batch(command, identity) for command in batch.commands]})

    async def _answer(self, name: str, request: Request) -> Response:
        try:
            return reply({"result": await self._commands[name](await self._read(request), identity_of(request))})
        except CommandError as error:
            return reply(_error(error))

    async def _one_of_batch(self, command: dict[str, Any], identity: Identity) -> dict[str, Any]:
        try:
            [(name, content)] = command.items() if len(command) == 1 else [("", None)]
            if name not in self._commands:
                raise refuse(ErrorCode.METHOD_NOT_FOUND)
            return {name: await self._commands[name](content, identity)}
        except CommandError as error:
            return _error(error)

    async def _read(self, request: Request) -> Any:
        try:
            return await read_json(request, settings=self._settings, types=CONTENT_TYPES)
        except EventError as error:
            if error.code == "empty_body":
                return {}
            raise

    async def _publish(self, content: Any, identity: Identity) -> Any:
        command = _convert(content, _Publish)
        try:
            accepted = self._ingest.judge(command.data, check=self._permits.check(identity))
        except EventError as error:
            raise refuse(ErrorCode.BAD_REQUEST, message=str(error)) from error
        if accepted.channel != command.channel:
            raise refuse(ErrorCode.BAD_REQUEST, message=f"this event belongs to the channel {accepted.channel}")
        try:
            return (await self._ingest.store_as(self._permits.profile(identity), accepted)).position
        except EventError as error:
            code = ErrorCode.PERMISSION_DENIED if error.code == "forbidden" else ErrorCode.BAD_REQUEST
            raise refuse(code, message=str(error)) from error

    async def _history(self, content: Any, identity: Identity) -> HistoryResult:
        command = _convert(content, HistoryRequest)
        limit = _MOST_HISTORY if command.limit < 0 else min(command.limit, _MOST_HISTORY)
        page = await self._lens.read(
            self._sight(command.channel, identity),
            command.channel,
            since=command.since,
            limit=limit,
            reverse=command.reverse,
        )
        if not page.is_complete:
            raise refuse(ErrorCode.UNRECOVERABLE_POSITION)
        publications = [
            Publication(data=msgspec.Raw(record.raw), offset=record.offset, time=record.time_ms)
            for record in page.publications
        ]
        return HistoryResult(publications, page.top.epoch, page.top.offset)

    async def _presence(self, content: Any, identity: Identity) -> PresenceResult:
        channel = _convert(content, ChannelRequest).channel
        self._sight(channel, identity)
        return PresenceResult(await self._census.presence(channel))

    async def _presence_stats(self, content: Any, identity: Identity) -> PresenceStatsResult:
        channel = _convert(content, ChannelRequest).channel
        self._sight(channel, identity)
        present = await self._census.presence(channel)
        return PresenceStatsResult(len(present), len({one.user for one in present.values()}))

    def _sight(self, channel: str, identity: Identity) -> Sight:
        if not channel:
            raise refuse(ErrorCode.BAD_REQUEST)
        return self._permits.sight(identity, channel)

    async def _info(self, _: Any, identity: Identity) -> dict[str, Any]:
        return {"nodes": [self._told(node, identity) for node in await self._census.nodes()]}

    def _told(self, node: Node, identity: Identity) -> dict[str, Any]:
        listened = {channel for one in node.listeners for channel in one.channels}
        return {
            **node.about,
            "num_clients": node.count,
            "num_users": len({one.user for one in node.listeners}),
            "num_channels": sum(self._permits.find_sight(identity, channel) is not None for channel in listened),
        }

    async def _disconnect(self, content: Any, identity: Identity) -> dict[str, Any]:
        if not (self._permits.is_open or identity.may_administer):
            raise refuse(ErrorCode.PERMISSION_DENIED)
        command = _convert(content, _Disconnect)
        end = _disconnect_of(command.disconnect.code, command.disconnect.reason)
        await self._census.end(command.user, command.client, end)
        return {}

    async def _channels(self, content: Any, identity: Identity) -> dict[str, Any]:
        pattern = content.get("pattern") if isinstance(content, dict) else None
        nodes = await self._census.nodes()
        counted = Counter(channel for node in nodes for one in node.listeners for channel in one.channels)
        counts = {name: n for name, n in counted.items() if self._permits.find_sight(identity, name) is not None}
        shown = {name: n for name, n in counts.items() if not isinstance(pattern, str) or fnmatchcase(name, pattern)}
        return {"channels": {name: {"num_clients": count} for name, count in sorted(shown.items())}}


def _disconnect_of(code: int, reason: str) -> Disconnect:
    """Return how to end a connection. Raises CommandError 107 for a code that no SDK understands."""
    if not 3000 <= code < 5000:
        raise refuse(ErrorCode.BAD_REQUEST, message="a disconnect code is from 3000 to 4999")
    return Disconnect(code, reason)


def _convert(content: Any, cls: type[_T]) -> _T:
    try:
        return msgspec.convert(content, cls)
    except msgspec.ValidationError as error:
        raise refuse(ErrorCode.BAD_REQUEST, message=f"bad request: {error}") from error


def _error(error: CommandError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message}}
