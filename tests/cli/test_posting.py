"""Claims about repeating a POST until it is answered."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from realtime.cli.lines import Line
from realtime.cli.posting import Poster, Tally
from realtime.errors import NotConnected

_LINES = [Line(1, b'{"id":"a"}'), Line(2, b'{"id":"b"}'), Line(4, b'{"id":"c"}')]
Answer = Callable[[httpx.Request], httpx.Response]


class _Clock:
    """A clock that only a pause moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def _poster(answer: Answer, clock: _Clock | None = None, *, retry_for_s: float = 10.0) -> Poster:
    clock = clock or _Clock()
    poster = Poster("http://gateway", headers={}, retry_for_s=retry_for_s, clock=clock, pause=clock.pause)
    poster._client.close()
    poster._client = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(answer))
    return poster


def _stored(request: httpx.Request) -> httpx.Response:
    count = len(request.content.split(b"\n"))
    return httpx.Response(200, json={"results": [{"index": index, "status": "stored"} for index in range(count)]})


@pytest.mark.parametrize("status", [408, 429, 500, 503, 507])
def test_what_passes_is_tried_again(status: int) -> None:
    """A gateway that can't now is asked again, ever more seldom, and what it then stores counts once."""
    answers = iter([status, status, 200])
    clock, tally = _Clock(), Tally()

    def answer(request: httpx.Request) -> httpx.Response:
        code = next(answers)
        return _stored(request) if code == 200 else httpx.Response(code, json={"error": {"reason": "full"}})

    _poster(answer, clock).post(_LINES, tally)
    assert (tally.stored, clock.pauses) == (3, [0.2, 0.4])


def test_the_gateways_own_time_is_waited() -> None:
    """Retry-After is obeyed where it is longer than we would have waited, and patience counts it."""
    answers = iter(["5", "0", None])
    clock, tally = _Clock(), Tally()

    def answer(request: httpx.Request) -> httpx.Response:
        wait = next(answers)
        return _stored(request) if wait is None else httpx.Response(429, headers={"Retry-After": wait})

    _poster(answer, clock).post(_LINES, tally)
    assert (tally.stored, clock.pauses) == (3, [5.0, 0.4])
    with pytest.raises(NotConnected, match="429"):
        _poster(lambda _: httpx.Response(429, headers={"Retry-After": "60"}), clock).post(_LINES, tally)
    assert clock.pauses == [5.0, 0.4]


def test_patience_ends() -> None:
    """After the time given the last reason is told."""
    clock = _Clock()
    poster = _poster(lambda _: httpx.Response(507, json={"error": {"reason": "The disk is full."}}), clock)
    with pytest.raises(NotConnected, match=r"can't take events now: The disk is full\."):
        poster.post(_LINES, Tally())
    assert clock.now <= 10.0
    assert max(clock.pauses) <= 5.0


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "lets nobody in"), (403, "lets nobody in"), (404, "no /api/events"), (405, "no /api/events")],
)
def test_what_wont_pass_ends_at_once(status: int, words: str) -> None:
    """No key, or no gateway at all: trying again wouldn't help."""
    clock = _Clock()
    with pytest.raises(NotConnected, match=words):
        _poster(lambda _: httpx.Response(status, text="no"), clock).post(_LINES, Tally())
    assert clock.pauses == []


def test_a_body_refused_as_a_whole_is_halved_until_the_bad_line_is_alone() -> None:
    """One line that makes the whole body bad sinks only itself."""

    def answer(request: httpx.Request) -> httpx.Response:
        if b'"b"' not in request.content:
            return _stored(request)
        result = {"index": 0, "status": "refused", "code": "body_too_large", "reason": "Too large."}
        return httpx.Response(413, json={"results": [result]} if b"\n" not in request.content else {"results": []})

    tally = Tally()
    _poster(answer).post(_LINES, tally)
    assert tally.stored == 2
    assert [(refusal.line, refusal.code) for refusal in tally.refusals] == [(2, "body_too_large")]
    assert tally.total == 3


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"results": 1}', b'{"results": ["x"]}'])
def test_an_answer_nobody_understands_is_a_refusal(answer: bytes) -> None:
    """It is never taken for stored."""
    tally = Tally()
    _poster(lambda _: httpx.Response(200, content=answer)).post(_LINES[:1], tally)
    assert tally.stored == 0
    assert [refusal.code for refusal in tally.refusals] == ["refused"]


def test_nothing_to_post_asks_nobody() -> None:
    """A batch of which nothing is left isn't sent."""
    _poster(lambda _: httpx.Response(500)).post([], Tally())


def test_an_address_that_isnt_one_ends_at_once() -> None:
    """A scheme httpx can't speak is a mistake, not an outage."""
    poster = Poster("ftp://gateway", headers={}, retry_for_s=60)
    with pytest.raises(NotConnected, match="isn't an address"):
        poster.post(_LINES, Tally())
    poster.close()
