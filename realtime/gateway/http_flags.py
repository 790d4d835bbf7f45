"""Answers the HTTP routes about flags: where they stand, with the figures that a change is judged by; and switching."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from realtime.config import Settings
from realtime.errors import CommandError, EventError
from realtime.gateway.asking import current_asker
from realtime.gateway.http_access import identity_of
from realtime.gateway.requests import read_json, reply
from realtime.gateway.switchboard import Switchboard
from realtime.hub.notes import Notes
from realtime.protocol.codes import ErrorCode, refuse
from realtime.protocol.flags import NOTIFICATIONS, READ_ONLY, REALTIME, WEBSOCKET, Flag, Flags, FlagsTold, FlagTold
from realtime.pulse import NOTICES, PULSE, PUSHES, SOCKETS, WRITES, Figures, Pulse

SUBJECTS: Final = {WEBSOCKET: SOCKETS, REALTIME: PUSHES, NOTIFICATIONS: NOTICES, READ_ONLY: WRITES}
"""What is counted beside each flag."""
_ACTION: Final = "flag.set"


class FlagChange(msgspec.Struct, frozen=True):
    """What to switch: shares of the people by flag, 0 to 100. `by`: for whom an app asks."""

    flags: dict[str, Any]
    why: str = ""
    by: str = ""


class FlagRoutes:
    """Tells and switches flags."""

    def __init__(
        self, flags: Switchboard, *, settings: Settings, audit: Notes, is_open: bool, pulse: Pulse = PULSE
    ) -> None:
        """`is_open`: there is nothing to tell an administrator by, so whoever is let in is one."""
        self._flags = flags
        self._settings = settings
        self._audit = audit
        self._is_open = is_open
        self._pulse = pulse

    async def show_flags(self, request: Request) -> Response:
        """Tell where the flags stand."""
        if not self._may_administer(request):
            raise _denied("see the flags")
        return reply(self._told(self._flags.current))

    async def set_flags(self, request: Request) -> Response:
        """Switch flags, all of those named or none."""
        change = await self._change(request)
        actor = _actor(request, change)
        names = ", ".join(f"{name} {percent}" for name, percent in sorted(change.flags.items()))[:200]
        try:
            if not self._may_administer(request):
                raise _denied("switch flags")
            flags = await asyncio.to_thread(self._flags.set, change.flags, by=actor, why=change.why)
        except (CommandError, EventError) as error:
            self._note(actor, names, outcome="refused", detail=str(error))
            raise
        self._note(actor, names, outcome="ok", detail=change.why)
        return reply(self._told(flags))

    def _may_administer(self, request: Request) -> bool:
        """Tell whether it comes from an administrator, or an app, which asks for a person it has checked."""
        return self._is_open or identity_of(request).may_administer

    def _note(self, actor: str, names: str, *, outcome: Any, detail: str) -> None:
        asker = current_asker()
        origin = "" if asker is None else asker.origin
        self._audit.note(_ACTION, actor=actor, outcome=outcome, target=names, origin=origin, detail=detail)

    async def _change(self, request: Request) -> FlagChange:
        content = await read_json(request, settings=self._settings)
        try:
            return msgspec.convert(content, FlagChange)
        except msgspec.ValidationError as error:
            raise EventError("bad_flag", f'Send {{"flags": {{"<name>": 0 to 100}}, "why": "…"}}: {error}.') from error

    def _told(self, flags: Flags) -> FlagsTold:
        return FlagsTold(flags.revision, tuple(self._one(flag) for flag in flags.flags))

    def _one(self, flag: Flag) -> FlagTold:
        subject = SUBJECTS[flag.name]
        return FlagTold(
            flag.name, flag.percent, flag.changed_at, flag.changed_by, flag.why,
            now=self._pulse.figures(subject, since=flag.changed_at or 0.0),
            before=None if flag.changed_at is None else self._flags.before(flag.name).get(subject, Figures()),
        )  # fmt: skip


def _actor(request: Request, change: FlagChange) -> str:
    """Say who it is: by token; an app, or whoever is let in without one, says for whom."""
    identity = identity_of(request)
    return change.by or identity.user if identity.is_app or not identity.user else identity.user


def _denied(what: str) -> CommandError:
    return refuse(ErrorCode.PERMISSION_DENIED, message=f"Only an administrator may {what}; ask one, or bring a token.")
