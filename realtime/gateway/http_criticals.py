"""Answers the HTTP routes about critical events: acknowledging without a socket, and the dead letters."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from realtime.config import Settings
from realtime.errors import EventError
from realtime.gateway.http_access import identity_of
from realtime.gateway.permits import Permits
from realtime.gateway.ports import Log
from realtime.gateway.redelivery import AckRequest, ConsumerName, Redeliverer, consumer_of
from realtime.gateway.requests import number_in, read_json, reply

_MOST_LETTERS: Final = 1000


class _Acknowledge(AckRequest, frozen=True):
    consumer: ConsumerName


class CriticalRoutes:
    """Takes acknowledgements; lists what nobody acknowledged."""

    def __init__(self, log: Log, redeliverer: Redeliverer, *, permits: Permits, settings: Settings) -> None:
        self._log = log
        self._redeliverer = redeliverer
        self._permits = permits
        self._settings = settings

    async def acknowledge(self, request: Request) -> Response:
        """Take what a consumer has, and answer what it should have had by now: how polling gets redeliveries."""
        try:
            command = msgspec.convert(await read_json(request, settings=self._settings), _Acknowledge)
        except msgspec.ValidationError as error:
            raise EventError("bad_ack", f"Send a consumer and the positions it has: {error}.") from error
        identity = identity_of(request)
        consumer = consumer_of(command.consumer, user=identity.user)
        await self._redeliverer.meet(consumer)
        profile = self._permits.profile(identity)
        count = await self._redeliverer.acknowledge(consumer, command.events, profile=profile)
        return reply({"acknowledged": count, "criticals": await self._redeliverer.overdue(consumer, profile=profile)})

    async def list_dead_letters(self, request: Request) -> Response:
        """List dead letters, newest first, and count all that are kept. They hold events whole: for administrators."""
        self._permits.demand_admin(identity_of(request))
        limit = number_in(request, "limit", default=100, most=_MOST_LETTERS)
        before = number_in(request, "before", default=None)
        letters, total = await asyncio.to_thread(self._log.dead_letters, limit=limit or 100, before=before)
        following = letters[-1].number if len(letters) == limit else None
        return reply({"deadLetters": letters, "total": total, "before": following})
