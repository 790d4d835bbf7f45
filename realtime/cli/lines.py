"""Reads lines and gathers them into batches, so that a slow pipe is sent soon and a fast one in large parts."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Final

LINGER_S: Final = 0.2
_QUEUE_LINES: Final = 20_000
_END: Final = None


@dataclass(frozen=True)
class Line:
    """One line that isn't blank; lines are numbered from 1, blank ones too."""

    number: int
    raw: bytes


class LineReader:
    """Reads a stream on a thread of its own. `read_bytes` tells how far it is. Threads: any, for `read_bytes`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: queue.Queue[Line | None] = queue.Queue(_QUEUE_LINES)
        self.read_bytes = 0
        threading.Thread(target=self._read, name="lines", daemon=True).start()

    def batches(
        self, *, most_lines: int, most_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> Iterator[list[Line]]:
        """Yield lines in batches: full ones, or what has come within LINGER_S of a batch's first line."""
        carried: Line | None = None
        while True:
            first = carried if carried is not None else self._lines.get()
            if first is _END:
                return
            batch, size_bytes, until = [first], len(first.raw), clock() + LINGER_S
            carried = None
            while len(batch) < most_lines:
                try:
                    line = self._lines.get(timeout=max(0.0, until - clock()))
                except queue.Empty:
                    break
                if line is _END:
                    yield batch
                    return
                if size_bytes + len(line.raw) > most_bytes:
                    carried = line
                    break
                batch.append(line)
                size_bytes += len(line.raw) + 1
            yield batch

    def _read(self) -> None:
        number = 0
        try:
            for number, raw in enumerate(self._stream, 1):
                self.read_bytes += len(raw)
                if raw.strip():
                    self._lines.put(Line(number, raw.strip()))
        except OSError as error:
            # The other side went away; what has come until now is sent.
            del error
        finally:
            self._lines.put(_END)
