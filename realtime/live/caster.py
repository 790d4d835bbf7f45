"""Renders each view that someone shows once per change, and hands it on to be sent to all who show it.

No sockets in here: `publish` is called on the event loop and does the sending (backend.py). No drawing either.
Threads: `current`, `follow`, `unfollow` any; rendering happens on the caster's own thread, or on the caller's when
nothing current is at hand. One lock for the table of castings, one in each casting, never both at once.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from realtime.live.casting import Casting
from realtime.live.handing import Handing, Publish
from realtime.live.tickets import Tickets, channel_of
from realtime.metrics import VIEW_RENDERS, VIEW_SECONDS
from realtime.pulse import PULSE, PUSHES
from realtime.views.registry import Value, View

if TYPE_CHECKING:
    from realtime.config import Settings
    from realtime.store import Store

_LONGEST_WAIT_S: Final = 0.25
_BREATH_S: Final = 0.002  # between two passes, so that a flood of events doesn't become a flood of passes
_MOST_IN_ALL: Final = 0.5  # of one core, all views together
CASTINGS_KEPT: Final = 2_000
_KEEP_UNUSED_S: Final = 120.0
_SWEEP_EVERY_S: Final = 5.0

DEFAULT_PROFILE: Final = "default"
"""The process's own: where nobody is restricted, everybody's."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cast:
    """A view's newest value, and what a tab needs to follow it. `value` is shared: read it, never change it."""

    channel: str
    ticket: str
    value: Value
    version: int
    epoch: str


class Caster:
    """Keeps every view that is shown current: at once, then at most `paint_hz` times a second, the newest always last.

    Versions rise over all views of a process; they mean nothing under another `epoch`, and epochs sort by age.
    """

    def __init__(
        self,
        store: Store,
        *,
        tickets: Tickets,
        settings: Settings,
        profile: str = DEFAULT_PROFILE,
        epoch: str | None = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Cast from a store: what those with a `profile` may see. `epoch` is that of the process's other casters."""
        self._store = store
        self.profile = profile
        self._tickets = tickets
        self._paint_hz = settings.paint_hz
        self._clock = clock
        self._timer = timer
        self.epoch = epoch or f"{int(clock() * 1000):013x}{secrets.token_hex(3)}"
        self._versions = itertools.count(1)
        self._lock = threading.Lock()
        self._castings: dict[str, Casting] = {}
        self._followed: dict[str, Casting] = {}
        self._swept_at = clock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._send: Callable[[str, bytes, float], None] | None = None
        self._hand_over: Callable[[], None] = _nothing

    # What pages and tabs ask

    def current(
        self, view: View, parameters: Mapping[str, Any] | None = None, *, profile: str | None = None, person: str = ""
    ) -> Cast:
        """Return the view's newest value and a ticket to follow it; renders only if nothing current is at hand.

        While tabs follow it the value may be a paint (1/paint_hz) old: the channel brings the next. Raises what the
        view raises, and TypeError for parameters that aren't JSON. Threads: any.
        """
        now = self._clock()
        profile = self.profile if profile is None else profile
        casting = self._casting(view, parameters or {}, profile=profile, now=now)
        self._refresh(casting, now=now)
        ticket = self._tickets.issue(view.name, casting.parameters, profile=profile, person=person, now=now)
        with casting.lock:
            return Cast(casting.channel, ticket, casting.value, casting.version, self.epoch)

    def follow(self, view: View, parameters: Mapping[str, Any], *, profile: str = "default") -> str:
        """Count one more visible tab that shows the view; return its channel. Threads: any."""
        casting = self._casting(view, parameters, profile=profile, now=self._clock())
        with self._lock:
            casting.followers += 1
            self._castings[casting.channel] = self._followed[casting.channel] = casting
        return casting.channel

    def unfollow(self, channel: str) -> None:
        """Count one less. Threads: any."""
        with self._lock:
            casting = self._followed.get(channel)
            if casting is None:
                return
            casting.followers -= 1
            if casting.followers <= 0:
                casting.followers = 0
                casting.touched_at = self._clock()
                del self._followed[channel]

    def full(self, view: View, parameters: Mapping[str, Any], *, profile: str = "default") -> bytes:
        """Return the publication with the full newest value, as `current` would. Threads: any."""
        now = self._clock()
        casting = self._casting(view, parameters, profile=profile, now=now)
        self._refresh(casting, now=now)
        with casting.lock:
            return casting.full()

    @property
    def followed(self) -> Mapping[str, int]:
        """Return how many visible tabs follow each channel. Threads: any."""
        with self._lock:
            return {channel: casting.followers for channel, casting in self._followed.items()}

    def hold(self, profile: str) -> None:
        """Let a tab show something of a profile: this one serves any."""

    def release(self, profile: str) -> None:
        """Let it go."""

    # The thread

    def start(self, loop: asyncio.AbstractEventLoop, *, publish: Publish) -> None:
        """Begin casting; `publish(channel, data)` is called on `loop`, in order, never while a lock is held."""
        handing = Handing(
            loop, publish, spent=partial(PULSE.note, PUSHES), on_closed=self._stopping.set, timer=self._timer
        )

        def send(channel: str, data: bytes, began: float) -> None:
            is_ours = threading.current_thread() is self._thread  # it hands over what a pass has made together
            handing.put(channel, data, began, may_wait=is_ours)

        self._send, self._hand_over = send, handing.hand_over
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="tideboard-caster", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End casting; returns within a quarter of a second. Call it before the loop closes."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._send = None

    def _run(self) -> None:
        tick, wait_s = 0, 0.0
        while not self._stopping.is_set():
            tick, topics = self._store.wait_for_changes(tick, timeout_s=wait_s)
            try:
                wait_s = self.step(topics, now=self._clock())
            except Exception:  # the driver loop's one broad net: a page must not go stale for good
                _log.exception("The caster stumbled; it goes on")
                wait_s = _LONGEST_WAIT_S
            self._hand_over()
            self._stopping.wait(_BREATH_S)

    def step(self, topics: frozenset[str], *, now: float) -> float:
        """Render what is followed, touched by `topics` or by the clock, and due; return how long until the next is due.

        Threads: the caster's own.
        """
        with self._lock:
            # Charts first, on their own: a browser draws them longest, so small panels shan't hold them up. Then the
            # cheapest.
            followed = sorted(self._followed.values(), key=lambda each: (each.view.kind != "chart", each.cost_s))
            self._forget_unused(now=now)
        total_s = sum(casting.cost_s for casting in followed)
        wait_s, is_past_charts = _LONGEST_WAIT_S, False
        for casting in followed:
            if not is_past_charts and casting.view.kind != "chart":
                is_past_charts = True
                self._hand_over()
            if not casting.topics.isdisjoint(topics):
                casting.is_dirty = True
            clock_wait_s = casting.clock_wait_s(now=now)
            if casting.is_dirty or clock_wait_s == 0.0:
                gap_s = max(casting.gap_s(paint_hz=self._paint_hz), total_s / _MOST_IN_ALL)
                due_s = casting.wait_s(now=now, gap_s=gap_s)
                if due_s == 0.0:
                    self._refresh_quietly(casting, now=now)
                else:
                    wait_s = min(wait_s, due_s)
            elif clock_wait_s is not None:
                wait_s = min(wait_s, clock_wait_s)
        return wait_s

    # Rendering

    def _refresh_quietly(self, casting: Casting, *, now: float) -> None:
        try:
            self._refresh(casting, now=now)
        except Exception:  # one view's mistake must not stop the others
            _log.exception("The view %s failed; the tabs keep what they have", casting.view.name)
            PULSE.note(PUSHES, None, is_error=True)
            casting.rendered_at, casting.is_dirty = now, False

    def _refresh(self, casting: Casting, *, now: float) -> None:
        """Render unless the value is current, or followed and too young."""
        with casting.lock:
            seen = tuple(map(self._store.version, casting.topics))
            if casting.version and seen == casting.seen and casting.clock_wait_s(now=now) != 0.0:
                casting.is_dirty = False
                return
            if casting.followers and casting.wait_s(now=now, gap_s=casting.gap_s(paint_hz=self._paint_hz)) > 0.0:
                casting.is_dirty = True  # the caster's next pass comes back to it
                return
            began = self._timer()
            encoded = msgspec.json.encode(casting.view.render(self._store, now=now, **casting.parameters))
            publication = casting.take(encoded, seen=seen, now=now, version=lambda: next(self._versions))
            spent = self._timer() - began
            casting.spent(spent)
            # Sending under the lock keeps versions in order; it only puts the publication into a queue.
            if publication is not None and casting.followers and self._send is not None:
                self._send(casting.channel, publication, began)
        VIEW_RENDERS.labels(casting.view.name).inc()
        VIEW_SECONDS.labels(casting.view.name).observe(spent)

    def _casting(self, view: View, parameters: Mapping[str, Any], *, profile: str, now: float) -> Casting:
        """Find or make the casting. Parameters become what a ticket would bring back: plain JSON."""
        channel = channel_of(view.name, parameters, profile=profile)
        with self._lock:
            casting = self._castings.get(channel)
            if casting is not None:
                casting.touched_at = now
                return casting
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(parameters)))
        made = Casting(view, plain, profile, channel, frozenset(view.topics(**plain)), touched_at=now)
        with self._lock:
            return self._castings.setdefault(channel, made)

    def _forget_unused(self, *, now: float) -> None:
        """Drop what nobody asked for lately, the longest unused first when they are too many. Under the lock."""
        if 0.0 <= now - self._swept_at < _SWEEP_EVERY_S:
            return
        self._swept_at = now
        unused = [casting for casting in self._castings.values() if not casting.followers]
        too_many = len(self._castings) - CASTINGS_KEPT
        if too_many > 0:
            unused.sort(key=lambda casting: casting.touched_at)
        for index, casting in enumerate(unused):
            if index < too_many or now - casting.touched_at > _KEEP_UNUSED_S:
                del self._castings[casting.channel]


def _nothing() -> None:
    """Hand nothing over: nobody listens yet."""
