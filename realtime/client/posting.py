"""Posts what the app emits over HTTP while there is no socket: one thread, in the order given, several at once.

Threads: any may post; `begin` and `end` are the driver's.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from realtime.client.calls import CALLS_KEPT, Call
from realtime.client.emits import fail, resolve
from realtime.client.loading import Api
from realtime.errors import NotConnected
from realtime.protocol.codes import ErrorCode
from realtime.protocol.frames import ErrorFrame, Reply, RpcResult

AT_ONCE: Final = 100
_MOST_BYTES: Final = 256 * 1024  # of one request; a single event may be larger
_JOIN_S: Final = 6.0
_NOT_NOW: Final = frozenset({408, 425, 429})  # too slow, too early, too many
_CUT: Final = "The gateway can't be reached any more, and nothing was sent; try again when it is."
_log = logging.getLogger(__name__)


class _Expect(msgspec.Struct):
    offset: int


class _Ingest(msgspec.Struct):
    events: list[msgspec.Raw]
    expect: _Expect | None = None


class _Results(msgspec.Struct):
    results: list[msgspec.Raw]


class Poster:
    """The way out over HTTP."""

    def __init__(self, api: Api, *, version_of: Callable[[str, str], int | None]) -> None:
        self._api = api
        self._version_of = version_of
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._waiting: deque[tuple[Call, _Ingest]] = deque()
        self._is_open = False
        self._is_over = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Take emits from now on."""
        with self._lock:
            self._is_open = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tideboard-poster", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Take no more; what wasn't posted yet fails, what is under way is still answered."""
        with self._lock:
            self._is_open = False
            unsent, self._waiting = self._waiting, deque()
        for call, _ in unsent:
            fail(call, _CUT)

    def close(self) -> None:
        """End, and end the thread."""
        self.end()
        with self._wake:
            self._is_over = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(_JOIN_S)

    def post(self, call: Call, events: msgspec.Raw) -> None:
        """Take an `ingest`; the call's future is settled by the answer. Raises NotConnected. Threads: any."""
        ingest = msgspec.json.decode(events, type=_Ingest)
        with self._wake:
            if not self._is_open or len(self._waiting) >= CALLS_KEPT:
                raise NotConnected(_CUT)
            self._waiting.append((call, ingest))
            self._wake.notify()

    # The thread

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._is_over)
                if self._is_over:
                    return
                taken = self._take()
            try:
                self._deliver(taken)
            except NotConnected as error:
                _fail_all(taken, str(error))
            except Exception as error:
                _log.exception("The poster stumbled")
                _fail_all(taken, f"The client stumbled over {type(error).__name__}.")

    def _take(self) -> list[tuple[Call, _Ingest]]:
        """Take what may go as one request: an expectation is about one event, so that goes alone."""
        taken = [self._waiting.popleft()]
        size = _size(taken[0][1])
        while self._waiting and len(taken) < AT_ONCE and taken[0][1].expect is None:
            ingest = self._waiting[0][1]
            size += _size(ingest)
            if ingest.expect is not None or size > _MOST_BYTES:
                break
            taken.append(self._waiting.popleft())
        return taken

    def _deliver(self, taken: Sequence[tuple[Call, _Ingest]]) -> None:
        expect = taken[0][1].expect
        headers = {} if expect is None else {"If-Match": f'"{expect.offset}"'}
        body = msgspec.json.encode([event for _, ingest in taken for event in ingest.events])
        status, answer = self._api.post("/api/events", body, headers=headers)
        results = [] if _is_for_later(status) else _results(answer)
        if len(results) != len(taken) > 1 and not _is_for_later(status):
            for one in taken:  # refused as a whole: too large together, perhaps
                self._deliver([one])
            return
        if len(results) != len(taken):
            error = _error(status)
            for call, _ in taken:
                resolve(call, Reply(error=error), version_of=self._version_of)
            return
        for (call, _), result in zip(taken, results, strict=True):
            said = msgspec.Raw(msgspec.json.encode({"results": [result]}))
            resolve(call, Reply(rpc=RpcResult(data=said)), version_of=self._version_of)


def _size(ingest: _Ingest) -> int:
    return sum(len(memoryview(event)) for event in ingest.events)


def _results(answer: bytes) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(answer, type=_Results).results
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def _is_for_later(status: int) -> bool:
    """Tell whether an answer says "not now" rather than "no"."""
    return status >= 500 or status in _NOT_NOW


def _error(status: int) -> ErrorFrame:
    """Say a refusal of the whole in the protocol's words; a gateway that can't store now is worth another try."""
    if status in (401, 403):
        return ErrorFrame(code=ErrorCode.UNAUTHORIZED, message="The gateway doesn't accept our token")
    return ErrorFrame(
        code=ErrorCode.INTERNAL,
        message=f"The gateway answered HTTP {status} to an event",
        temporary=_is_for_later(status),
    )


def _fail_all(taken: Sequence[tuple[Call, _Ingest]], reason: str) -> None:
    for call, _ in taken:
        fail(call, reason)
