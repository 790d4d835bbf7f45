"""The straight way to a socket: the same bytes as by ASGI, and taken only where they may be."""

from __future__ import annotations

from asyncio import Event
from types import SimpleNamespace
from typing import Any

import uvicorn
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from realtime.hub.straight import remembering, straight_of, text_frame
from tests.hub.making import dialled, in_loop, running, serving


@given(size=st.integers(0, 70_000))
@example(125)
@example(126)
@example(65_535)
@example(65_536)
def test_a_frame_is_what_websockets_makes(size: int) -> None:
    """Whatever the length, and so whichever of the three forms it is written in."""
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


class Asked:
    """An app with one socket, which says whether there is a straight way and writes by it what it is told."""

    def __init__(self) -> None:
        self.written: list[bool] = []
        self.app = remembering(Starlette(routes=[WebSocketRoute("/ws", self._serve)]))

    async def _serve(self, websocket: WebSocket) -> None:
        await websocket.accept()
        straight = straight_of(websocket.scope)
        await websocket.send_text("none" if straight is None else "there")
        if straight is not None:
            self.written.append(straight(text_frame("gr\u00fc\u00df dich".encode())))
            await websocket.close()
            self.written.append(straight(text_frame(b"too late")))


@in_loop
async def test_a_frame_arrives_in_order_and_none_after_the_close() -> None:
    """It goes behind what was sent before; a socket that is closing isn't written to."""
    asked = Asked()
    async with running(asked.app) as (address, _), connect(f"ws://{address}/ws", compression=None) as socket:
        assert [message async for message in socket] == ["there", "gr\u00fc\u00df dich"]
    assert asked.written == [True, False]


@in_loop
async def test_a_compressed_socket_has_no_straight_way(monkeypatch: Any) -> None:
    """There each socket's frames are its own."""
    config = uvicorn.Config
    monkeypatch.setattr(uvicorn, "Config", lambda *given, **named: config(*given, **named | _COMPRESSED))
    async with running(Asked().app) as (address, _), connect(f"ws://{address}/ws") as socket:
        assert await socket.recv() == "none"


_COMPRESSED = {"ws_per_message_deflate": True}


def test_another_server_has_no_straight_way() -> None:
    """One whose `send` is anything else, or that was never remembered."""

    async def send(_message: Any) -> None:
        """Be no method of uvicorn's."""

    assert straight_of({"tideboard.send": send}) is None
    assert straight_of({}) is None


def test_an_older_server_has_no_straight_way() -> None:
    """Those say by nothing that a socket is lost, so it couldn't be told from one that is open."""
    protocol: Any = WebSocketsSansIOProtocol.__new__(WebSocketsSansIOProtocol)
    protocol.conn, protocol.writable, protocol.transport = SimpleNamespace(extensions=[]), Event(), SimpleNamespace()
    protocol.transport.write = protocol.conn.state = None
    assert straight_of({"tideboard.send": protocol.send}) is None
    protocol.disconnected = False
    assert straight_of({"tideboard.send": protocol.send}) is not None


@in_loop
async def test_both_ways_bring_the_same_messages() -> None:
    """Byte for byte, alone and in batches."""
    heard = []
    for is_straight in (True, False):
        async with serving(is_straight=is_straight) as served, dialled(served.url) as wire:
            await wire.ask("subscribe", channel="a")
            wire.messages.clear()
            served.backend.add("a", b'"alone"')
            await wire.publication()
            for number in range(50):
                served.backend.add("a", b'"%d"' % number)
            for _ in range(50):
                await wire.publication()
            heard.append([message.replace("\u00fc", "u") for message in wire.messages])
    assert heard[0] == heard[1]
    assert len(heard[0]) == 3
