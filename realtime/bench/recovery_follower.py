"""Starts, asks and kills a follower's process. Knows nothing of what it says.

Threads: the one that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from realtime.bench.launch import clean_environment, import_path
from realtime.errors import StartError

_STOP_WITHIN_S: Final = 8.0


class FollowerProcess:
    """A follower of the gateway at `base_url`; its journal lies in `folder` and is added to by each new one."""

    def __init__(self, base_url: str, folder: Path) -> None:
        self.journal = folder / "journal.ndjson"
        self._log = folder / "follower.log"
        with self._log.open("ab") as sink:
            self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
                [sys.executable, "-m", "realtime.bench.follower", "--url", base_url, "--data", str(folder)],
                cwd=folder,
                env={**clean_environment({}), "PYTHONPATH": import_path()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
            )

    def emit(self, identifier: str) -> None:
        """Have it emit an event. One that is gone emits nothing."""
        with contextlib.suppress(BrokenPipeError):
            self._tell({"do": "emit", "id": identifier})

    def ask(self) -> dict[str, Any]:
        """Return what its store holds, how far it is and what it claims. Raises StartError when it has ended."""
        with contextlib.suppress(BrokenPipeError):
            self._tell({"do": "dump"})
        assert self._popen.stdout is not None
        answer = self._popen.stdout.readline()
        if not answer:
            words = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise StartError(f"The follower has ended: {' / '.join(words) or 'it printed nothing.'}")
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(_STOP_WITHIN_S)

    def __enter__(self) -> FollowerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.close()  # which asks it to end
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_STOP_WITHIN_S)
        self.kill()
        self._popen.stdout.close()

    def _tell(self, order: dict[str, str]) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(order).encode() + b"\n")
        self._popen.stdin.flush()
