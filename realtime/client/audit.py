"""Reads the gateway's audit for administrators, and notes what people do on the pages. Decides nobody's rights.

Threads: any. Notes go out by a thread of their own, begun by the first one; a page never waits for them.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

import httpx
import msgspec

from realtime.client.asking import ask, post
from realtime.errors import NotConnected
from realtime.protocol.audit import AuditNote, AuditPage, AuditRow, AuditVerdict

_TIMEOUT_S: Final = 5.0
_WALK_WITHIN_S: Final = 60.0
_MOST_WAITING: Final = 1000
_TRIES: Final = 5
_PAGE: Final = 1000
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class AuditBook:
    """The audit of the gateway that this app follows."""

    def __init__(self, base_url: str, *, headers: Callable[[], Mapping[str, str]] = dict) -> None:
        """`headers` let a question in; fresh ones for each."""
        self._base_url = base_url
        self._headers = headers
        self._notes: queue.Queue[AuditNote | None] = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_over = threading.Event()

    def page(self, *, limit: int, before: int | None = None, **search: str) -> AuditPage:
        """Read a page of rows, newest first: `text`, `actor`, `action`, `outcome`, `since`, `until` narrow it.

        Raises NotConnected, one sentence: the gateway's own where it refuses.
        """
        wanted: dict[str, str | int] = {name: value for name, value in search.items() if value}
        wanted["limit"] = limit
        if before is not None:
            wanted["before"] = before
        return self._asked("/api/audit", wanted, AuditPage, timeout_s=_TIMEOUT_S)

    def rows(self, *, most: int, **search: str) -> Iterator[AuditRow]:
        """Read rows page by page, newest first, at most so many. Raises NotConnected."""
        before: int | None = None
        while most > 0:
            page = self.page(limit=min(_PAGE, most), before=before, **search)
            yield from page.rows
            most -= len(page.rows)
            before = page.before
            if before is None:
                return

    def verify(self) -> AuditVerdict:
        """Have the whole chain walked. Raises NotConnected."""
        return self._asked("/api/audit/verify", {}, AuditVerdict, timeout_s=_WALK_WITHIN_S)

    def note(self, note: AuditNote) -> None:
        """Have something noted, soon. What finds no room is logged: the audit says what it has, not what it lacks."""
        with self._lock:
            if self._thread is None and not self._is_over.is_set():
                self._thread = threading.Thread(target=self._run, name="tideboard-audit-notes", daemon=True)
                self._thread.start()
        try:
            self._notes.put_nowait(note)
        except queue.Full:
            _log.error("%s of %s isn't in the audit: too much waits to be noted", note.action, note.actor)

    def stop(self) -> None:
        """Send what waits, if it can be had at once, and end."""
        self._is_over.set()
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._notes.put(None)
            thread.join(_TIMEOUT_S)

    # The thread

    def _run(self) -> None:
        while (note := self._notes.get()) is not None:
            if not self._insisted(note):
                _log.error("%s of %s isn't in the audit: the gateway doesn't take it", note.action, note.actor)

    def _insisted(self, note: AuditNote) -> bool:
        """Send a note, again and again for some seconds, once when all is about to end."""
        for attempt in range(_TRIES):
            if self._sent(note):
                return True
            if self._is_over.wait(0.2 * 2**attempt):
                break
        return False

    def _sent(self, note: AuditNote) -> bool:
        try:
            content = msgspec.to_builtins(note)
            answer = post(self._base_url, "/api/audit", content=content, headers=self._headers(), timeout_s=_TIMEOUT_S)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def _asked(self, path: str, params: Mapping[str, str | int], cls: type[_T], *, timeout_s: float) -> _T:
        try:
            answer = ask(self._base_url, path, params=params, headers=self._headers(), timeout_s=timeout_s)
            if answer.status_code == httpx.codes.OK:
                return msgspec.json.decode(answer.content, type=cls)
            reason = answer.json()["error"]["reason"]
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
            raise NotConnected("The gateway's audit can't be read now; try again in a moment.") from error
        raise NotConnected(str(reason))
