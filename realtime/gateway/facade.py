"""Puts the gateway together: the log, the hub and the routes, from one `Settings`. No rules of their own in here.

Threads: the event loop's only.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket

from realtime.config import Settings
from realtime.errors import CommandError, NotRunning
from realtime.gateway.access import Access
from realtime.gateway.announcer import Announcer
from realtime.gateway.audit import Audit
from realtime.gateway.census import Crowd, Nobody
from realtime.gateway.derived_file import FILE_NAME as DERIVED_NAME
from realtime.gateway.derived_file import DerivedFile
from realtime.gateway.documents import Documents
from realtime.gateway.engine import Engine, Wanted, engine_for
from realtime.gateway.exposure import warnings_of
from realtime.gateway.folder import claimed
from realtime.gateway.gates import gate_for
from realtime.gateway.http import Api, routes
from realtime.gateway.http_access import TOKEN_IN_URL, HttpAccess, has_token_in_url
from realtime.gateway.http_audit import AuditRoutes
from realtime.gateway.http_channels import ChannelRoutes
from realtime.gateway.http_criticals import CriticalRoutes
from realtime.gateway.http_documents import DocumentRoutes
from realtime.gateway.http_events import EventRoutes
from realtime.gateway.http_flags import FlagRoutes
from realtime.gateway.http_inbox import InboxRoutes
from realtime.gateway.http_revocations import RevocationRoutes
from realtime.gateway.http_state import StateRoutes
from realtime.gateway.inboxes import Inboxes
from realtime.gateway.ingest import Ingest
from realtime.gateway.lens import Lens
from realtime.gateway.listening import answer_at_once
from realtime.gateway.nodes.rates import SharedWindows
from realtime.gateway.notifier import Notifier
from realtime.gateway.permits import Permits
from realtime.gateway.ports import Log
from realtime.gateway.records import Stored
from realtime.gateway.revocations import Revocations
from realtime.gateway.role_tables import rights_from
from realtime.gateway.secret import secret_of
from realtime.gateway.socket import Socket
from realtime.gateway.switchboard import Switchboard
from realtime.hub import Hub
from realtime.hub.hub import SUBPROTOCOL
from realtime.notifications.tables import rules_from
from realtime.protocol.codes import DisconnectCode

_LOG: Final = logging.getLogger(__name__)
SOCKET_PATH: Final = "/connection/websocket"
ALONE_S: Final = 3.0
"""How long a gateway that can't reach what is shared keeps its connections: they would wait for news in vain."""
_WATCH_S: Final = 0.25


@dataclass(frozen=True)
class _Running:
    log: Log
    lens: Lens
    ingest: Ingest
    flags: Switchboard
    socket: Socket
    inboxes: Inboxes
    notifier: Notifier
    api: Api
    revocations: Revocations
    http_access: HttpAccess


class Gateway:
    """The gateway of this process. Its routes may be mounted before it runs; they answer 503 until it does."""

    def __init__(self, settings: Settings, *, now: Callable[[], float] = time.time) -> None:
        """Raises ConfigError, one sentence, when the rules or roles among the settings make no sense."""
        self._settings = settings
        self._rules = rules_from(settings.rules)
        self._rights = rights_from(settings.roles, contact=settings.contact)
        self._now = now
        self._running: _Running | None = None
        self.audit = Audit(
            settings.data_dir, most_rows=settings.audit_kept, most_days=settings.audit_days,
            secrets=(settings.secret, settings.api_key), now=now,
        )  # fmt: skip
        self._windows = SharedWindows(now)
        self.gate = gate_for(settings, notes=self.audit, windows=self._windows, clock=now)
        self._started_at = now()
        self._node_id = str(uuid.uuid4())

    @property
    def log(self) -> Log:
        """Return the log. Raises NotRunning outside of `running`."""
        return self._current().log

    @property
    def hub(self) -> Hub:
        """Return the hub. Raises NotRunning outside of `running`."""
        return self._current().socket.hub

    @property
    def ingest(self) -> Ingest:
        """Return the way into the log. Raises NotRunning outside of `running`."""
        return self._current().ingest

    @property
    def flags(self) -> Switchboard:
        """Return what an operator has switched. Raises NotRunning outside of `running`."""
        return self._current().flags

    def routes(self) -> list[BaseRoute]:
        """Make the routes of the HTTP API and of the socket."""
        http = routes(lambda: self._current().api, gate=self.gate, authorize=self._authorize)
        return [*http, WebSocketRoute(SOCKET_PATH, self._serve_socket)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run while the block does. Raises StartError, one sentence, when the data folder can't be used."""
        announcers: list[Announcer] = []
        loop = asyncio.get_running_loop()

        def committed(stored: Sequence[Stored]) -> None:
            if not announcers:  # another node's, before anybody is connected here: read from the log when asked for
                return
            announcers[0].committed(stored)
            running.notifier.committed(stored)
            running.inboxes.committed(stored)

        def begun_anew() -> None:
            loop.call_soon_threadsafe(self._begin_anew)

        with (
            claimed(self._settings.data_dir) as folder,
            self._audited(),
            closing(DerivedFile.open(folder / DERIVED_NAME)) as derived,
        ):
            wanted = Wanted(
                settings=self._settings, folder=folder, node=self._node_id, about=self._node, crowd=self._crowd,
                on_commit=committed, on_anew=begun_anew, windows=self._windows, now=self._now,
            )  # fmt: skip
            async with engine_for(wanted) as engine:
                try:
                    self._running = running = self._assemble(engine, derived)
                    socket = running.socket
                    # Whoever told of a change first may be heard last: what holds is how they stand by then.
                    engine.flags.watch(lambda _: loop.call_soon_threadsafe(self._switched))
                    announcers.append(
                        Announcer(
                            loop,
                            broadcast=socket.broadcast,
                            introduce=socket.introduce,
                            expect_ack=socket.redeliverer.stored,
                        )
                    )
                    await asyncio.to_thread(answer_at_once)
                    running.notifier.start()
                    async with _doing(
                        socket.redeliverer.run, running.inboxes.run, running.lens.following.run,
                        partial(self._watch, engine.log), *engine.chores,
                    ):  # fmt: skip
                        try:
                            yield
                        finally:
                            await asyncio.to_thread(running.notifier.stop)
                    await socket.hub.shutdown()
                    await running.lens.following.keep()
                finally:
                    self._running = None

    def _switched(self) -> None:
        if self._running is not None:
            self._running.socket.switched(self._running.flags.current)

    def _crowd(self) -> Crowd:
        return Nobody() if self._running is None else self._running.socket.hub

    def _begin_anew(self) -> None:
        """Let go of everything that was told under epochs that hold no more."""
        running = self._running
        if running is not None:
            running.lens.following.begin_anew()
            running.inboxes.begin_anew()
            running.notifier.begin_anew()
            running.socket.begin_anew()

    async def _watch(self, log: Log) -> None:
        """Send everybody away once nothing that others store has been heard of for a while, until cancelled."""
        while True:
            await asyncio.sleep(_WATCH_S)
            if log.cut_off_s > ALONE_S:
                self._current().socket.send_away()

    @contextmanager
    def _audited(self) -> Iterator[None]:
        self.audit.open()
        try:
            yield
        finally:
            self.audit.close()

    def _assemble(self, engine: Engine, derived: DerivedFile) -> _Running:
        settings, log, flags, revocations = self._settings, engine.log, engine.flags, engine.revocations
        for sentence in warnings_of(settings):
            _LOG.warning(sentence)
        access = Access.of(settings, secret=secret_of(settings), revocations=revocations, steady=time.monotonic)
        http_access = HttpAccess(access, api_key=settings.api_key, now=self._now)
        permits = Permits(self._rights, is_open=access.is_open)
        lens = Lens(log, file=derived, now=self._now)
        ingest = Ingest(log, settings=settings, flags=flags, gate=self.gate, now=self._now, lens=lens)
        socket = Socket(
            log, ingest, settings=settings, access=access, permits=permits, lens=lens, flags=flags, gate=self.gate,
            others=engine.others, now=self._now,
        )  # fmt: skip
        inboxes = Inboxes(log)
        notifier = Notifier(log, self._rules, rights=self._rights, flags=flags, leads=engine.leads, now=self._now)
        revocations.on_bar, revocations.on_change = socket.barred, socket.nudge
        api = Api(
            EventRoutes(log, ingest, settings=settings, permits=permits),
            DocumentRoutes(Documents(lens, ingest), lens=lens, permits=permits, settings=settings),
            ChannelRoutes(lens, ingest, census=engine.census, settings=settings, permits=permits),
            CriticalRoutes(log, socket.redeliverer, permits=permits, settings=settings),
            InboxRoutes(inboxes, permits.inboxes),
            RevocationRoutes(revocations, access, settings=settings, now=self._now, notes=self.audit),
            FlagRoutes(flags, settings=settings, audit=self.audit, is_open=access.is_open),
            AuditRoutes(self.audit, settings=settings, is_open=access.is_open),
            StateRoutes(
                log,
                admits=self._admits,
                are_numbers_open=not self._rights.is_configured,
                is_stopping=lambda: socket.hub.is_shut,
                version=tideboard_version(),
            ),
        )
        return _Running(log, lens, ingest, flags, socket, inboxes, notifier, api, revocations, http_access)

    def _current(self) -> _Running:
        if self._running is None:
            raise NotRunning("The gateway doesn't run: its log is open only while the server is up.")
        return self._running

    async def _authorize(self, request: Request) -> None:
        await self._current().http_access.admit(request)

    async def _admits(self, request: Request) -> bool:
        """Tell whether somebody may know of everything there is: administrators, or without roles whoever is let in."""
        try:
            identity = await self._current().http_access.admit(request)
        except CommandError:
            return False
        return (
            not self._rights.is_configured or self._rights.profile(identity.roles, within=identity.collections).is_admin
        )

    async def _serve_socket(self, websocket: WebSocket) -> None:
        if self._running is None:
            await websocket.close()
            return
        if has_token_in_url(websocket.query_params):
            await _refuse_address(websocket)
            return
        await self._running.socket.hub.serve(websocket)

    def _node(self) -> dict[str, Any]:
        return {
            "uid": self._node_id,
            "name": f"{platform.node()}_{os.getpid()}",
            "version": tideboard_version(),
            "uptime": int(self._now() - self._started_at),
        }


@asynccontextmanager
async def _doing(*chores: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Do chores while the block runs."""
    tasks = [asyncio.create_task(chore()) for chore in chores]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _refuse_address(websocket: WebSocket) -> None:
    """Say why over an accepted socket, since nobody gets to read the answer to a handshake."""
    offered = websocket.scope.get("subprotocols") or []
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    await websocket.close(DisconnectCode.BAD_REQUEST, TOKEN_IN_URL)


def tideboard_version() -> str:
    """Return the version of the installed distribution, or "0" when it runs from a bare folder."""
    try:
        return version("tideboard")
    except PackageNotFoundError:
        return "0"
