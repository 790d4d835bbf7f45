"""A gateway as small as can be, on a real port: takes events, drops repeats, lists documents and history."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class StandIn:
    """What the gateway has stored. `changed` is notified after each request that was answered."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.epoch = "e1"
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.keys: set[tuple[str, str]] = set()
        self.documents: dict[str, dict[str, dict[str, Any]]] = {}
        self.duplicates = 0
        self.down_with: int | None = None
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        self.has_history = True

    def take(self, envelope: dict[str, Any]) -> str:
        """Store one event; answer what became of it."""
        if envelope["data"].get("document", {}).get("refuse"):
            return "refused"
        key = (envelope["source"], envelope["id"])
        if key in self.keys:
            self.duplicates += 1
            return "duplicate"
        self.keys.add(key)
        data = envelope["data"]
        collection = data.get("collection")
        channel = f"collection:{collection}" if collection else envelope["type"].split(":")[0].replace("user", "users")
        self.events.setdefault(channel, []).append(envelope)
        if collection:
            documents = self.documents.setdefault(collection, {})
            if envelope["type"] == "collection:deleted":
                documents.pop(data["id"], None)
            else:
                documents[data["document"]["id"]] = data["document"]
        return "stored"

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer one request."""
        if self.down_with is not None:
            return self.down_with, {"error": {"code": "storage_unavailable", "reason": "down"}}
        if path == "/api/events":
            words = [self.take(each) for each in json.loads(body)]
            counts = {name: words.count(word) for name, word in (("stored", "stored"), ("duplicates", "duplicate"))}
            refused = words.count("refused")
            return (207 if refused else 200), {"results": [], **counts, "refused": refused}
        if path == "/api/history":
            return self.history(json.loads(body))
        if path == "/api/collections":
            return 200, {"collections": [self.summary(name) for name in sorted(self.documents)]}
        documents = self.documents.get(path.split("/")[3], {})
        return 200, {"documents": list(documents.values()), "cursor": None, "position": None}

    def summary(self, name: str) -> dict[str, Any]:
        """Describe a collection."""
        position = {"epoch": self.epoch, "offset": len(self.events.get(f"collection:{name}", ()))}
        return {"name": name, "documents": len(self.documents[name]), "position": position}

    def history(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer as Centrifugo's server API does."""
        if not self.has_history:
            return 404, {"error": {"code": 108, "message": "not available"}}
        since = request.get("since") or {"offset": 0, "epoch": self.epoch}
        if since["epoch"] != self.epoch:
            return 200, {"error": {"code": 112, "message": "unrecoverable position"}}
        events = self.events.get(request["channel"], [])
        numbered = list(enumerate(events, 1))[since["offset"] :][: min(request["limit"], 100)]
        publications = [{"offset": offset, "data": event} for offset, event in numbered]
        return 200, {"result": {"publications": publications, "offset": len(events), "epoch": self.epoch}}

    def wait_until(self, claim: Any) -> None:
        """Wait until `claim()` holds, looking after each request."""
        with self.changed:
            assert self.changed.wait_for(claim, timeout=20), self.requests[-10:]


@contextmanager
def stand_in() -> Iterator[tuple[StandIn, str]]:
    """Serve a stand-in; gives it and its address."""
    gateway = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            with gateway.changed:
                status, content = gateway.answer(self.command, path, body)
                gateway.requests.append(f"{self.command} {path}")
                gateway.tokens.append(self.headers.get("Authorization"))
            raw = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
            with gateway.changed:
                gateway.changed.notify_all()

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield gateway, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
