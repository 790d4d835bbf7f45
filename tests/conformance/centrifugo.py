"""Starts a real Centrifugo, found by $CENTRIFUGO, on PATH or where Go puts programs, and speaks its server API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt

from realtime.bench.process import Process
from tests.support.processes import free_port

SECRET = "a secret of more than 32 characters"
API_KEY = "a key for the server API"
HOW_TO_GET_IT = "go install github.com/centrifugal/centrifugo/v6@latest"
_STREAM: dict[str, Any] = {
    "history_size": 200,
    "history_ttl": "3600s",
    "force_recovery": True,
    "force_positioning": True,
    "presence": True,
    "allow_subscribe_for_client": True,
    "allow_publish_for_subscriber": True,
    "allow_history_for_subscriber": True,
    "allow_presence_for_subscriber": True,
}


def binary() -> Path | None:
    """Find the program; None when it isn't on this machine."""
    named = os.environ.get("CENTRIFUGO")
    if named:
        return Path(named)
    found = shutil.which("centrifugo")
    if found:
        return Path(found)
    go = shutil.which("go")
    if go is None:
        return None
    told = subprocess.run([go, "env", "GOBIN", "GOPATH"], capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    folders = [Path(told[0])] if told[0] else [Path(part) / "bin" for part in told[1].split(os.pathsep)]
    return next((path for folder in folders if (path := folder / "centrifugo").is_file()), None)


class Centrifugo:
    """A running server, on a port that stays the same through restarts."""

    def __init__(self, program: Path, folder: Path, client: Mapping[str, Any]) -> None:
        self.port = free_port()
        self._program = program
        self._folder = folder
        self._client = dict(client)
        self._process: Process | None = None
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"X-API-Key": API_KEY}, trust_env=False, timeout=10
        )

    @property
    def base_url(self) -> str:
        """Return the root of its HTTP API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        """Return where its sockets are."""
        return f"ws://127.0.0.1:{self.port}/connection/websocket"

    def start(self) -> None:
        """Start it and wait until it answers. What it held in memory before is gone."""
        config = self._folder / "centrifugo.json"
        config.write_text(json.dumps(self._config()))
        self._process = Process(
            [str(self._program), "--config", str(config)],
            cwd=self._folder, port=self.port, environ={"PATH": os.environ["PATH"]},
            log=self._folder / "centrifugo.log", ready_path="/health",
        )  # fmt: skip
        self._process.wait_ready()

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        self._process.kill()

    def stop(self) -> None:
        """End it, and the connection to it."""
        self.http.close()
        if self._process is not None:
            self._process.stop()

    def forget(self) -> None:
        """Do nothing: it keeps everything in memory."""

    def _config(self) -> dict[str, Any]:
        return {
            "http_server": {"address": "127.0.0.1", "port": self.port},
            "http_api": {"key": API_KEY},
            "health": {"enabled": True},
            "log": {"level": "info"},
            "client": {
                "token": {"hmac_secret_key": SECRET},
                "history_max_publication_limit": 1000,
                "recovery_max_publication_limit": 1000,
                **self._client,
            },
            "channel": {
                "without_namespace": {**_STREAM, "allow_user_limited_channels": True},
                "namespaces": [{"name": "collection", **_STREAM}],
            },
        }


def token(user: str = "ann", *, secret: str = SECRET, **claims: Any) -> str:
    """Make a connection token, good for an hour unless `exp` says otherwise."""
    return jwt.encode({"sub": user, "exp": int(time.time()) + 3600, **claims}, secret, algorithm="HS256")
