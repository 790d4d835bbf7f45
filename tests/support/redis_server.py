"""Starts real Redis (and Valkey) servers on free ports of the loopback, kills, freezes and removes them again."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError

from realtime.gateway.nodes.dialing import ask
from tests.support.certificates import Certificates
from tests.support.processes import free_port

_READY_WITHIN_S: Final = 20.0
_ADMIN: Final = "admin"
_NOTHING_KEPT: Final = {"save": '""', "appendonly": "no", "repl-diskless-sync-delay": "0"}
KEPT: Final = {"save": '""', "appendonly": "yes", "appendfsync": "everysec"}
"""Settings of a server that keeps what it has in an append-only file."""


_OPERATIONS: Final = Path(__file__).parents[2] / "docs" / "operations.md"


def documented_user(*, prefix: str = "tideboard") -> str:
    """Return the ACL line that docs/operations.md gives, for the user `tideboard` with the password `password`."""
    [line] = [line for line in _OPERATIONS.read_text().splitlines() if line.startswith("user tideboard ")]
    assert "~{tideboard}:*" in line
    return line.replace("~{tideboard}:*", f"~{{{prefix}}}:*")


def documented_sentinel_rights() -> list[str]:
    """Return what docs/operations.md says a user needs at Sentinels."""
    [rights] = re.findall(r"`user tideboard on >password (-@all [^`]*sentinel[^`]*)`", _OPERATIONS.read_text())
    return str(rights).split()


def programs() -> dict[str, Path]:
    """Find what can be started: `redis`, and `valkey` where there is one, on PATH or named by $VALKEY_SERVER."""
    named = {"redis": shutil.which("redis-server"), "valkey": shutil.which("valkey-server")}
    named["valkey"] = os.environ.get("VALKEY_SERVER") or named["valkey"]
    return {name: Path(path) for name, path in named.items() if path}


def program(*, is_encrypted: bool = False) -> Path:
    """Return the server to start where it doesn't matter which: the one $REDIS_SERVER names, or the first found.

    Not every build has TLS; distributions' have.
    """
    if not is_encrypted and (named := os.environ.get("REDIS_SERVER")):
        return Path(named)
    found = programs()
    if not found:
        raise AssertionError("These tests need redis-server: install it (on Debian: apt-get install redis-server).")
    return next(iter(found.values()))


class RedisServer:
    """One server process. A context manager; leaving it ends the process, come what may.

    `settings` are lines of its configuration. With `certificates` it speaks TLS alone, and asks for a client's.
    `users` are ACL lines (`user ann on …`); with them nobody is let in without a login. `password` is what
    `settings` ask of everybody (requirepass). Its folder goes with it.
    """

    def __init__(
        self,
        *,
        server: Path | None = None,
        settings: Mapping[str, str] | None = None,
        users: Sequence[str] = (),
        certificates: Certificates | None = None,
        password: str = "",
        lines: Iterable[str] = (),
        is_sentinel: bool = False,
    ) -> None:
        # Not pytest's folder: the path of a socket has a hundred characters at most.
        self._temporary = TemporaryDirectory(prefix="tideboard-redis-")
        self.folder = Path(self._temporary.name)
        self.port = free_port()
        self._certificates = certificates
        self._password = password
        self._command = [
            str(server or program(is_encrypted=certificates is not None)),
            str(self.folder / "redis.conf"),
            *(["--sentinel"] if is_sentinel else []),
        ]
        keeping = {} if is_sentinel else _NOTHING_KEPT
        self._lines = [*(f"{key} {value}" for key, value in {**keeping, **(settings or {})}.items()), *lines]
        self._users = ("user default off", f"user {_ADMIN} on >{_ADMIN} ~* &* +@all", *users) if users else ()
        self._popen: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Return its address, without a login."""
        return f"redis{'s' if self._certificates else ''}://{self.address}/0"

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def socket_file(self) -> Path:
        """Return the socket file it listens on besides."""
        return self.folder / "s"

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        assert self._popen is not None
        return self._popen.pid

    def start(self) -> None:
        """Start it, on the same port and folder as before, and wait until it answers."""
        for _ in range(5):
            self._write_configuration()
            with (self.folder / "log").open("ab") as sink:
                self._popen = subprocess.Popen(
                    self._command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
                )
            atexit.register(self.kill)
            if self._is_up():
                return
            self.port = free_port()  # another process took it between our looking and its binding
        raise AssertionError(f"It doesn't start: {(self.folder / 'log').read_text()[-1000:]}")

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator does."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """Stop it where it stands: connections stay open, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def flush(self) -> None:
        """Lose everything it holds."""
        self.ask("FLUSHALL")

    def ask(self, *command: str | bytes | int) -> Any:
        """Send one command over the socket file, as who may do everything."""
        name, word = (_ADMIN, _ADMIN) if self._users else (None, self._password or None)
        path = str(self.socket_file)
        with closing(
            Redis(unix_socket_path=path, username=name, password=word, socket_timeout=10, protocol=2)
        ) as client:
            return ask(client, *command)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it for good, and remove its folder."""
        self.kill()
        self._temporary.cleanup()

    def _write_configuration(self) -> None:
        path = self.folder / "redis.conf"
        if path.exists() and f"port {self.port}\n" in path.read_text():
            return  # a Sentinel, a replica and a node of a Cluster write what they learnt into theirs
        listening = [f"port {self.port}"]
        if self._certificates:
            files = self._certificates
            listening = [
                "port 0", f"tls-port {self.port}", f"tls-cert-file {files.server}", f"tls-key-file {files.server_key}",
                f"tls-ca-cert-file {files.authority}", "tls-auth-clients yes", "tls-replication yes", "tls-cluster yes",
            ]  # fmt: skip
        places = ["bind 127.0.0.1", f"unixsocket {self.socket_file}", f"dir {self.folder}"]
        path.write_text("\n".join([*places, *listening, *self._lines, *self._users, ""]))

    def _is_up(self) -> bool:
        """Wait until it answers; False when it ends instead."""
        assert self._popen is not None
        deadline = time.monotonic() + _READY_WITHIN_S
        while self._popen.poll() is None:
            try:
                if self.ask("INFO", "server")["process_id"] == self.pid and not self._is_loading():
                    return True
            except AuthenticationError:
                self.kill()
                raise
            except (RedisError, OSError):
                pass
            if time.monotonic() > deadline:
                self.kill()
                return False
            time.sleep(0.005)
        return False

    def _is_loading(self) -> bool:
        return bool(self.ask("INFO", "persistence").get("loading"))

    def _end(self, number: signal.Signals) -> None:
        atexit.unregister(self.kill)
        if self._popen is not None and self._popen.poll() is None:
            self._popen.send_signal(number)
            self._popen.send_signal(signal.SIGCONT)  # a frozen one hears nothing else
            try:
                self._popen.wait(10)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait(10)
