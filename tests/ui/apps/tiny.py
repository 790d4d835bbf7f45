"""A tiny Streamlit app around an in-process store: no gateway, no client. POST /put changes the store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from realtime.config import Settings
from realtime.live import Live, Runtime, install, uninstall
from realtime.protocol.codes import DisconnectCode, hang_up
from realtime.protocol.events import Envelope
from realtime.store import ConnectionState, ConnectionStatus, Store
from realtime.ui import ASSETS_FOLDER

store = Store()
settings = Settings(refresh_interval_s=1.0)
live = Live(store, settings=settings, assets_folder=ASSETS_FOLDER)


async def put(request: Request) -> JSONResponse:
    """Apply the envelopes of the body to the store as one batch; answers with its sequence."""
    body: dict[str, Any] = await request.json()
    known = store.position(body["channel"])
    first = 1 + (known.offset if known is not None else 0)
    envelopes = [(Envelope(**each), first + index) for index, each in enumerate(body["events"])]
    store.apply(body["channel"], envelopes, epoch="tiny", now=time.time())
    return JSONResponse({"sequence": store.sequence, "followed": len(live.caster.followed)})


async def connection(request: Request) -> JSONResponse:
    """Set the connection's state."""
    state = ConnectionState(request.query_params["state"])
    store.set_connection(ConnectionStatus(state=state, since=time.time()), now=time.time())
    return JSONResponse({})


async def cut(_request: Request) -> JSONResponse:
    """End every live channel, as a proxy that restarts does: the tabs may come back."""
    for member in list(live.hub.members):
        member.disconnect(hang_up(DisconnectCode.CONNECTION_CLOSED))
    return JSONResponse({})


async def followed(_request: Request) -> JSONResponse:
    """Tell how many visible tabs follow each channel."""
    return JSONResponse(dict(live.caster.followed))


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Run the live side for as long as the server runs."""
    install(Runtime(settings=settings, store=store, caster=live.caster, assets=live.assets))
    now = time.time()
    store.set_connection(ConnectionStatus(state=ConnectionState.CONNECTED, since=now, connected_since=now), now=now)
    async with live.running():
        yield {}
    uninstall()


app = st.App(
    "page.py",
    routes=[
        Route("/put", put, methods=["POST"]),
        Route("/connection", connection, methods=["POST"]),
        Route("/cut", cut, methods=["POST"]),
        Route("/followed", followed),
        *live.routes(),
    ],
    lifespan=lifespan,
)
