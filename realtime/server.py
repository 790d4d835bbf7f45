"""Puts one process together: gateway, client, store, caster, live channel, sample. Decides nothing by itself.

Nothing in here opens a socket, a log or a thread before `lifespan` runs.
Threads: the main one, then the event loop's.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from realtime.client import Outbox, WebSocketClient
from realtime.client.audit import AuditBook
from realtime.client.blocks import Blocks
from realtime.client.consumer import consumer_name
from realtime.client.flags import FlagWatch
from realtime.client.inboxes import Inboxes
from realtime.client.memory import FILE_NAME as MEMORY_NAME
from realtime.client.memory import STEPS as MEMORY_STEPS
from realtime.client.memory import Memory
from realtime.client.outbox_file import FILE_NAME as OUTBOX_NAME
from realtime.client.outbox_file import STEPS as OUTBOX_STEPS
from realtime.client.outbox_file import OutboxFile
from realtime.client.sampling import Sampler, dead_letters_at
from realtime.config import Settings, load_settings
from realtime.errors import ConfigError, StartError
from realtime.gateway.doorway import Doorway, hush, make_room
from realtime.gateway.exposure import Threshold, check_exposure, is_loopback
from realtime.gateway.facade import SOCKET_PATH, Gateway
from realtime.gateway.folder import claimed
from realtime.gateway.formats import FORMATS as GATEWAY_FORMATS
from realtime.gateway.gates import gate_for
from realtime.gateway.http_state import answer_live, answer_metrics, answer_ready
from realtime.gateway.page_headers import PageHeaders, under
from realtime.gateway.role_tables import rights_from
from realtime.gateway.secret import secret_of
from realtime.gateway.tokens import mint
from realtime.live.live import Live
from realtime.live.profiles import Profiles
from realtime.live.runtime import Runtime, install, uninstall
from realtime.logs import set_up
from realtime.migrations import check_format
from realtime.notifications.tables import rules_from
from realtime.protocol.roles import ADMIN, APP, PAGES
from realtime.sample import Sample
from realtime.store import Store
from realtime.store.health import DeadLetters
from realtime.ui.profile import of_this_page
from realtime.ui.sign_in import check_sign_in

FORMATS: Final = {**GATEWAY_FORMATS, OUTBOX_NAME: len(OUTBOX_STEPS), MEMORY_NAME: len(MEMORY_STEPS)}
"""Every database that may be in a data folder, and the newest version of its tables that is known here."""
_ASSETS: Final = Path(__file__).parent / "ui" / "assets"
_TOKEN_S: Final = 3600
_USER: Final = "tideboard"
_LOG: Final = logging.getLogger(__name__)
_OPEN_PAGES: Final = (
    "Whoever reaches this address sees and changes everything on the pages: nobody has to sign in. Configure sign-in "
    "([auth] in .streamlit/secrets.toml), or put a proxy before it that signs people in."
)
_EVERY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::", "localhost"})  # noqa: S104 - compared with, never bound to
_SWITCH_INTERVAL_S: Final = 0.001
"""An event crosses three threads on its way to the pixel. Python's default lets a busy page script keep the
interpreter for 5 ms at each of them."""


def compose() -> Process:
    """Read the settings and check that the process can start; leave with one sentence when it can't."""
    try:
        settings = load_settings(cwd=Path.cwd(), environ=os.environ)
        check_exposure(st.get_option("server.address"), settings, option="--server.address")
        if settings.gateway_url is None:
            with claimed(settings.data_dir):
                pass  # claimed for good by the gateway; here only so that a refusal comes before the server starts
        for name, known in FORMATS.items():
            check_format(settings.data_dir / name, known=known)
        OutboxFile.open(settings.data_dir / OUTBOX_NAME).close()  # likewise
        rules_from(settings.rules)
        rights_from(settings.roles)
        if settings.roles and minting(settings, APP) is None:
            raise StartError(
                "Roles are configured, and the gateway is elsewhere: give this process the gateway's TIDEBOARD_SECRET, "
                "so that it can ask with the rights of whoever looks."
            )
        has_sign_in = check_sign_in()
        process = Process(settings, has_sign_in=has_sign_in)
    except (ConfigError, StartError) as error:
        sys.exit(f"Tideboard can't start: {error}")
    set_up(
        level=settings.log_level,
        is_json=settings.log_format == "json",
        hidden=settings.hidden,
    )
    if not (has_sign_in or is_loopback(st.get_option("server.address") or "")):
        _LOG.warning(_OPEN_PAGES)
    process.guard()
    return process


class Process:
    """One Tideboard: what it serves (`routes`, `middleware`), and how it begins and ends (`lifespan`)."""

    def __init__(self, settings: Settings, *, has_sign_in: bool = False) -> None:
        self._settings = settings
        self._has_sign_in = has_sign_in
        self._gateway = None if settings.gateway_url else Gateway(settings)
        self._store = Store(feed_size=settings.feed_size)
        self._gate = gate_for(settings) if self._gateway is None else self._gateway.gate
        self._doorway = Doorway(self._gate)
        self._blocks = Blocks()
        # Without sign-in a name is anybody's choice: keeping one out would keep nobody out.
        standing = self._blocks.standing if has_sign_in else _nobody_is_out
        self._live = Live(self._store, settings=settings, assets_folder=_ASSETS, gate=self._gate, standing=standing)
        # Without a gateway of its own the app tells its own numbers; a mounted one tells those of both.
        gateway_routes = self._own_routes() if self._gateway is None else self._gateway.routes()
        # Streamlit's own server was asked before it began to listen; another one around the app wasn't.
        self.middleware = [
            Middleware(PageHeaders, framed_by=self._gate.origins.names()),
            Middleware(Threshold, is_open=lambda: not settings.has_key),
        ]
        routes: list[BaseRoute] = [*gateway_routes, *self._live.routes()]
        # At the root for programs on this machine, and where a proxy that doesn't cut the base path asks for them.
        self.routes = [*routes, *under(st.get_option("server.baseUrlPath"), routes)]

    def _own_routes(self) -> list[BaseRoute]:
        """List what an app answers whose gateway is elsewhere: how it is itself."""
        return [
            Route("/metrics", answer_metrics),
            Route("/api/health/live", answer_live),
            Route("/api/health/ready", self._answer_ready),
        ]

    async def _answer_ready(self, _: Request) -> Response:
        status = self._store.connection
        return answer_ready(None if status.is_connected else status.reason or "Not in sync with the gateway yet.")

    def guard(self) -> None:
        """Bound the connections of the server that is about to serve this process."""
        make_room()
        hush()
        self._doorway.install()

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncIterator[dict[str, Any]]:
        """Begin everything in the order of need, and end it in reverse."""
        settings = self._settings
        base_url = settings.gateway_url or own_url()
        token = own_token(settings)
        # The app itself may see no documents where there are roles; the sample looks whether there are any.
        playing = minting(settings, ADMIN, APP) if settings.roles else token
        sample = Sample(base_url, settings=settings, headers=lambda: bearer(playing))
        async with AsyncExitStack() as stack:
            if self._gateway is not None:
                await stack.enter_async_context(self._gateway.running())
            outbox = self._open_outbox()
            stack.push_async_callback(asyncio.to_thread, outbox.close)
            name = consumer_name(settings.data_dir)
            memory = await asyncio.to_thread(Memory.open, settings.data_dir / MEMORY_NAME)
            flags = FlagWatch(self._store, base_url=base_url, headers=lambda: bearer(token))
            client = WebSocketClient(
                socket_url(base_url),
                http_url=base_url,
                store=self._store,
                token=token,
                outbox=outbox,
                consumer=name,
                resume_from=memory.positions(),
                transport=settings.transport,
                on_message=lambda data: flags.pushed(data) or self._blocks.pushed(data),
            )
            audit = AuditBook(base_url, headers=partial(bearer, token))
            stack.push_async_callback(asyncio.to_thread, audit.stop)
            inboxes = Inboxes(
                self._store, client, rules=rules_from(settings.rules), on_refused=self._live.owners.refuse
            )
            runtime = Runtime(
                settings=settings,
                store=self._store,
                caster=self._live.caster,
                assets=self._live.assets,
                client=client,
                inboxes=inboxes,
                attendance=self._live.attendance,
                flags=flags,
                audit=audit,
                blocks=self._blocks,
                sample=sample,
            )
            profiles = self._profiles(runtime, base_url=base_url)
            install(runtime, resolve=None if profiles is None else partial(of_this_page, profiles=profiles))
            stack.callback(uninstall)
            await stack.enter_async_context(self._live.running())
            stack.callback(_warn_before_stopping(partial(self._say_goodbye, inboxes)))
            memory.start(self._store)
            stack.push_async_callback(asyncio.to_thread, memory.stop)
            inboxes.start()
            stack.push_async_callback(asyncio.to_thread, inboxes.stop)
            self._live.owners.set_desk(inboxes)
            stack.callback(self._live.owners.set_desk, None)
            # Neither is joined on the loop: it is the loop that answers their last request.
            self._live.attendance.start(client, name=name)  # before it hears of who came elsewhere meanwhile
            client.connect()
            stack.push_async_callback(asyncio.to_thread, client.disconnect)
            stack.push_async_callback(asyncio.to_thread, self._live.attendance.stop)
            if self._has_sign_in:
                self._blocks.start(base_url, headers=partial(bearer, token), on_out=self._live.put_out)
                stack.push_async_callback(asyncio.to_thread, self._blocks.stop)
            if profiles is not None:
                await asyncio.to_thread(profiles.start)
                stack.push_async_callback(asyncio.to_thread, profiles.stop)
            sample.open()
            stack.push_async_callback(asyncio.to_thread, sample.close)
            self._follow(flags, client)
            stack.push_async_callback(asyncio.to_thread, flags.stop)
            sampler = Sampler(self._store, dead_letters=self._dead_letters(profiles, base_url=base_url, token=token))
            sampler.start()
            stack.push_async_callback(asyncio.to_thread, sampler.stop)
            _calm_the_interpreter()
            yield {"settings": settings}

    def _profiles(self, runtime: Runtime, *, base_url: str) -> Profiles | None:
        """Make what opens a connection and a store for each profile; None where no roles restrict anybody."""
        settings = self._settings
        if not settings.roles:
            return None
        rights = rights_from(settings.roles, contact=settings.contact)

        def connect(roles: tuple[str, ...], *, store: Store, outbox: Outbox) -> WebSocketClient:
            return WebSocketClient(
                socket_url(base_url), http_url=base_url, store=store, token=minting(settings, *roles, PAGES),
                outbox=outbox, transport=settings.transport,
            )  # fmt: skip

        return Profiles(
            runtime, self._live.casters, rights=rights.profile, connect=connect, make_caster=self._live.make_caster
        )

    def _dead_letters(
        self, profiles: Profiles | None, *, base_url: str, token: Callable[[], str] | None
    ) -> Callable[[], DeadLetters | None]:
        """Return what asks for the dead letters. Where there are roles, they are for administrators."""
        if profiles is None:
            return dead_letters_at(base_url, headers=lambda: bearer(token))
        ask = dead_letters_at(base_url, headers=lambda: bearer(minting(self._settings, ADMIN, APP)))

        def hand_on() -> None:
            profiles.set_dead_letters(ask())

        return hand_on

    def _follow(self, flags: FlagWatch, client: WebSocketClient) -> None:
        """Let an operator's flags be obeyed in this process."""
        loop, live = asyncio.get_running_loop(), self._live
        flags.watch(lambda changed: loop.call_soon_threadsafe(live.backend.switched, changed))
        flags.watch(lambda _changed: client.look_for_socket())
        live.backend.switched(self._store.flags)
        flags.start()

    def _open_outbox(self) -> Outbox:
        settings = self._settings
        return Outbox.open(
            settings.data_dir / OUTBOX_NAME,
            most_events=settings.outbox_events,
            most_bytes=settings.outbox_bytes,
            on_change=self._store.set_outbox,
        )

    async def _say_goodbye(self, inboxes: Inboxes) -> None:
        inboxes.hush()
        hubs = [self._live.hub, *([] if self._gateway is None else [self._gateway.hub])]
        await asyncio.gather(self._doorway.empty(), *(hub.shutdown() for hub in hubs))


def _nobody_is_out(_person: str) -> float:
    return 0.0


def _warn_before_stopping(say_goodbye: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Say goodbye at the signal itself; returns how to stop listening for it.

    uvicorn closes all sockets with its own code before the lifespan ends, so the lifespan would be too late for the
    protocol's "come back". Its handlers run after ours.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None  # only the main thread may ask for signals; a server that runs elsewhere has its own way
    loop = asyncio.get_running_loop()
    farewells: set[asyncio.Task[None]] = set()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def told(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(lambda: farewells.add(loop.create_task(say_goodbye())))
        then = before[signal.Signals(number)]
        if callable(then):
            then(number, frame)

    for number in before:
        signal.signal(number, told)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore


def own_url() -> str:
    """Return the address under which this process reaches its own server, from Streamlit's settings."""
    address = st.get_option("server.address") or ""
    host = "127.0.0.1" if address in _EVERY_ADDRESS else address
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{st.get_option('server.port')}"


def socket_url(base_url: str) -> str:
    """Return the address of the gateway's socket for that of its HTTP API."""
    return base_url.replace("http", "ws", 1).rstrip("/") + SOCKET_PATH


def own_token(settings: Settings) -> Callable[[], str] | None:
    """Return what mints this process's own token before each dial; None when it has nothing a gateway would know.

    A gateway elsewhere knows the configured secret, not the one in our data folder.
    """
    given = settings.gateway_token if settings.gateway_url is not None else None
    return minting(settings, APP) if given is None else lambda: given


def minting(settings: Settings, *roles: str) -> Callable[[], str] | None:
    """Return what mints tokens of this process's own with some roles; None where it can't sign what a gateway knows."""
    if settings.gateway_url is not None and settings.secret is None:
        return None
    return partial(_minted, settings, secret_of(settings), roles)


def _minted(settings: Settings, secret: str, roles: Sequence[str]) -> str:
    return mint(
        secret, user=_USER, roles=list(roles), identifier=str(uuid.uuid4()), now=time.time(), life_s=_TOKEN_S,
        audience=settings.token_audience, issuer=settings.token_issuer,
    )  # fmt: skip


def bearer(token: Callable[[], str] | None) -> dict[str, str]:
    """Return the header that carries a token over HTTP."""
    return {} if token is None else {"Authorization": f"Bearer {token()}"}


def _calm_the_interpreter() -> None:
    """Keep what is loaded by now out of garbage collections, and let threads take turns quickly."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
