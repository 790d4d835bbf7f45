"""Answers the HTTP routes by which administrators take tokens back, and block people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from realtime.config import Settings
from realtime.errors import CommandError, Disconnect, EventError
from realtime.gateway.access import Access, Identity
from realtime.gateway.asking import Asker, current_asker
from realtime.gateway.http_access import identity_of
from realtime.gateway.requests import read_json, reply
from realtime.gateway.revocations import KINDS, PEOPLE, Kind, Revocations
from realtime.hub.notes import Notes, Unnoted
from realtime.protocol.codes import ErrorCode, refuse

_Name = Annotated[str, Meta(min_length=1, max_length=256)]
_T = TypeVar("_T")


class _Revoke(msgspec.Struct):
    token: str | None = None
    id: _Name | None = None
    user: _Name | None = None


class _User(msgspec.Struct):
    user: _Name


class RevocationRoutes:
    """Takes back what lets people in."""

    def __init__(
        self,
        revocations: Revocations,
        access: Access,
        *,
        settings: Settings,
        now: Callable[[], float],
        notes: Notes | None = None,
    ) -> None:
        self._revocations = revocations
        self._access = access
        self._settings = settings
        self._now = now
        self._notes = notes or Unnoted()

    async def revoke(self, request: Request) -> Response:
        """Take back one token (itself or its `jti`), or all tokens of a user issued up to now."""
        self._only_administrators(request)
        command = await self._read(request, _Revoke)
        if sum(one is not None for one in (command.token, command.id, command.user)) != 1:
            raise EventError("bad_revocation", "Send one of 'token', 'id' (its jti) and 'user'.")
        kind: Kind = "token"
        name, until = command.id or "", None
        if command.user is not None:
            kind, name = "user", command.user
        elif command.token is not None:
            identity = await self._whose(command.token)
            name, until = identity.token, identity.expires_at
        bar = await self._revocations.bar(kind, name, until=until)
        self._note("token.revoke", name, detail="one token" if kind == "token" else "all tokens so far of this person")
        return reply(bar)

    async def block(self, request: Request) -> Response:
        """Keep a user out until unblocked."""
        self._only_administrators(request)
        command = await self._read(request, _User)
        bar = await self._revocations.bar("block", command.user)
        self._note("user.block", command.user)
        return reply(bar)

    async def unblock(self, request: Request) -> Response:
        """Let a blocked user in again."""
        self._only_administrators(request)
        command = await self._read(request, _User)
        was_blocked = await self._revocations.lift("block", command.user)
        self._note("user.unblock", command.user)
        return reply({"user": command.user, "wasBlocked": was_blocked})

    async def list_revocations(self, request: Request) -> Response:
        """List what is out, newest first."""
        self._only_administrators(request)
        of = {None: KINDS, "all": KINDS, "people": PEOPLE}.get(request.query_params.get("of"))
        if of is None:
            raise EventError("bad_query", "'of' has to be all or people.")
        return reply({"revocations": self._revocations.all(of=of)})

    def _note(self, action: str, target: str, *, detail: str = "") -> None:
        asker = current_asker() or Asker()
        self._notes.note(action, actor=asker.name, outcome="ok", target=target, origin=asker.origin, detail=detail)

    def _only_administrators(self, request: Request) -> None:
        if not (self._access.is_open or identity_of(request).may_administer):
            raise refuse(ErrorCode.PERMISSION_DENIED, message="Only an administrator may do this (role admin).")

    async def _whose(self, token: str) -> Identity:
        """Read a token that is to be taken back. Raises EventError for one that lets nobody in anyway."""
        await self._access.prepare(token)
        try:
            return self._access.identify(token, now=self._now())
        except (CommandError, Disconnect) as error:
            raise EventError(
                "bad_revocation", "This token lets nobody in as it is: not ours, expired, or revoked."
            ) from error

    async def _read(self, request: Request, cls: type[_T]) -> _T:
        try:
            return msgspec.convert(await read_json(request, settings=self._settings), cls)
        except msgspec.ValidationError as error:
            raise EventError("bad_revocation", f"Say who or what: {error}.") from error
