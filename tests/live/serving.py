"""Serves the live side on a free port over a fake store, and plays the raw tab. No claims in here."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import websocket
from starlette.applications import Starlette

from realtime.config import Settings
from realtime.live.live import Live
from realtime.views.registry import View
from tests.live.support import SECRET, FakeStore
from tests.support.waiting import until

ASSETS = Path(__file__).parents[2] / "realtime" / "ui" / "assets"


class Serving:
    """The live side behind a real server on a free port, over a fake store."""

    def __init__(self) -> None:
        self.store = FakeStore()
        settings = Settings(secret=SECRET.decode(), paint_hz=60.0)
        self.live = Live(self.store.as_store, settings=settings, assets_folder=ASSETS)
        app = Starlette(routes=self.live.routes(), lifespan=lambda _app: self.live.running())
        config = uvicorn.Config(app, port=0, log_level="error", ws="websockets-sansio", lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Serving:
        self.thread.start()
        until(lambda: self.server.started)
        self.port: int = self.server.servers[0].sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)

    def tab(self) -> Tab:
        """Open a tab's channel."""
        return Tab(f"ws://127.0.0.1:{self.port}/live/channel")

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Fetch an asset."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers={"accept-encoding": "identity", **headers})


class Tab:
    """One raw client."""

    def __init__(self, url: str) -> None:
        self._socket = websocket.create_connection(url, timeout=5)
        self._number = 0
        self.pushed: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.welcome = self.ask(connect={})

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a command and return its reply; pushes that come before it are kept."""
        self._number += 1
        self.say({"id": self._number, **request})
        while True:
            for frame in self._frames():
                if frame.get("id") == self._number:
                    return frame

    def say(self, frame: dict[str, Any]) -> None:
        """Send a frame that nobody answers."""
        self._socket.send(json.dumps(frame))

    def tell(self, **data: Any) -> None:
        """Say something of the tab."""
        self.say({"send": {"data": data}})

    def show(self, serving: Serving, view: View, *, person: str = "", **parameters: Any) -> dict[str, Any]:
        """Subscribe with the ticket a page of this person would have; return the reply."""
        cast = serving.live.caster.current(view, parameters, person=person)
        return self.ask(subscribe={"channel": cast.channel, "token": cast.ticket})

    def next_push(self) -> dict[str, Any]:
        """Return the next publication's data."""
        while not self.pushed:
            self._frames()
        return self.pushed.pop(0)

    def next_message(self) -> dict[str, Any]:
        """Return the next message to this tab alone."""
        while not self.messages:
            self._frames()
        return self.messages.pop(0)

    def has_silence(self, seconds: float = 0.4) -> bool:
        """Tell whether nothing but pings comes for a while: the one claim that only waiting can show."""
        self._socket.settimeout(seconds)
        try:
            while not self.pushed:
                self._frames()
        except websocket.WebSocketTimeoutException:
            return True
        finally:
            self._socket.settimeout(5)
        return False

    def close(self) -> None:
        """Go away without a word."""
        self._socket.close()
        # Closes for good, also when the other side had closed first.
        self._socket.shutdown()  # type: ignore[no-untyped-call]

    def _frames(self) -> list[dict[str, Any]]:
        frames = [json.loads(line) for line in str(self._socket.recv()).split("\n") if line]
        pushes = [each.get("push", {}) for each in frames]
        self.pushed += [push["pub"]["data"] for push in pushes if "pub" in push]
        self.messages += [push["message"]["data"] for push in pushes if "message" in push]
        return frames
