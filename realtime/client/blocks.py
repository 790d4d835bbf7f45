"""Keeps the app knowing who was blocked or sent away at the gateway: nudged over the socket, asked for over HTTP.

Threads: `is_…` and `pushed` any; one of its own asks, and calls the listener.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import httpx
import msgspec

from realtime.client.asking import ask
from realtime.errors import TideboardError

CALM_S: Final = 10.0
"""Between two questions when nothing is pushed: a nudge may have got lost."""
_TIMEOUT_S: Final = 3.0
_log = logging.getLogger(__name__)


class _Nudge(msgspec.Struct):
    barred: bool


class _Bar(msgspec.Struct):
    kind: str
    name: str
    at: float


class _Told(msgspec.Struct):
    revocations: list[_Bar]


class Blocks:
    """Who is out, as far as this app knows. What can't be asked leaves it as it is."""

    def __init__(self) -> None:
        self._blocked: frozenset[str] = frozenset()
        self._sent_away: Mapping[str, float] = {}
        self._ask: Callable[[], httpx.Response] | None = None
        self._on_out: Callable[[str], None] = lambda _person: None
        self._nudged = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tideboard-blocks", daemon=True)

    def is_blocked(self, person: str) -> bool:
        """Tell whether a person is kept out."""
        return person in self._blocked

    def is_signed_out(self, person: str, signed_in_at: float) -> bool:
        """Tell whether a person has to sign in again, who did at that moment (Unix seconds)."""
        return signed_in_at <= self._sent_away.get(person, 0.0)

    def standing(self, person: str) -> float | None:
        """Return what changes when a person is sent away; None for who is blocked. See `live.tickets`."""
        return None if self.is_blocked(person) else self._sent_away.get(person, 0.0)

    def pushed(self, data: bytes) -> bool:
        """Take a message from the gateway; tells whether it was a nudge to ask."""
        try:
            msgspec.json.decode(data, type=_Nudge)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        self._nudged.set()
        return True

    def start(self, base_url: str, *, headers: Callable[[], dict[str, str]], on_out: Callable[[str], None]) -> None:
        """Begin to ask. `on_out` is called with everybody who has just been blocked, or sent away."""
        self._ask = partial(_asked, base_url, headers)
        self._on_out = on_out
        self._nudged.set()
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread is gone."""
        self._over.set()
        self._nudged.set()
        self._thread.join(2 * _TIMEOUT_S)

    def look(self) -> None:
        """Ask the gateway now."""
        if self._ask is None:
            return
        try:
            answer = self._ask()
            if answer.status_code != httpx.codes.OK:
                return
            told = msgspec.json.decode(answer.content, type=_Told).revocations
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError, TideboardError):
            return
        blocked = frozenset(bar.name for bar in told if bar.kind == "block")
        sent_away = {bar.name: bar.at for bar in told if bar.kind == "user"}
        gone = {person for person, at in sent_away.items() if at > self._sent_away.get(person, 0.0)}
        gone |= blocked - self._blocked
        self._blocked, self._sent_away = blocked, sent_away
        for person in sorted(gone):
            self._on_out(person)

    def _run(self) -> None:
        while not self._over.is_set():
            self._nudged.wait(CALM_S)
            self._nudged.clear()
            try:
                self.look()
            except Exception:  # the driver loop's one broad net: a block has to get here sooner or later
                _log.exception("Who is blocked couldn't be asked for; this is tried again")


def _asked(base_url: str, headers: Callable[[], dict[str, str]]) -> httpx.Response:
    return ask(base_url, "/api/revocations", params={"of": "people"}, headers=headers(), timeout_s=_TIMEOUT_S)
