"""Samples the process every five seconds into the store: memory, CPU, hubs; and asks the gateway for dead letters.

One place does it for all pages, so that what looking costs doesn't grow with who looks. Decides and draws nothing.
Threads: one of its own, from `start` to `stop`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
import psutil

from realtime.client.asking import ask
from realtime.metrics import APP_CPU, APP_MEMORY, APP_OPEN_FILES, APP_THREADS, REGISTRY
from realtime.store import DeadLetter, DeadLetters, HubSample, ProcessSample, Store
from realtime.store.health import SAMPLE_S

_ASK_EVERY: Final = 3
_NEWEST: Final = 20
_TIMEOUT_S: Final = 3.0
_log = logging.getLogger(__name__)


class Sampler:
    """The thread that keeps the store's samples of the process current."""

    def __init__(
        self,
        store: Store,
        *,
        dead_letters: Callable[[], DeadLetters | None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._dead_letters = dead_letters
        self._now = now
        self._process = psutil.Process()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tideboard-sampler", daemon=True)
        self._process.cpu_percent()  # the first answer is of no stretch of time, and always 0

    def start(self) -> None:
        """Begin; the first sample is there a moment later."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread is gone."""
        self._stopped.set()
        self._thread.join(_TIMEOUT_S * 2)

    def sample(self) -> ProcessSample:
        """Measure the process now, and put it on /metrics too."""
        process = self._process
        with process.oneshot():
            sample = ProcessSample(
                at=self._now(),
                started_at=process.create_time(),
                memory_bytes=process.memory_info().rss,
                cpu_share=process.cpu_percent() / 100,
                threads=process.num_threads(),
                open_files=process.num_fds(),
                hubs=hub_samples(),
            )
        APP_MEMORY.set(sample.memory_bytes)
        APP_CPU.set(sample.cpu_share)
        APP_THREADS.set(sample.threads)
        APP_OPEN_FILES.set(sample.open_files)
        return sample

    def _run(self) -> None:
        turn = 0
        while True:
            try:
                self._store.set_process(self.sample())
                if turn % _ASK_EVERY == 0:
                    self._store.set_dead_letters(self._dead_letters())
            except (psutil.Error, OSError) as error:
                _log.warning("The process couldn't be sampled: %s", error)
            turn += 1
            if self._stopped.wait(SAMPLE_S):
                return


def hub_samples() -> tuple[HubSample, ...]:
    """Read off the metrics what each hub of this process has done."""
    found: dict[str, dict[str, float]] = {}
    for family in REGISTRY.collect():
        for metric in family.samples:
            field = _FIELDS.get(metric.name)
            if field is not None and "hub" in metric.labels:
                found.setdefault(metric.labels["hub"], {})[field] = metric.value
    return tuple(
        HubSample(name, **{field: int(value) for field, value in fields.items()})
        for name, fields in sorted(found.items())
    )


_FIELDS: Final = {
    "tideboard_connections": "connections",
    "tideboard_deliveries_total": "deliveries",
    "tideboard_coalesced_total": "coalesced",
    "tideboard_slow_closed_total": "slow_closed",
    "tideboard_queue_deepest_bytes": "queue_bytes",
    "tideboard_hub_bytes_in_total": "bytes_in",
    "tideboard_hub_bytes_out_total": "bytes_out",
}


def dead_letters_at(base_url: str, *, headers: Callable[[], dict[str, str]]) -> Callable[[], DeadLetters | None]:
    """Return what asks a gateway for its dead letters: None where it can't be reached or has no such list."""

    def dead_letters() -> DeadLetters | None:
        try:
            answer = ask(
                base_url, "/api/dead-letters", params={"limit": _NEWEST}, headers=headers(), timeout_s=_TIMEOUT_S
            )
            return read_dead_letters(answer.json()) if answer.status_code == httpx.codes.OK else None
        except (httpx.HTTPError, ValueError):
            return None

    return dead_letters


def read_dead_letters(body: Any) -> DeadLetters | None:
    """Read the gateway's answer; None when it isn't one."""
    if not isinstance(body, dict) or not isinstance(body.get("deadLetters"), list):
        return None
    rows = [row for row in body["deadLetters"] if isinstance(row, dict)]
    newest = tuple(_dead_letter(row) for row in rows[:_NEWEST])
    total = body.get("total")
    return DeadLetters(total if isinstance(total, int) else len(rows), newest)


def _dead_letter(row: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        channel=str(row.get("channel", "")),
        offset=int(row.get("offset") or 0),
        reason=str(row.get("reason", "")),
        at=(int(row.get("timeMs") or 0) / 1000) or None,
        consumer=str(row.get("consumer", "")),
    )
