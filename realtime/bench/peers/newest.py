"""Keeps the newest readings of a collection, followed over the gateway's socket. Draws nothing.

Threads: any (one lock around the readings; a daemon thread writes).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

import plotly.graph_objects as go
import streamlit as st
import websocket

from realtime.protocol.channels import collection_channel


class Newest:
    """The newest `points` readings: their times and values, oldest first."""

    def __init__(self, url: str, *, collection: str, points: int) -> None:
        self._url = url
        self._channel = collection_channel(collection)
        self._lock = threading.Lock()
        self._readings: deque[tuple[float, int]] = deque(maxlen=points)
        # Subscribed before the page is there: what is posted once it shows its chart is certain to come.
        self._socket = self._subscribed()
        threading.Thread(target=self._follow, name="bench-newest", daemon=True).start()

    def read(self) -> tuple[list[float], list[int]]:
        """Return times (Unix seconds) and values."""
        with self._lock:
            readings = list(self._readings)
        return [at for at, _ in readings], [value for _, value in readings]

    def _subscribed(self) -> websocket.WebSocket:
        socket = websocket.create_connection(f"{self._url}/connection/websocket")
        socket.send(json.dumps({"id": 1, "connect": {}}))
        socket.send(json.dumps({"id": 2, "subscribe": {"channel": self._channel}}))
        while not self._take(socket, until=2):
            pass
        return socket

    def _follow(self) -> None:
        while True:
            self._take(self._socket)

    def _take(self, socket: websocket.WebSocket, *, until: int = 0) -> bool:
        """Keep what the next message brings; tell whether it answers command `until`."""
        is_answered = False
        for line in socket.recv().splitlines():
            frame = json.loads(line)
            if not frame:
                socket.send("{}")
            elif "push" in frame and "pub" in frame["push"]:
                self._keep(frame["push"]["pub"]["data"])
            is_answered |= until > 0 and frame.get("id") == until
        return is_answered

    def _keep(self, envelope: dict[str, Any]) -> None:
        value = envelope["data"]["document"]["value"]
        with self._lock:
            self._readings.append((time.time(), value))


@st.cache_resource
def newest() -> Newest:
    """Follow what the command line names, once for all tabs."""
    url, collection, points = sys.argv[1:4]
    return Newest(url, collection=collection, points=int(points))


def draw() -> None:
    """Draw the chart that each of the compared pages shows."""
    times, values = newest().read()
    moments = [datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(" ", "milliseconds") for at in times]
    trace = go.Scatter(x=moments, y=values, mode="lines", line={"width": 1.8})
    figure = go.Figure(trace)
    figure.update_layout(height=320, uirevision="constant", margin={"l": 44, "r": 12, "t": 8, "b": 28})
    st.plotly_chart(figure, key="chart")
