"""A python-socketio server under uvicorn: what is posted is emitted to every socket, unstored."""

from __future__ import annotations

import sys

import socketio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_server = socketio.AsyncServer(async_mode="asgi", transports=["websocket"])


async def post(request: Request) -> Response:
    """Emit a body to every socket."""
    await _server.emit("event", (await request.body()).decode())
    return PlainTextResponse("ok")


if __name__ == "__main__":
    plain = Starlette(routes=[Route("/", post, methods=["GET", "POST"])])
    app = socketio.ASGIApp(_server, other_asgi_app=plain)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", ws="websockets-sansio", ws_per_message_deflate=False)
