"""Claims about the log: a line a message, JSON where it is chosen, the request's id in it, and no secret ever."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from realtime import logs

HUSH = "a secret of more than 32 characters"
LOG = logging.getLogger("realtime.somewhere")


@pytest.fixture(autouse=True)
def _undisturbed() -> Iterator[None]:
    """Leave logging as it was."""
    names = (logs.ROOT, *logs._OTHERS)
    kept = {name: (list(logging.getLogger(name).handlers), logging.getLogger(name).propagate) for name in names}
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    for name, (handlers, propagate) in kept.items():
        logging.getLogger(name).handlers, logging.getLogger(name).propagate = handlers, propagate
        logging.getLogger(name).setLevel(levels[name])


def written(*, is_json: bool = True, level: str = "info", hidden: tuple[str, ...] = (HUSH,)) -> io.StringIO:
    """Log into a text."""
    stream = io.StringIO()
    logs.set_up(level=level, is_json=is_json, hidden=hidden, stream=stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Read what was logged as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_message_is_one_json_object_on_one_line() -> None:
    """With line breaks and quotes in it, fields of its own, and the error it tells of."""
    stream = written()
    LOG.info('two\nlines, "quoted"', extra={"fields": {"status": 503}})
    try:
        raise ValueError("broken")
    except ValueError:
        LOG.exception("it failed")
    first, second = lines(stream)
    assert (first["level"], first["logger"], first["message"]) == ("info", "realtime.somewhere", 'two\nlines, "quoted"')
    assert first["status"] == 503
    assert first["time"].endswith("+00:00")
    assert "ValueError: broken" in second["error"]


def test_what_happens_in_a_request_stands_under_its_id() -> None:
    """The id that was sent, if it can be one; an own one else. Nothing of it stays behind."""
    stream = written()
    with logs.request("ticket-7"):
        LOG.info("inside")
    for bad in (None, "", "x" * 65, "two words", "line\nbreak", '"'):
        with logs.request(bad) as known:
            LOG.info("inside")
            assert known != bad
    LOG.info("outside")
    told = lines(stream)
    assert told[0]["request"] == "ticket-7"
    assert len({one["request"] for one in told[1:-1]}) == 6
    assert "request" not in told[-1]


def test_the_servers_below_log_the_same_way() -> None:
    """Else a reader of JSON stumbles over their lines."""
    stream = written()
    logging.getLogger("uvicorn.error").warning("of the server")
    assert [one["logger"] for one in lines(stream)] == ["uvicorn.error"]


@pytest.mark.parametrize(("level", "is_heard"), [("info", False), ("debug", True)])
def test_a_line_for_every_request_is_for_who_debugs(level: str, is_heard: bool) -> None:
    """The server's own would cost more than many a request."""
    stream = written(level=level)
    logging.getLogger("uvicorn.access").info("GET /")
    assert bool(lines(stream)) is is_heard


@pytest.mark.parametrize("is_json", [True, False])
def test_no_secret_gets_into_the_log(is_json: bool) -> None:
    """Neither one that is known, nor a token or key that anybody sends, wherever it stands."""
    token = jwt.encode({"sub": "ann"}, HUSH, algorithm="HS256")
    stream = written(is_json=is_json)
    LOG.warning("refused %s with %s", {"authorization": f"Bearer {token}"}, HUSH)
    LOG.warning("the header was x-api-key: 12345678, and bearer opaque-token-of-theirs")
    try:
        raise RuntimeError(f"can't use {token}")
    except RuntimeError:
        LOG.exception("it failed")
    text = stream.getvalue()
    assert [word for word in (token, HUSH, "12345678", "opaque-token-of-theirs") if word in text] == []
    assert logs.MASK in text


def test_lines_for_people_have_the_level_and_the_id() -> None:
    """What is less severe than the chosen level isn't written."""
    stream = written(is_json=False, level="warning")
    LOG.info("unheard")
    with logs.request("r1"):
        LOG.warning("heard")
    assert "unheard" not in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("WARNING realtime.somewhere: heard [request r1]")
