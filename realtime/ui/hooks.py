"""The hooks that other Streamlit authors import: data, collections and the connection, as the store knows them.

Reading is free of reruns and network: everything comes from the process's own store. Handlers run on the client's
thread, so they must not call Streamlit; they are released when the browser session ends.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from realtime.errors import NotRunning
from realtime.live.runtime import current
from realtime.protocol.channels import collection_channel
from realtime.protocol.events import CollectionCreated, CollectionDeleted, CollectionUpdated, Envelope, event_of
from realtime.store import CollectionSummary, ConnectionStatus
from realtime.ui.hold import hold_envelope, is_realtime, set_realtime
from realtime.ui.session import subscriptions

Handler = Callable[[Any], None]
Unsubscribe = Callable[[], None]
_CollectionEvent = CollectionCreated | CollectionUpdated | CollectionDeleted
_HELD: Final = "tideboard.held"


@dataclass(frozen=True, slots=True)
class RealtimeData:
    """One collection, as it is now. While real-time is held, `data` stays what it was when the hold began."""

    collection: str

    @property
    def data(self) -> pd.DataFrame:
        """Return the documents: index `id`, one column a field. Shared by all tabs until it is changed."""
        if is_realtime():
            return current().store.frame(self.collection)
        held: dict[str, Any] = st.session_state.get(_HELD, {})
        if held.get("turn") != hold_envelope()["turn"]:
            held = st.session_state[_HELD] = {"turn": hold_envelope()["turn"]}
        if self.collection not in held:
            held[self.collection] = current().store.frame(self.collection)
        frame: pd.DataFrame = held[self.collection]
        return frame.copy(deep=False)

    @property
    def is_connected(self) -> bool:
        """Tell whether what is shown is current."""
        return current().store.connection.is_connected

    @property
    def connection_status(self) -> ConnectionStatus:
        """Return how the app stands to the gateway."""
        return current().store.connection

    @property
    def last_update(self) -> datetime | None:
        """Return when the collection last changed (UTC), None if it never did while this process ran."""
        newest = current().store.recent(self.collection, 1)
        at = newest[0].changed_at if newest else None
        return None if at is None else datetime.fromtimestamp(at, UTC)

    @property
    def is_realtime_enabled(self) -> bool:
        """Tell whether this session's pages follow the data."""
        return is_realtime()

    def enable_realtime(self) -> None:
        """Let this session's pages follow the data; they catch up at once."""
        set_realtime(True)

    def disable_realtime(self) -> None:
        """Hold this session's pages as they are."""
        set_realtime(False)

    def reconnect(self) -> None:
        """Dial the gateway now. Raises NotRunning where none is followed."""
        client_of().reconnect()

    def on_data_created(self, handler: Callable[[CollectionCreated], None]) -> Unsubscribe:
        """Call `handler` with every created document's event. Registering the same function again replaces it."""
        return self._on(CollectionCreated, handler)

    def on_data_updated(self, handler: Callable[[CollectionUpdated], None]) -> Unsubscribe:
        """Call `handler` with every updated document's event. Registering the same function again replaces it."""
        return self._on(CollectionUpdated, handler)

    def on_data_deleted(self, handler: Callable[[CollectionDeleted], None]) -> Unsubscribe:
        """Call `handler` with every deleted document's event. Registering the same function again replaces it."""
        return self._on(CollectionDeleted, handler)

    def _on(self, kind: type[_CollectionEvent], handler: Handler) -> Unsubscribe:
        def heard(envelope: Envelope) -> None:
            event = event_of(envelope)
            if isinstance(event, kind) and event.collection == self.collection:
                handler(event)

        identity = (self.collection, kind.TYPE, identity_of(handler))
        return subscriptions().keep(identity, lambda: listen(kind.TYPE, heard))


@dataclass(frozen=True, slots=True)
class RealtimeCollections:
    """Every collection in numbers."""

    @property
    def collections(self) -> tuple[CollectionSummary, ...]:
        """Return the collections by name, with count, totals, rate and last change."""
        return current().store.collections()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the collections' names, sorted."""
        return tuple(summary.name for summary in self.collections)

    @property
    def is_connected(self) -> bool:
        """Tell whether what is shown is current."""
        return current().store.connection.is_connected


def use_realtime_data(collection: str) -> RealtimeData:
    """Follow one collection. Raises EventError for a name that can't be one's, NotRunning outside a Tideboard."""
    collection_channel(collection)
    current()
    return RealtimeData(collection)


def use_realtime_collections() -> RealtimeCollections:
    """Follow what collections there are. Raises NotRunning outside a Tideboard."""
    current()
    return RealtimeCollections()


def use_connection_status() -> ConnectionStatus:
    """Return how the app stands to the gateway: state, transport, lag, last event. Raises NotRunning."""
    return current().store.connection


def listen(type_: str, heard: Callable[[Envelope], None]) -> Unsubscribe:
    """Hear events of a type, as far as who is at the page may see them, until the returned function is called."""
    release, let_go = client_of().subscribe(type_, heard), current().hold()

    def end() -> None:
        release()
        let_go()

    return end


def client_of() -> Any:
    """Return the client of this process. Raises NotRunning where no gateway is followed."""
    client = current().client
    if client is None:
        raise NotRunning("This process follows no gateway, so nothing can be heard or dialled from here.")
    return client


def identity_of(handler: Handler) -> Hashable:
    """Tell functions apart by where they are written: a rerun makes every one of them anew."""
    code = getattr(handler, "__code__", None)
    if code is None:
        return id(handler)  # unique for as long as it is kept
    return (code.co_filename, code.co_firstlineno, handler.__qualname__, id(getattr(handler, "__self__", None)))
