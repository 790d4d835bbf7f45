"""Runs small pages with AppTest over an in-process store, with no server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from realtime.config import Settings
from realtime.live.assets import load_assets
from realtime.live.caster import Caster
from realtime.live.runtime import Runtime
from realtime.live.tickets import Tickets
from realtime.protocol.events import Envelope
from realtime.store import Store
from realtime.ui import ASSETS_FOLDER

Handler = Callable[[Envelope], None]


class RecordingClient:
    """A client that remembers what pages ask of it."""

    def __init__(self) -> None:
        self.handlers: list[tuple[str, Handler]] = []
        self.reconnects = 0

    def subscribe(self, event: str, handler: Handler) -> Callable[[], None]:
        """Remember a handler until it is unsubscribed."""
        entry = (event, handler)
        self.handlers.append(entry)
        return lambda: self.handlers.remove(entry)

    def reconnect(self) -> None:
        """Count."""
        self.reconnects += 1

    def publish(self, envelope: Envelope) -> None:
        """Call the handlers of the envelope's type."""
        for event, handler in list(self.handlers):
            if event == envelope.type:
                handler(envelope)


def runtime_of(store: Store, *, client: Any = None) -> Runtime:
    """Make a runtime whose caster has no thread: pages render for themselves."""
    settings = Settings(refresh_interval_s=7.0)
    return Runtime(
        settings=settings,
        store=store,
        caster=Caster(store, tickets=Tickets(b"u" * 32), settings=settings),
        assets=load_assets(ASSETS_FOLDER),
        client=client,
    )


def event(kind: str, identifier: str, **fields: Any) -> Envelope:
    """Make one event of the collection `orders`."""
    data: dict[str, Any] = {"collection": "orders", "document": {"id": identifier, **fields}}
    if kind != "created":
        data["id"] = identifier
    if kind == "deleted":
        del data["document"]
    return Envelope(
        id=f"{kind}-{identifier}-{fields}", source="/t", type=f"collection:{kind}", specversion="1.0", data=data
    )


def put(store: Store, *envelopes: Envelope) -> None:
    """Apply events to the store as the client would."""
    known = store.position("collection:orders")
    first = 1 + (known.offset if known is not None else 0)
    numbered = [(envelope, first + index) for index, envelope in enumerate(envelopes)]
    store.apply("collection:orders", numbered, epoch="e", now=time.time())


def components(app: AppTest) -> list[Any]:
    """Return the v2 components of a run, as protos, in the order they were mounted."""
    found: list[Any] = []

    def walk(block: Any) -> None:
        for child in block.children.values():
            proto = getattr(child, "proto", None)
            if type(proto).__name__ == "BidiComponent":
                found.append(proto)
            if hasattr(child, "children"):
                walk(child)

    walk(app._tree)
    return found
