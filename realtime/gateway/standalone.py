"""Runs the gateway alone, by uvicorn: `serve(settings, host=…, port=…)`. Not for use inside of another server.

Threads: the main one, whose signals it takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette

from realtime.config import Settings
from realtime.errors import StartError
from realtime.gateway.doorway import Doorway, hush, make_room
from realtime.gateway.exposure import check_exposure
from realtime.gateway.facade import Gateway
from realtime.gateway.formats import check_formats
from realtime.hub.straight import remembering
from realtime.logs import server_level

_LOG: Final = logging.getLogger(__name__)
_GRACE_S: Final = 4  # the doorway is empty by then
_BACKLOG: Final = 2048


def serve(
    settings: Settings, *, host: str = "127.0.0.1", port: int = 8601, on_listening: Callable[[str], None] = print
) -> None:
    """Serve until SIGTERM or SIGINT, then stop within five seconds.

    `port` 0 takes a free one; `on_listening` is told the address once requests are answered. Raises StartError, one
    sentence, when the port is in use, the data folder can't be used, or others reach `host` and there is no secret.
    """
    check_exposure(host, settings, option="--host")
    check_formats(settings.data_dir)
    with _listening(host, port) as listener:
        asyncio.run(_serve(settings, listener, on_listening))


class _Server(uvicorn.Server):
    """uvicorn, but the caller takes the signals: its own way would end the process before the log is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


async def _serve(settings: Settings, listener: socket.socket, on_listening: Callable[[str], None]) -> None:
    gateway = Gateway(settings)
    make_room()
    hush()
    doorway = Doorway(gateway.gate)
    config = uvicorn.Config(
        remembering(Starlette(routes=gateway.routes())), lifespan="off", access_log=False,
        log_level=server_level(settings.log_level), log_config=None,
        timeout_graceful_shutdown=_GRACE_S, ws_max_size=settings.max_body_bytes + 65_536, ws_per_message_deflate=False,
        http=doorway.protocol(), proxy_headers=False,
    )  # fmt: skip
    server = _Server(config)
    async with gateway.running():
        stopping = asyncio.create_task(_stop_on_signal(gateway, server, doorway))
        on_listening(_address(listener))
        await server.serve([listener])
        stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)


async def _stop_on_signal(gateway: Gateway, server: uvicorn.Server, doorway: Doorway) -> None:
    """Wait for a signal, let sockets go with the protocol's own code, then stop the server. A second one hurries."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        server.force_exit = asked.is_set()
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    await asked.wait()
    _LOG.info("stopping")
    await gateway.hub.shutdown()
    server.should_exit = True
    await doorway.empty()


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # With the protocol said: asyncio sets TCP_NODELAY only on sockets that name TCP, and without it an answer
        # waits some 40 ms for the acknowledgement of its own headers.
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(f"{host!r} can't be listened on ({error.strerror}); choose another --host.") from error
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                reason = f"Port {port} on {host} is in use; stop what uses it or choose another --port."
            else:
                reason = f"Port {port} on {host} can't be listened on ({error.strerror}); choose another --port."
            raise StartError(reason) from error
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
