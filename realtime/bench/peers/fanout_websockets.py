"""A bare `websockets` server with its own `broadcast`: what is posted goes out as it is, unstored.

The library answers only GET, so what is to be sent comes to the port beside it, over the least HTTP that will do.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

_sockets: set[ServerConnection] = set()


async def listen(socket: ServerConnection) -> None:
    """Keep a socket until it goes."""
    _sockets.add(socket)
    try:
        await socket.wait_closed()
    finally:
        _sockets.discard(socket)


async def post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send each body of a kept connection to every socket."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            body = await reader.readexactly(length)
            if body:
                broadcast(_sockets, body.decode())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    """Serve sockets on the port above the one that takes posts."""
    async with (
        serve(listen, "127.0.0.1", port + 1, compression=None),
        await asyncio.start_server(post, "127.0.0.1", port) as posts,
    ):
        await posts.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
