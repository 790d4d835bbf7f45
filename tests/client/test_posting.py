"""Emits that leave over HTTP are told apart: stored, refused for good, or worth another try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Any, cast

import msgspec
import pytest

from realtime.client.calls import Ack, Call, Purpose
from realtime.client.loading import Api
from realtime.client.posting import Poster
from realtime.errors import CommandError

_EVENT = msgspec.Raw(b'{"events":[{"id":"1"}]}')
_STORED = b'{"results":[{"status":"stored","channel":"users","offset":7,"epoch":"e"}]}'


class _Answers:
    """Stands in for the HTTP API: answers each post with what is next."""

    def __init__(self) -> None:
        self.next: list[tuple[int, bytes]] = []
        self.posts = 0

    def post(self, _path: str, _body: bytes, *, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Answer as told."""
        self.posts += 1
        return self.next.pop(0)


@pytest.fixture
def api() -> _Answers:
    """Return an API that a test tells what to answer."""
    return _Answers()


@pytest.fixture
def poster(api: _Answers) -> Iterator[Poster]:
    """Run a poster over it."""
    made = Poster(cast(Api, api), version_of=lambda _collection, _id: None)
    made.begin()
    yield made
    made.close()


def _post(poster: Poster) -> Future[Ack]:
    future: Future[Ack] = Future()
    poster.post(Call(Purpose.INGEST, 1, 10.0, future=future), _EVENT)
    return future


def _failure(future: Future[Ack]) -> Any:
    return future.exception(timeout=5)


def test_what_was_stored_is_acknowledged(poster: Poster, api: _Answers) -> None:
    """The answer's position becomes the ack's."""
    api.next = [(200, _STORED)]
    ack = _post(poster).result(timeout=5)
    assert (ack.channel, ack.position.offset) == ("users", 7)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_not_now_is_worth_another_try(poster: Poster, api: _Answers, status: int) -> None:
    """A limit that was hit or a full disk parks nothing in the outbox for a person to look at."""
    api.next = [(status, b"{}")]
    error = _failure(_post(poster))
    assert isinstance(error, CommandError)
    assert error.is_temporary
    assert api.posts == 1


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_no_is_told_as_no(poster: Poster, api: _Answers, status: int) -> None:
    """Repeating what is refused for good would repeat the refusal."""
    api.next = [(status, b"{}")]
    error = _failure(_post(poster))
    assert isinstance(error, CommandError)
    assert not error.is_temporary
