"""Posts batches of lines to a gateway and says of each line what became of it. Prints nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import msgspec

from realtime.cli.lines import Line
from realtime.errors import NotConnected
from realtime.protocol.retrying import retry_after_s

_TIMEOUT_S: Final = 30.0
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504, 507})


@dataclass(frozen=True)
class Refusal:
    """Why one line was not taken."""

    line: int
    code: str
    reason: str


@dataclass
class Tally:
    """What became of the lines so far."""

    stored: int = 0
    duplicates: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return how many lines were answered."""
        return self.stored + self.duplicates + len(self.refusals)


class Poster:
    """Posts lines that are events already. Repeats a batch until it is answered: ids make that safe."""

    def __init__(
        self,
        url: str,
        *,
        headers: dict[str, str],
        retry_for_s: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False)
        self._retry_for_s = retry_for_s
        self._clock = clock
        self._pause = pause

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def post(self, lines: Sequence[Line], tally: Tally) -> None:
        """Post lines and count what became of them. Raises NotConnected when the gateway stays away."""
        if not lines:
            return
        response = self._insist(b"\n".join(line.raw for line in lines))
        results = _results(response)
        if len(results) == len(lines):
            _count(lines, results, tally)
        elif len(lines) == 1:
            tally.refusals.append(_refusal(lines[0], results[0] if results else {}, response.status_code))
        else:
            # Refused as a whole: the good lines shall not go down with what is wrong with the body.
            half = len(lines) // 2
            self.post(lines[:half], tally)
            self.post(lines[half:], tally)

    def _insist(self, body: bytes) -> httpx.Response:
        until = self._clock() + self._retry_for_s
        pause_s = _FIRST_PAUSE_S
        while True:
            response, reason, told_s = self._try(body)
            if response is not None:
                return response
            wait_s = max(pause_s, told_s)
            if self._clock() + wait_s > until:
                raise NotConnected(reason)
            self._pause(wait_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _try(self, body: bytes) -> tuple[httpx.Response | None, str, float]:
        """Post once; returns the answer, or why there is none and how long the gateway wants us to wait."""
        url = self._client.base_url
        try:
            response = self._client.post("/api/events", content=body, headers={"Content-Type": "application/x-ndjson"})
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise NotConnected(f"{url} isn't an address to post to: {error}.") from error
        except httpx.HTTPError as error:
            return None, f"{url} doesn't answer ({error or type(error).__name__}). Is Tideboard running there?", 0.0
        if response.status_code in (401, 403):
            raise NotConnected(
                f"{url} lets nobody in without a key or token ({_said(response)}); see `python -m realtime token`."
            )
        if response.status_code in (404, 405):
            raise NotConnected(f"{url} answers, but has no /api/events: it isn't a Tideboard gateway.")
        if response.status_code in _PASSING:
            told_s = retry_after_s(response.headers.get("retry-after"))
            return None, f"{url} can't take events now: {_said(response)}", told_s
        return response, "", 0.0


def _count(lines: Sequence[Line], results: Sequence[dict[str, Any]], tally: Tally) -> None:
    for line, result in zip(lines, results, strict=True):
        status = result.get("status")
        if status == "stored":
            tally.stored += 1
        elif status == "duplicate":
            tally.duplicates += 1
        else:
            tally.refusals.append(_refusal(line, result, 200))


def _refusal(line: Line, result: dict[str, Any], status: int) -> Refusal:
    code = result.get("code") or "refused"
    return Refusal(line.number, str(code), str(result.get("reason") or f"answered with HTTP status {status}"))


def _results(response: httpx.Response) -> list[dict[str, Any]]:
    try:
        answer = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return []
    results = answer.get("results")
    return [each for each in results if isinstance(each, dict)] if isinstance(results, list) else []


def _said(response: httpx.Response) -> str:
    """Return the reason in an answer, or its status."""
    try:
        answer = msgspec.json.decode(response.content, type=dict[str, dict[str, Any]])
        return str(answer["error"]["reason"])
    except (msgspec.DecodeError, KeyError):
        return f"HTTP status {response.status_code}"
