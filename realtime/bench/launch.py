"""Knows the commands that start the app, the gateway and a plain Streamlit script, each on its own data and port.

No measuring; how a process is watched and stopped is in process.py.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from realtime.bench.process import Process
from realtime.config import CONFIG_VARIABLE, variable_of
from realtime.errors import StartError

_PREFIX: Final = variable_of("")
_APP_READY: Final = "/api/health"
_SCRIPT_READY: Final = "/_stcore/health"


def free_port() -> int:
    """Return a port of the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def project_root() -> Path:
    """Return the folder with app.py: the one we stand in, or the checkout this package lies in.

    Raises StartError when there is none, as in an installation without the pages.
    """
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "app.py").is_file():
            return folder
    raise StartError("There is no app.py here: run this from a checkout of Tideboard.")


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return our environment with `settings` (variable → value), without the caller's TIDEBOARD_* and STREAMLIT_*."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith((_PREFIX, "STREAMLIT_"))}
    return {**inherited, "PYTHONUNBUFFERED": "1", **settings}


def app_settings(data_dir: Path, *, sample: str = "off", extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of an app on its own data folder, deaf to a tideboard.toml that lies about."""
    config = data_dir.parent / "bench-tideboard.toml"
    config.touch()
    settings = {CONFIG_VARIABLE: str(config), variable_of("data_dir"): str(data_dir), variable_of("sample"): sample}
    return {**settings, **(extra or {})}


def start_app(
    data_dir: Path,
    *,
    port: int | None = None,
    address: str = "127.0.0.1",
    sample: str = "off",
    extra: Mapping[str, str] | None = None,
) -> Process:
    """Start the real app (`streamlit run app.py`) without waiting for it. Raises StartError when there is no app.py."""
    root = project_root()
    port = port or free_port()
    return Process(
        [sys.executable, "-m", "streamlit", "run", "app.py", *_streamlit_flags(port, address)],
        cwd=root,
        port=port,
        environ=clean_environment(app_settings(data_dir, sample=sample, extra=extra)),
        log=data_dir.parent / f"app-{port}.log",
        ready_path=_APP_READY,
    )


def start_gateway(
    data_dir: Path, *, port: int | None = None, host: str = "127.0.0.1", extra: Mapping[str, str] | None = None
) -> Process:
    """Start the gateway alone (`python -m realtime gateway`) without waiting for it."""
    port = port or free_port()
    return Process(
        [sys.executable, "-m", "realtime", "gateway", "--host", host, "--port", str(port)],
        cwd=data_dir.parent,
        port=port,
        environ={**clean_environment(app_settings(data_dir, extra=extra)), "PYTHONPATH": import_path()},
        log=data_dir.parent / f"gateway-{port}.log",
        ready_path=_APP_READY,
    )


def start_script(script: Path, *, folder: Path, arguments: Sequence[str], port: int | None = None) -> Process:
    """Start a plain Streamlit script without waiting for it, in `folder`, so that no project's config applies."""
    port = port or free_port()
    quiet = ["--server.fileWatcherType=none", "--browser.gatherUsageStats=false", "--runner.postScriptGC=false"]
    flags = [*_streamlit_flags(port), *quiet]
    return Process(
        [sys.executable, "-m", "streamlit", "run", str(script), *flags, "--", *arguments],
        cwd=folder,
        port=port,
        environ={**clean_environment({}), "PYTHONPATH": import_path()},
        log=folder / f"{script.stem}-{port}.log",
        ready_path=_SCRIPT_READY,
    )


@contextlib.contextmanager
def running_app(*, sample: str = "off", extra: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run the real app on a free port with an empty data folder, from ready to stopped."""
    with temporary_folder() as folder, start_app(folder / "data", sample=sample, extra=extra) as app:
        app.wait_ready()
        yield app


@contextlib.contextmanager
def running_gateway(*, extra: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run the gateway alone on a free port with an empty data folder, from ready to stopped."""
    with temporary_folder() as folder, start_gateway(folder / "data", extra=extra) as gateway:
        gateway.wait_ready()
        yield gateway


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Lend a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="tideboard-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _streamlit_flags(port: int, address: str = "127.0.0.1") -> list[str]:
    return [f"--server.port={port}", f"--server.address={address}", "--server.headless=true"]


def import_path() -> str:
    """Return the PYTHONPATH under which a process of ours finds this very package."""
    here = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return f"{here}{os.pathsep}{inherited}" if inherited else here
