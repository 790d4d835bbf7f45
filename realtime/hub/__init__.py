"""Serves the Centrifuge wire: sessions, subscriptions, and fan-out to many sockets with bounded queues.

Not in here: what a channel holds, who may do what, storage. A `Backend` knows that (ports.py).
Threads: the event loop's thread only, everything.
"""

from realtime.hub.hub import Hub
from realtime.hub.ports import Backend, Granted, Joined, Member, OutPublication, Peer

__all__ = ["Backend", "Granted", "Hub", "Joined", "Member", "OutPublication", "Peer"]
