"""Keeps one caster for each permission profile, and finds it by the profile a ticket names. Renders nothing itself.

All of them share tickets and epoch; their channels differ by profile. Threads: any; one lock, memory only.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from realtime.errors import NotHere
from realtime.live.caster import Caster
from realtime.live.handing import Publish
from realtime.views.registry import View


class Casters:
    """The process's own caster, and those of profiles in use. It answers what the live channel asks of a caster."""

    def __init__(self, own: Caster) -> None:
        self._own = own
        self._lock = threading.Lock()
        self._casters: dict[str, Caster] = {own.profile: own}
        self._held: Counter[str] = Counter()
        self._running: tuple[asyncio.AbstractEventLoop, Publish] | None = None

    @property
    def epoch(self) -> str:
        """Return what versions of all casters belong to."""
        return self._own.epoch

    def start(self, loop: asyncio.AbstractEventLoop, *, publish: Publish) -> None:
        """Begin casting, as `Caster.start` does; those that are added later begin at once."""
        self._running = (loop, publish)
        for caster in self._all():
            caster.start(loop, publish=publish)

    def stop(self) -> None:
        """End casting."""
        self._running = None
        for caster in self._all():
            caster.stop()

    def add(self, caster: Caster) -> None:
        """Cast for a profile, too."""
        with self._lock:
            self._casters[caster.profile] = caster
        if self._running is not None:
            loop, publish = self._running
            caster.start(loop, publish=publish)

    def drop(self, profile: str) -> None:
        """Cast for a profile no more. Call it when nobody holds it."""
        with self._lock:
            caster = self._casters.pop(profile)
        caster.stop()

    def is_held(self, profile: str) -> bool:
        """Tell whether a tab shows something of a profile, be it hidden or not."""
        with self._lock:
            return self._held[profile] > 0

    # What the live channel asks

    def hold(self, profile: str) -> None:
        """Count a view of a profile that a tab shows. Raises NotHere where the profile isn't in use."""
        with self._lock:
            self._find(profile)
            self._held[profile] += 1

    def release(self, profile: str) -> None:
        """Count one less."""
        with self._lock:
            self._held[profile] -= 1

    def follow(self, view: View, parameters: Mapping[str, Any], *, profile: str) -> str:
        """Count one more visible tab that shows the view; return its channel. Raises NotHere."""
        return self._of(profile).follow(view, parameters, profile=profile)

    def unfollow(self, channel: str) -> None:
        """Count one less, whoever's the channel is."""
        for caster in self._all():
            caster.unfollow(channel)

    def full(self, view: View, parameters: Mapping[str, Any], *, profile: str) -> bytes:
        """Return the publication with the full newest value. Raises NotHere."""
        return self._of(profile).full(view, parameters, profile=profile)

    def _of(self, profile: str) -> Caster:
        with self._lock:
            return self._find(profile)

    def _find(self, profile: str) -> Caster:
        found = self._casters.get(profile)
        if found is None:
            raise NotHere("What this ticket lets you see isn't open in this process; reload the page.")
        return found

    def _all(self) -> list[Caster]:
        with self._lock:
            return list(self._casters.values())
