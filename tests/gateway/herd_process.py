"""Opens thousands of sockets from an address of its own and sits there; says how many were turned away, then leaves.

A process of its own, so that what it costs isn't taken for the gateway's: `python -m tests.gateway.herd_process`, with
the port, the kind and how many.
"""

from __future__ import annotations

import asyncio
import base64
import os
import resource
import sys
from typing import Final

ELSEWHERE: Final = "127.0.0.2"
"""On Linux all of 127/8 is this machine, so that the herd can have an address of its own."""
AT_ONCE: Final = 50
SIT_S: Final = 3.0
HEAD: Final = b"GET /connection/websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
UPGRADE: Final = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n"
)
KINDS: Final = ("bare", "half-head", "websocket")


class Sitter(asyncio.Protocol):
    """One socket: says its part and then nothing."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.heard = b""
        self.is_gone = False
        self.is_decided = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say what is to be said."""
        assert isinstance(transport, asyncio.Transport)
        if self.kind == "half-head":
            transport.write(HEAD + b"X-Slow: ")
        elif self.kind == "websocket":
            transport.write(HEAD + UPGRADE % base64.b64encode(os.urandom(16)))

    def data_received(self, data: bytes) -> None:
        """Hear whether it was let in."""
        self.heard += data
        self.is_decided.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that it was hung up on."""
        self.is_gone = True
        self.is_decided.set()

    @property
    def is_turned_away(self) -> bool:
        """Tell whether it didn't get in."""
        return self.is_gone or b" 429 " in self.heard


async def sit(port: int, kind: str, many: int) -> None:
    """Open them all, wait, and count."""
    loop = asyncio.get_running_loop()
    seats = asyncio.Semaphore(AT_ONCE)
    refused = 0
    sitters: list[Sitter] = []

    async def one() -> None:
        nonlocal refused
        async with seats:
            try:
                _, sitter = await loop.create_connection(
                    lambda: Sitter(kind), "127.0.0.1", port, local_addr=(ELSEWHERE, 0)
                )
            except OSError:
                refused += 1
                return
            sitters.append(sitter)
            if kind == "websocket":
                await sitter.is_decided.wait()

    await asyncio.gather(*(one() for _ in range(many)))
    await asyncio.sleep(SIT_S)
    print(refused + sum(sitter.is_turned_away for sitter in sitters), flush=True)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(sit(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
