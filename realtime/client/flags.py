"""Keeps the store's flags current: pushed over the socket, asked for over HTTP where there is none. Switches nothing.

Threads: `pushed` the client's, `watch` any before `start`; one of its own asks. Listeners are called on either.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import msgspec

from realtime.client.asking import ask, put
from realtime.errors import NotConnected, TideboardError
from realtime.protocol.flags import REALTIME, Flags, FlagsTold, FlagTold
from realtime.pulse import PULSE, PUSHES, Figures
from realtime.store import Store

QUICK_S: Final = 1.0
"""Between two questions where nothing is pushed: a switch has to be in effect within two seconds."""
CALM_S: Final = 5.0
_TIMEOUT_S: Final = 3.0
_log = logging.getLogger(__name__)
Listener = Callable[[Flags], object]


class _Pushed(msgspec.Struct):
    flags: Flags


class FlagWatch:
    """Where the flags stand, as this app knows it."""

    def __init__(
        self,
        store: Store,
        *,
        base_url: str,
        headers: Callable[[], dict[str, str]] = dict,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`headers` let a question in; `steady` is a clock that is never set."""
        self._store = store
        self._base_url = base_url
        self._headers = headers
        self._steady = steady
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._pushed_at = -1.0
        self._before: Figures | None = None  # of this app's pushes, when real-time was last switched
        self._is_over = False
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tideboard-flags", daemon=True)

    def watch(self, listener: Listener) -> None:
        """Call `listener` with the flags whenever they change."""
        self._listeners.append(listener)

    def pushed(self, data: bytes) -> bool:
        """Take a message from the gateway; tells whether it was about flags."""
        try:
            flags = msgspec.json.decode(data, type=_Pushed).flags
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        self._take(flags, asked_at=None)
        return True

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """End; returns when the thread is gone."""
        self._is_over = True
        self._hurry.set()
        self._thread.join(_TIMEOUT_S * 2)

    def look(self) -> None:
        """Ask the gateway now. What can't be had leaves everything as it is."""
        asked_at = self._steady()
        try:
            answer = ask(self._base_url, "/api/flags", params={}, headers=self._headers(), timeout_s=_TIMEOUT_S)
            if answer.status_code != httpx.codes.OK:
                return
            told = msgspec.json.decode(answer.content, type=FlagsTold)
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError, TideboardError):
            return
        if self._take(told.plain(), asked_at=asked_at):
            figures = tuple(self._with_own(one) if one.name == REALTIME else one for one in told.flags)
            self._store.set_flags_told(FlagsTold(told.revision, figures))

    def set(self, changes: Mapping[str, int], *, by: str, why: str = "") -> None:
        """Put flags to shares of the people, for everybody; here it is in effect when this returns.

        Raises NotConnected, with one sentence: the gateway's own where it refuses. Threads: any.
        """
        content = {"flags": dict(changes), "by": by, "why": why}
        try:
            answer = put(self._base_url, "/api/flags", content=content, headers=self._headers(), timeout_s=_TIMEOUT_S)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise NotConnected("The gateway can't be reached, so nothing was switched; try again.") from error
        if answer.status_code != httpx.codes.OK:
            reason = body.get("error", {}).get("reason") if isinstance(body, dict) else None
            raise NotConnected(str(reason or f"The gateway answered HTTP {answer.status_code}; nothing was switched."))
        self._take(msgspec.convert(body, FlagsTold).plain(), asked_at=None)
        self.look()

    def _run(self) -> None:
        while True:
            self._hurry.wait(CALM_S if self._is_pushed_to else QUICK_S)
            self._hurry.clear()
            if self._is_over:
                return
            try:
                self.look()
            except Exception:  # the driver loop's one broad net: a switch has to get here sooner or later
                _log.exception("The flags couldn't be asked for; this is tried again")

    @property
    def _is_pushed_to(self) -> bool:
        status = self._store.connection
        return status.is_connected and status.transport == "websocket"

    def _take(self, flags: Flags, *, asked_at: float | None) -> bool:
        """Take in where the flags stand; an answer that was asked for before the last push is older, and is dropped."""
        with self._lock:
            if asked_at is None:
                self._pushed_at = self._steady()
            elif asked_at <= self._pushed_at:
                return False
            before = self._store.flags
            if before == flags:
                return True
            if before.get(REALTIME) != flags.get(REALTIME):
                self._before = PULSE.figures(PUSHES)
            self._store.set_flags(flags)
        self._hurry.set()  # for the figures beside what was changed
        for listener in self._listeners:
            listener(flags)
        return True

    def _with_own(self, told: FlagTold) -> FlagTold:
        """Put this app's own pushes beside real-time: a gateway elsewhere doesn't know them."""
        before: Any = told.before if told.before is not None and told.before.count else self._before
        now = PULSE.figures(PUSHES, since=told.changed_at or 0.0)
        return msgspec.structs.replace(told, now=now, before=before)
