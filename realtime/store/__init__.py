"""Holds what the app knows: documents, feed, people, counts, the connection's status; a version per topic.

No sockets, HTTP, clocks or drawing in here: the client feeds it, views read it, and the caller brings the time.
Threads: any. One lock inside `Store`, memory work only; what readers get is immutable.
"""

from realtime.store.gaps import GapNotice
from realtime.store.health import DeadLetter, DeadLetters, HealthSnapshot, HubSample, ProcessSample
from realtime.store.inbox_copy import InboxCopy
from realtime.store.model import (
    CollectionSnapshot,
    CollectionSummary,
    ConnectionState,
    ConnectionStatus,
    DocumentState,
    FeedEntry,
    Here,
    Looking,
    OutboxEntry,
    OutboxState,
    PersonDid,
    PersonSeen,
)
from realtime.store.store import Store
from realtime.store.timeline import Span

__all__ = [
    "CollectionSnapshot",
    "CollectionSummary",
    "ConnectionState",
    "ConnectionStatus",
    "DeadLetter",
    "DeadLetters",
    "DocumentState",
    "FeedEntry",
    "GapNotice",
    "HealthSnapshot",
    "Here",
    "HubSample",
    "InboxCopy",
    "Looking",
    "OutboxEntry",
    "OutboxState",
    "PersonDid",
    "PersonSeen",
    "ProcessSample",
    "Span",
    "Store",
]
