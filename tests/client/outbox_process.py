"""A process that keeps emits in an outbox until it is killed; it prints the id of each that was taken.

With a gateway's address it sends them all the while.
"""

from __future__ import annotations

import sys
from pathlib import Path

from realtime.client import WebSocketClient
from realtime.client.outbox import Outbox
from realtime.store import Store
from tests.support.producing import updated


def main(path: str, first: str, *address: str) -> None:
    """Put one edit after the other, of three documents in turn."""
    outbox = Outbox.open(Path(path), most_events=10_000, most_bytes=64_000_000)
    if address:
        client = WebSocketClient(
            f"ws://{address[0]}/connection/websocket", http_url=f"http://{address[0]}", store=Store(), outbox=outbox
        )
        client.connect()
    for number in range(int(first), int(first) + 900):
        outbox.put(updated("orders", {"id": f"d{number % 3}", "value": number}, event_id=f"e{number}"))
        print(f"e{number}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
