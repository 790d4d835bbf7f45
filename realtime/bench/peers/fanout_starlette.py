"""A naive Starlette server: one loop that awaits each socket in turn. What is posted goes out as it is, unstored."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_sockets: set[WebSocket] = set()


async def post(request: Request) -> Response:
    """Send a body to every socket, one after the other."""
    text = (await request.body()).decode()
    for socket in list(_sockets):
        await socket.send_text(text)
    return PlainTextResponse("ok")


async def listen(socket: WebSocket) -> None:
    """Keep a socket until it goes."""
    await socket.accept()
    _sockets.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        _sockets.discard(socket)


if __name__ == "__main__":
    app = Starlette(routes=[Route("/", post, methods=["GET", "POST"]), WebSocketRoute("/", listen)])
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", ws="websockets-sansio", ws_per_message_deflate=False)
