"""Plays the sample day on a thread of its own, under the hands of whoever watches: stop, go on, faster, clear.

Threads: any, for `Sample`. One lock guards the show; nothing is posted, read or written under it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from realtime.config import Settings
from realtime.errors import NotConnected
from realtime.protocol.events import CollectionDeleted, CollectionEvent, Envelope, data_of, document_id_of
from realtime.sample.day import read_day
from realtime.sample.memory import Memory, new_memory, recall, remember
from realtime.sample.producer import SOURCE, Outcome, Producer
from realtime.sample.show import BATCH, Clear, Look, Post, SampleState, SampleStatus, Show, Step, Wait
from realtime.sample.timeline import AIRPORTS, FLIGHTS, Moment, timeline

_LOG: Final = logging.getLogger(__name__)
_OWN: Final = (FLIGHTS, AIRPORTS)
_REMEMBER_EVERY_S: Final = 5.0
_OFF: Final = SampleStatus(
    state=SampleState.OFF, speed=0.0, clock=None, posted=0, total=0, refused=0, round=0, has_real_data=False,
    note="The sample day is switched off.",
)  # fmt: skip


class Sample:
    """The sample day. `open` starts its thread and, if nothing speaks against it, the play; `close` ends the thread.

    The rest is for people at a page. Don't close it on the event loop that serves the gateway: the thread's last
    request could then never be answered; `await asyncio.to_thread(sample.close)`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        settings: Settings,
        headers: Callable[[], Mapping[str, str]] | None = None,
        moments: tuple[Moment, ...] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to play to `base_url` (`http://host:port`).

        `headers` are asked for before each request; without them it comes in with the settings' API key, if any.

        Never plays when the setting `sample` is off, or to a gateway elsewhere. `moments` other than the day's are for
        tests.
        """
        self._is_on = settings.sample == "auto" and settings.gateway_url is None
        self._folder = settings.data_dir
        self._speed = settings.sample_speed
        key = {} if settings.api_key is None else {"X-API-Key": settings.api_key}
        self._producer = Producer(base_url, headers=headers or (lambda: key))
        self._moments = moments
        self._clock = clock
        self._now = now
        self._changed = threading.Condition(threading.Lock())
        self._show: Show | None = None
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._has_news = False
        self._remembered: Memory | None = None
        self._remembered_at = float("-inf")

    def open(self) -> None:
        """Start the thread, unless the settings say that there is no sample."""
        if not self._is_on or self._thread is not None:
            return
        self._moments = timeline(read_day()) if self._moments is None else self._moments
        self._show = Show(
            self._moments, recall(self._folder), fresh=new_memory, speed=self._speed, now=self._clock()
        )  # fmt: skip
        self._thread = threading.Thread(target=self._run, name="sample", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread and remember how far it is. Returns when it has ended."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._producer.close()

    def start(self) -> None:
        """Play, or play on. Does nothing once real data has come."""
        self._tell(lambda show: show.start(self._clock()))

    def stop(self) -> None:
        """Stop playing until `start`; a restart of the process doesn't change that."""
        self._tell(lambda show: show.stop())

    def clear(self) -> None:
        """Stop, and delete the sample's documents soon; `start` then begins the day anew."""
        self._tell(lambda show: show.clear())

    def set_speed(self, speed: float) -> None:
        """Play `speed` times faster than life from now on; kept within 1 to 3600."""
        self._tell(lambda show: show.set_speed(speed, now=self._clock()))

    def status(self) -> SampleStatus:
        """Tell what it is at."""
        with self._changed:
            return _OFF if self._show is None else self._show.status(self._clock())

    def _tell(self, wish: Callable[[Show], None]) -> None:
        with self._changed:
            if self._show is not None:
                wish(self._show)
                self._has_news = True
                self._changed.notify_all()

    def _run(self) -> None:
        show = self._show
        assert show is not None
        while True:
            with self._changed:
                if self._is_closing:
                    break
                self._has_news = False
                step = show.step(self._clock())
            self._remember(show.memory)
            try:
                self._take(step, show)
            except NotConnected as error:
                self._fail(show, str(error), wait_s=error.retry_s)
            except Exception:
                _LOG.exception("The sample day stumbles; it tries again.")
                self._fail(show, "Something is wrong with the sample day; the log says what.")
        self._remember(show.memory, is_last=True)

    def _take(self, step: Step, show: Show) -> None:
        """Carry out one step. Raises NotConnected."""
        if isinstance(step, Wait):
            with self._changed:
                self._changed.wait_for(lambda: self._is_closing or self._has_news, step.timeout_s)
        elif isinstance(step, Look):
            sighting = self._producer.look_around(_OWN, show.memory.seen)
            with self._changed:
                show.looked(sighting, now=self._clock())
        elif isinstance(step, Clear):
            self._clear(step.prefix)
            with self._changed:
                show.cleared(self._clock())
        else:
            outcome = self._post(step)
            with self._changed:
                show.posted(outcome, count=len(step.indexes), now=self._clock())

    def _post(self, step: Post) -> Outcome:
        moments = self._moments or ()
        return self._producer.post(
            [self._envelope(f"{step.prefix}-{index}", moments[index].event) for index in step.indexes]
        )

    def _clear(self, prefix: str) -> None:
        """Delete those of the sample's documents that are there."""
        for collection in _OWN:
            known = {
                document_id_of(moment.event) for moment in self._moments or () if moment.event.collection == collection
            }
            present = [each for each in self._producer.document_ids(collection) if each in known]
            envelopes = (
                self._envelope(f"{prefix}-clear-{collection}-{each}", CollectionDeleted(collection=collection, id=each))
                for each in present
            )
            for batch in _batches(envelopes):
                self._producer.post(batch)

    def _envelope(self, identifier: str, event: CollectionEvent) -> Envelope:
        at = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return Envelope(
            id=identifier, source=SOURCE, type=event.TYPE, specversion="1.0", time=at, data=data_of(event)
        )  # fmt: skip

    def _fail(self, show: Show, reason: str, *, wait_s: float = 0.0) -> None:
        with self._changed:
            show.failed(reason, now=self._clock(), wait_s=wait_s)

    def _remember(self, memory: Memory, *, is_last: bool = False) -> None:
        """Write the memory when something in it matters at once, else every few seconds."""
        before, now = self._remembered, self._clock()
        if memory is before:
            return
        is_urgent = before is None or (before.round, before.is_stopped, before.has_real_data) != (
            memory.round, memory.is_stopped, memory.has_real_data,
        )  # fmt: skip
        if is_last or is_urgent or now - self._remembered_at >= _REMEMBER_EVERY_S:
            remember(memory, self._folder)
            self._remembered, self._remembered_at = memory, now


def _batches(envelopes: Iterable[Envelope]) -> Iterable[list[Envelope]]:
    rest = iter(envelopes)
    while batch := list(islice(rest, BATCH)):
        yield batch
