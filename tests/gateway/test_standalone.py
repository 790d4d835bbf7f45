"""Claims about the gateway's own process: what survives `kill -9`, how it stops, and why it doesn't start."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websocket import create_connection

from realtime.config import Settings
from realtime.errors import StartError
from realtime.gateway.folder import claimed
from realtime.gateway.listening import answer_at_once
from realtime.gateway.standalone import serve
from tests.gateway.making import envelope

_PROGRAM = """
import sys
from pathlib import Path
from realtime.config import Settings
from realtime.gateway.standalone import serve
serve(Settings(data_dir=Path(sys.argv[1])), port=0, on_listening=lambda url: print(url, flush=True))
"""


@contextmanager
def _process(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a gateway of its own; gives it and its port."""
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline().rpartition(":")[2])
    finally:
        process.kill()
        process.communicate()


def _post_until_it_dies(port: int, name: str, answered: list[tuple[str, int]], enough: threading.Event) -> None:
    """Post small batches until the connection breaks; note each answered event and its offset."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    number = 0
    try:
        while True:
            batch = [envelope(f"{name}{number + step}") for step in range(7)]
            number += 7
            connection.request("POST", "/api/events", json.dumps(batch), {"Content-Type": "application/json"})
            results = json.loads(connection.getresponse().read())["results"]
            answered += [(one["id"], result["offset"]) for one, result in zip(batch, results, strict=True)]
            if number > 200:
                enough.set()
    except (OSError, http.client.HTTPException):
        connection.close()


def _stream(port: int) -> list[tuple[str, int]]:
    command = {"channel": "collection:orders", "limit": 10_000}
    answer = httpx.post(f"http://127.0.0.1:{port}/api/history", json=command, trust_env=False).json()["result"]
    assert answer["publications"][-1]["offset"] == answer["offset"]
    return [(one["data"]["id"], one["offset"]) for one in answer["publications"]]


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    """`kill -9` during ingest: after the restart every answered event is there, and offsets have no hole."""
    answered: list[tuple[str, int]] = []
    with _process(tmp_path) as (process, port):
        enough = threading.Event()
        producers = [
            threading.Thread(target=_post_until_it_dies, args=(port, name, answered, enough)) for name in ("a", "b")
        ]
        for producer in producers:
            producer.start()
        assert enough.wait(30)
        process.send_signal(signal.SIGKILL)
        for producer in producers:
            producer.join(30)
    with _process(tmp_path) as (_, port):
        stream = _stream(port)
        assert [offset for _, offset in stream] == list(range(1, len(stream) + 1))
        assert len(answered) > 200
        assert set(answered) <= set(stream)
        documents = httpx.get(f"http://127.0.0.1:{port}/api/collections", trust_env=False).json()["collections"]
        assert documents[0]["documents"] == len(stream)
        again = httpx.post(f"http://127.0.0.1:{port}/api/events", json=envelope("a0"), trust_env=False).json()
        assert (again["results"][0]["status"], ("ea0", again["results"][0]["offset"]) in answered) == (
            "duplicate",
            True,
        )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_time_and_sends_sockets_away_to_come_back(tmp_path: Path, number: signal.Signals) -> None:
    """A signal: sockets get 3001, the process ends well within five seconds, and cleanly."""
    with _process(tmp_path) as (process, port):
        waiting = create_connection(f"ws://127.0.0.1:{port}/connection/websocket", timeout=10)
        waiting.send('{"id": 1, "connect": {}}')
        waiting.recv()
        idle = socket.create_connection(("127.0.0.1", port))
        started = time.monotonic()
        process.send_signal(number)
        _, frame = waiting.recv_data()
        assert b"3001" in frame or int.from_bytes(frame[:2], "big") == 3001
        assert process.wait(5) == 0
        assert time.monotonic() - started < 5
        idle.close()
        waiting.close()


def test_a_port_in_use_stops_the_start(tmp_path: Path) -> None:
    """One sentence with the port, before the data folder is touched."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"Port {port} on 127.0.0.1 is in use"):
            serve(Settings(data_dir=tmp_path / "new"), port=port)
    assert not (tmp_path / "new").exists()


def test_an_address_that_is_not_ours_stops_the_start(tmp_path: Path) -> None:
    """One sentence each: an unknown name, and somebody else's address."""
    with pytest.raises(StartError, match="--host"):
        serve(Settings(data_dir=tmp_path), host="no such host", port=0)
    with pytest.raises(StartError, match="can't be listened on"):
        serve(Settings(data_dir=tmp_path, secret="a secret of more than 32 characters"), host="203.0.113.1", port=0)


def test_a_data_folder_in_use_stops_the_start(tmp_path: Path) -> None:
    """The lock names who holds it, and is gone with its holder."""
    with claimed(tmp_path):
        with pytest.raises(StartError, match=f"process {os.getpid()}"):
            serve(Settings(data_dir=tmp_path), port=0)
        with pytest.raises(StartError, match="in use by another"), claimed(tmp_path):
            pass
    with claimed(tmp_path):
        pass


def test_a_data_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    """One sentence with the folder and the setting."""
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"can't be written .*TIDEBOARD_DATA_DIR"), claimed(tmp_path / "file" / "data"):
        pass


def _accept_one(listener: socket.socket) -> int:
    with socket.create_connection(listener.getsockname()):
        accepted: Any
        accepted, _ = listener.accept()
        with accepted:
            return int(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def test_listeners_opened_by_others_answer_at_once() -> None:
    """A socket opened without naming TCP, as Streamlit's is, accepts connections that don't wait for more to send."""
    with socket.socket(socket.AF_INET) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert _accept_one(listener) == 0
        assert answer_at_once() >= 1
        assert _accept_one(listener) != 0
