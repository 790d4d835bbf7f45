"""Calls whoever asked to hear of an event type. No sockets, no store.

Threads: any may subscribe and unsubscribe; handlers run on the client's thread, so they have to be quick.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from realtime.protocol.events import Envelope

Handler: TypeAlias = Callable[[Envelope], object]
ANY: Final = "*"
_log = logging.getLogger(__name__)


class Handlers:
    """Handlers by event type; `*` hears all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handlers: dict[str, tuple[Handler, ...]] = {}

    def add(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call `handler` with the envelope of every `event`; return how to stop it."""
        with self._lock:
            self._handlers[event] = (*self._handlers.get(event, ()), handler)
        return lambda: self.remove(event, handler)

    def remove(self, event: str, handler: Handler | None = None) -> None:
        """Stop calling `handler` for `event`; every handler of it if None."""
        with self._lock:
            kept = tuple(one for one in self._handlers.get(event, ()) if handler is not None and one != handler)
            if kept:
                self._handlers[event] = kept
            else:
                self._handlers.pop(event, None)

    def __bool__(self) -> bool:
        return bool(self._handlers)

    def call(self, envelopes: Sequence[Envelope]) -> None:
        """Call whom these concern. A handler that fails is logged and stops nobody else."""
        handlers = self._handlers
        for envelope in envelopes:
            for handler in (*handlers.get(envelope.type, ()), *handlers.get(ANY, ())):
                try:
                    handler(envelope)
                except Exception:
                    _log.exception("A handler of %s failed", envelope.type)
