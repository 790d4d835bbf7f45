"""SIGTERM in the middle of everything: sockets are told to come back, nothing answered is lost, and it ends in time."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import websocket

from realtime.bench.process import Process
from tests.gateway.making import envelope, opened
from tests.integration.test_kill import BATCH, Producer
from tests.support.processes import start_app, start_gateway
from tests.support.waiting import until

WITHIN_S: Final = 5.0
COME_BACK: Final = 3001
GATEWAY: Final = "/connection/websocket"
TAB: Final = "/live/channel"
STREAMLIT: Final = "/_stcore/stream"
CLEAN: Final = (0, -signal.SIGTERM)  # uvicorn, once it has shut down, ends by the signal that it was sent


class Speaker(threading.Thread):
    """Ingests over a socket, one event after the other, until it is sent away; `answered` are the ids that were."""

    def __init__(self, process: Process) -> None:
        super().__init__(daemon=True)
        self._socket = dialled(process, GATEWAY)
        self.answered: list[str] = []
        self.code = 0

    def run(self) -> None:
        """Ask and hear, on and on."""
        try:
            for number in itertools.count(2):
                event = envelope(f"s{number}", collection="said")
                self._socket.send(json.dumps({"id": number, "rpc": {"method": "ingest", "data": {"events": [event]}}}))
                if not self._is_answered(number):
                    return
                self.answered.append(f"ds{number}")
        except (OSError, websocket.WebSocketException):
            return
        finally:
            self._socket.shutdown()  # type: ignore[no-untyped-call]

    def _is_answered(self, number: int) -> bool:
        """Wait for an answer; False when it is the goodbye."""
        while True:
            opcode, raw = self._socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                self.code = int.from_bytes(raw[:2], "big")
                return False
            replies = [json.loads(line) for line in raw.decode().split("\n")]
            if any(reply.get("id") == number and "rpc" in reply for reply in replies):
                return True


def dialled(process: Process, path: str) -> websocket.WebSocket:
    """Open a socket and, where the protocol is ours, come in."""
    opened_socket = websocket.create_connection(f"ws://127.0.0.1:{process.port}{path}", timeout=20)
    if path != STREAMLIT:
        opened_socket.send('{"id": 1, "connect": {}}')
        opened_socket.recv()
    return opened_socket


def close_code(one: websocket.WebSocket) -> int:
    """Read until the end and return its code; 0 where there is none."""
    try:
        while True:
            opcode, raw = one.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return int.from_bytes(raw[:2], "big")
    except (OSError, websocket.WebSocketException):
        return 0
    finally:
        one.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def half_a_request(process: Process) -> Iterator[None]:
    """Send half of a request and hold the connection open; beside it, one on which nothing was ever said."""
    with socket.create_connection(("127.0.0.1", process.port)) as half, socket.create_connection(half.getpeername()):
        half.sendall(
            b"POST /api/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n["
        )
        yield


@pytest.mark.parametrize(
    ("start", "paths"),
    [(start_gateway, (GATEWAY,)), (start_app, (GATEWAY, TAB, TAB, STREAMLIT))],
    ids=["gateway", "app"],
)
def test_sigterm_under_load_loses_nothing_that_was_answered(
    tmp_path: Path, start: Callable[[Path], Process], paths: tuple[str, ...]
) -> None:
    """Producers over HTTP and sockets, open tabs, an idle connection and half a request: none of them holds it up."""
    with start(tmp_path / "data") as process:
        process.wait_ready()
        producers = [Producer(process.base_url, first=1 + 100_000 * index) for index in range(3)]
        speakers = [Speaker(process)]
        listeners = [(path, dialled(process, path)) for path in paths]
        for one in (*producers, *speakers):
            one.start()
        until(lambda: all(len(one.answered) > 5 * BATCH for one in producers), what="answered batches")
        until(lambda: all(len(one.answered) > 5 for one in speakers), what="answered commands")
        with half_a_request(process):
            os.kill(process.pid, signal.SIGTERM)
            codes = {path: close_code(one) for path, one in listeners}
            code = process.wait_end(within_s=WITHIN_S)
        for one in (*producers, *speakers):
            one.join(20)
        printed = process.output()
    assert code in CLEAN, printed
    assert {path: code for path, code in codes.items() if path != STREAMLIT} == dict.fromkeys(
        {path for path in paths if path != STREAMLIT}, COME_BACK
    )
    assert "Traceback" not in printed
    with opened(tmp_path / "data", retention_events=1_000_000) as log:
        top = log.position("collection:orders").offset
        page = log.read("collection:orders", limit=1_000_000, most_bytes=1 << 30)
        stored = {json.loads(record.raw)["data"]["document"]["id"] for record in page.publications}
        assert [record.offset for record in page.publications] == list(range(1, top + 1))
        assert {f"d{number:06d}" for one in producers for number in one.answered} <= stored
        for speaker in speakers:
            assert [name for name in speaker.answered if log.get("said", name) is None] == []
            assert speaker.code == COME_BACK
