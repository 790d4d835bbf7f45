"""Stands between a client and a gateway and makes the network bad on request: every FaultKind that is of the wire.

Threads: its own runs the loop; the methods may be called from any, and return when it is done.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Final, TypeVar

from realtime.bench.fault_link import Direction, Link, Tamper, Weather
from realtime.bench.faults import Fault, FaultKind

_CALL_S: Final = 10.0
_BACKLOG: Final = 256
_T = TypeVar("_T")


class FaultProxy:
    """A TCP proxy on a free port of the loopback. A context manager: leaving it ends every connection."""

    def __init__(self, upstream_port: int, *, host: str = "127.0.0.1", seed: int = 0) -> None:
        self._upstream = (host, upstream_port)
        self._listener = _bound(0)
        self.port: int = self._listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self.accepted = 0
        self._weather = Weather(random.Random(seed))  # noqa: S311 - chance that can be repeated
        self._links: dict[Link, asyncio.Task[None]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        self._call(self._weather.clear_up)
        self._call(self._listen)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_CALL_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CALL_S)
        self._loop.close()

    # What there is

    @property
    def open_links(self) -> int:
        """Return how many connections stand."""
        return len(self._links)

    @property
    def upgrades_refused(self) -> int:
        """Return how many WebSockets were answered by a status."""
        return self._weather.upgrades_refused

    @property
    def is_armed(self) -> bool:
        """Tell whether a frame that is to be lost or spoilt hasn't come yet."""
        return self._weather.tamper is not None

    def carried(self, direction: Direction) -> int:
        """Return how many bytes went one way."""
        return self._weather.carried[direction]

    # What goes wrong

    def begin(self, fault: Fault) -> None:
        """Let a fault begin; it lasts until `calm`. Raises ValueError for one that isn't of the wire."""
        begin = self._beginnings().get(fault.kind)
        if begin is None:
            raise ValueError(f"{fault.kind} is nothing a proxy can do")
        self._call(lambda: begin(fault.amount))

    def calm(self) -> None:
        """End whatever is wrong. Connections that stand live on; those that ended don't come back by themselves."""
        self._call(self._weather.clear_up)
        self._call(self._listen)

    def cut(self) -> None:
        """End every connection with a FIN."""
        self._call(lambda: self._end_links(Link.cut))

    def tamper(self, *, frame: int, is_lost: bool, direction: Direction = Direction.DOWN) -> None:
        """Lose or spoil the `frame`th frame from now on."""
        self._call(lambda: self._arm(Tamper(frame, is_lost, direction)))

    # On the loop

    def _beginnings(self) -> dict[FaultKind, Callable[[float], None]]:
        weather = self._weather
        return {
            FaultKind.CUT: lambda _: self._end_links(Link.cut),
            FaultKind.RESET: lambda _: self._end_links(Link.reset),
            FaultKind.HALF_CLOSE: lambda _: self._each(Link.half_close),
            FaultKind.HOLE: lambda _: weather.can_move.clear(),
            FaultKind.DELAY: lambda seconds: setattr(weather, "delay_s", seconds),
            FaultKind.JITTER: lambda seconds: setattr(weather, "jitter_s", seconds),
            FaultKind.SLOW: lambda rate: setattr(weather, "bytes_per_s", rate),
            FaultKind.DROP_FRAME: lambda frame: self._arm(Tamper(int(frame), is_lost=True)),
            FaultKind.CORRUPT_FRAME: lambda frame: self._arm(Tamper(int(frame), is_lost=False)),
            FaultKind.REFUSE: lambda _: self._refuse(),
            FaultKind.REFUSE_UPGRADES: self._refuse_upgrades,
        }

    def _arm(self, tamper: Tamper) -> None:
        self._weather.tamper = tamper

    def _refuse_upgrades(self, status: float) -> None:
        self._weather.upgrade_status = int(status)
        self._end_links(Link.cut)

    def _refuse(self) -> None:
        """Stop to listen, but keep the port: nobody else may be found there."""
        if self._loop.remove_reader(self._listener):
            self._listener.close()
            self._listener = _bound(self.port)
        self._end_links(Link.cut)

    def _listen(self) -> None:
        self._listener.listen(_BACKLOG)
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # it has gone again
            return
        self.accepted += 1
        link = Link(client, self._weather, upstream=self._upstream)
        task = self._links[link] = self._loop.create_task(link.run())
        task.add_done_callback(partial(self._forget, link))

    def _forget(self, link: Link, _: asyncio.Task[None]) -> None:
        self._links.pop(link, None)
        link.close()  # one that was ended before its first step couldn't do so itself

    def _end_links(self, farewell: Callable[[Link], None]) -> None:
        for link, task in tuple(self._links.items()):
            farewell(link)
            task.cancel()

    def _each(self, act: Callable[[Link], None]) -> None:
        for link in tuple(self._links):
            act(link)

    async def _end(self) -> None:
        self._loop.remove_reader(self._listener)
        self._listener.close()
        tasks = list(self._links.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, act: Callable[[], _T]) -> _T:
        async def on_loop() -> _T:
            return act()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(_CALL_S)


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    listener.bind(("127.0.0.1", port))
    return listener
