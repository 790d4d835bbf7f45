"""Lets one node at a time do what only one should: whoever holds a lease in Redis, which runs out by itself.

Two may believe to hold it for a moment, where one was stopped or cut off: what is done under it has to bear that.
Threads: one of its own renews it; `is_held` any.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from realtime.errors import StorageError
from realtime.gateway.nodes.server import Server

_LOG: Final = logging.getLogger(__name__)
LASTS_S: Final = 3.0
RENEWED_S: Final = 1.0


class Lease:
    """The lease of one name. Start it, and end it."""

    def __init__(
        self,
        server: Server,
        name: str,
        *,
        node: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._key = server.keys.lease(name)
        self._name = name
        self._node = node
        self._clock = clock
        self._held_until = float("-inf")
        self._was_held = False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"tideboard-lease-{name}", daemon=True)

    def start(self) -> None:
        """Begin to ask for it."""
        self._thread.start()

    def stop(self, *, gives_up: bool = True) -> None:
        """End, and give it up, so that another has it at once."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        was_held, self._held_until = self.is_held(), float("-inf")
        if was_held and gives_up:
            try:
                self._server.run("lease", [self._key], ["", self._node, 0], bool)
            except StorageError as error:
                _LOG.info("The lease %s wasn't given up, it runs out: %s", self._name, error)

    def is_held(self) -> bool:
        """Tell whether this node has it: for certain no longer than Redis thinks so."""
        return self._clock() < self._held_until

    def renew(self) -> None:
        """Ask for it once."""
        began = self._clock()
        try:
            if self._server.run("lease", [self._key], ["take", self._node, int(LASTS_S * 1000)], bool):
                self._held_until = began + LASTS_S
            else:
                self._held_until = float("-inf")
        except StorageError as error:
            _LOG.debug("The lease %s can't be asked for: %s", self._name, error)
        held = self.is_held()
        if held != self._was_held:
            _LOG.info("This node %s the lease %s", "has" if held else "no longer has", self._name)
            self._was_held = held

    def _run(self) -> None:
        while not self._ending.is_set():
            self.renew()
            self._ending.wait(RENEWED_S)
