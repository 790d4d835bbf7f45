"""Keeps the store in step with the gateway, over one WebSocket or by polls where none can be had, and sends to it.

No views, no drawing, and no deciding outside the pure `connection` and `sync`: the rest carries out.
Threads: one daemon thread owns the socket; `WebSocketClient`'s methods may be called from any.
"""

from realtime.client.calls import Ack
from realtime.client.client import WebSocketClient
from realtime.client.connection import Retry
from realtime.client.outbox import Outbox
from realtime.store import ConnectionState

__all__ = ["Ack", "ConnectionState", "Outbox", "Retry", "WebSocketClient"]
