"""Puts this room together: caster, tickets, hub, assets and their routes. No Streamlit, no settings of its own.

Threads: `caster` any, the rest the event loop's.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.routing import BaseRoute, Route, WebSocketRoute

from realtime.hub import Hub
from realtime.hub.gate import Gate
from realtime.live import changes  # noqa: F401 - its view has to be known before any page runs, like all others
from realtime.live.assets import PREFIX, load_assets
from realtime.live.attendance import Attendance
from realtime.live.backend import LiveBackend
from realtime.live.caster import Caster
from realtime.live.casters import Casters
from realtime.live.register import Register
from realtime.live.tickets import Tickets, ticket_key
from realtime.pulse import PUSHES

if TYPE_CHECKING:
    from realtime.config import Settings
    from realtime.store import Store

CHANNEL_PATH: Final = "/live/channel"
BEAT_S: Final = 10.0
"""A tab is asked for a sign of life this often. It answers even in the background, where its own timers hardly run."""
_PONG_WITHIN_S: Final = 4.0
_MAX_FRAME_BYTES: Final = 262_144  # a thousand rows of an inbox marked at once


class Live:
    """All of the live side of one process: give `routes()` to the app and keep `running()` open while it serves.

    Tickets are signed with `settings.secret`, or with a secret of this process alone: then tabs get new tickets
    after a restart by the rerun that Streamlit does anyway.
    """

    def __init__(
        self,
        store: Store,
        *,
        settings: Settings,
        assets_folder: Path,
        gate: Gate | None = None,
        clock: Callable[[], float] = time.time,
        standing: Callable[[str], float | None] = lambda _person: 0.0,
    ) -> None:
        """`standing` says how a person stands, None for who is out: see `Tickets`."""
        secret = settings.secret.encode() if settings.secret else secrets.token_bytes(32)
        tickets = Tickets(ticket_key(secret), standing=standing)
        self._tickets, self._settings, self._clock = tickets, settings, clock
        self.caster = Caster(store, tickets=tickets, settings=settings, clock=clock)
        self.casters = Casters(self.caster)
        self.assets = load_assets(assets_folder)
        self.attendance = Attendance(store, folder=settings.data_dir, grace_s=settings.presence_grace_s, clock=clock)
        beat_s = min(settings.ping_interval_s, BEAT_S)
        register = Register(self.attendance, silence_s=beat_s + _PONG_WITHIN_S)
        self.backend = LiveBackend(self.casters, tickets=tickets, clock=clock, register=register)
        self.owners = self.backend.owners
        self.hub = Hub(
            self.backend,
            name="live",
            subject=PUSHES,
            ping_s=beat_s,
            pong_within_s=_PONG_WITHIN_S,
            queue_bytes=settings.queue_bytes,
            max_frame_bytes=_MAX_FRAME_BYTES,
            clock=clock,
            gate=gate,
        )
        self.backend.attach(self.hub)

    def make_caster(self, store: Store, profile: str) -> Caster:
        """Make what casts a profile's store; `casters` has to be told of it."""
        return Caster(
            store, tickets=self._tickets, settings=self._settings, profile=profile, epoch=self.caster.epoch,
            clock=self._clock,
        )  # fmt: skip

    def put_out(self, person: str) -> None:
        """End the channels of somebody's tabs, whose tickets have just been taken back. Threads: any."""
        self.owners.put_out(person)

    def routes(self) -> list[BaseRoute]:
        """List the routes: WebSocket /live/channel and GET /live/assets/<version>/<file>."""
        return [
            WebSocketRoute(CHANNEL_PATH, self.hub.serve),
            Route(PREFIX + "/{version}/{name}", self.assets.respond, methods=["GET"]),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Cast while this is open; on leaving, stop within a quarter of a second and send every tab "come back"."""
        self.casters.start(asyncio.get_running_loop(), publish=self.backend.cast)
        try:
            yield
        finally:
            await asyncio.to_thread(self.casters.stop)
            await self.hub.shutdown()
