"""Knows the servers that `bench fanout` compares, and how each is started. Peers that can't be had say why."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from realtime.bench import peers
from realtime.bench.launch import clean_environment, free_port, import_path, start_gateway
from realtime.bench.process import Process
from realtime.errors import TideboardError

_PEERS: Final = Path(peers.__file__).parent
_NODE: Final = _PEERS / "node"
_INSTALL_S: Final = 300.0
_SOCKET_IO: Final = "/socket.io/?EIO=4&transport=websocket"


class Missing(TideboardError):
    """A peer can't be run here. The text says what is missing."""


@dataclass(frozen=True)
class Server:
    """One server: what it is called, how it is started in a folder, and how its sockets speak."""

    name: str
    dialect: str
    start: Callable[[Path], Process]
    path: str = "/"
    socket_path: str = "/"
    port_offset: int = 0
    is_ours: bool = False

    def socket_url(self, process: Process) -> str:
        """Return where its sockets are."""
        return f"ws://127.0.0.1:{process.port + self.port_offset}{self.socket_path}"


def _python(script: str, needs: str) -> Callable[[Path], Process]:
    def start(folder: Path) -> Process:
        if find_spec(needs) is None:
            raise Missing(f"the package {needs} isn't installed")
        return _process([sys.executable, str(_PEERS / script)], folder)

    return start


def _node(script: str) -> Callable[[Path], Process]:
    def start(folder: Path) -> Process:
        _install_node_packages()
        return _process(["node", str(_NODE / script)], folder)

    return start


def _process(command: Sequence[str], folder: Path) -> Process:
    port = free_port()
    return Process(
        [*command, str(port)], cwd=folder, port=port, environ={**clean_environment({}), "PYTHONPATH": import_path()},
        log=folder / "peer.log", ready_path="/",
    )  # fmt: skip


def _install_node_packages() -> None:
    """Install ws and socket.io from their lock, beside it, unless they are there. Raises Missing."""
    if (_NODE / "node_modules" / "ws" / "package.json").exists() and shutil.which("node"):
        return
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("Node.js with npm isn't installed")
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(  # noqa: S603 - a command of our own
        command, cwd=_NODE, capture_output=True, text=True, timeout=_INSTALL_S, check=False
    )
    if done.returncode:
        raise Missing(f"`npm ci` failed: {(done.stderr.strip().splitlines() or ['no output'])[0]}")


SERVERS: Final = (
    Server(
        "Tideboard's gateway", "centrifuge", lambda folder: start_gateway(folder / "data"),
        path="/api/events", socket_path="/connection/websocket", is_ours=True,
    ),
    Server("ws (Node)", "plain", _node("fanout_ws.js")),
    Server("socket.io (Node)", "socketio", _node("fanout_socketio.js"), socket_path=_SOCKET_IO),
    Server("websockets (Python)", "plain", _python("fanout_websockets.py", "websockets"), port_offset=1),
    Server("Starlette, a naive loop", "plain", _python("fanout_starlette.py", "starlette")),
    Server(
        "python-socketio", "socketio", _python("fanout_socketio.py", "socketio"),
        socket_path=_SOCKET_IO,
    ),
)  # fmt: skip
