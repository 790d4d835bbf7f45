"""Claims about running Lua in a real server: what goes in comes out, and a server that forgot is told again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.exceptions import ResponseError

from realtime.config import Settings
from realtime.gateway.nodes.keys import Keys
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.scripts import Scripts, blob, raw
from tests.support.redis_server import RedisServer

_VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, min_size=1, max_size=4),
    max_leaves=20,
)


class _Kept(msgspec.Struct):
    count: int
    body: msgspec.Raw


@pytest.fixture
def client(redis_server: RedisServer, redis_prefix: str) -> Iterator[Redis]:
    """Reach the shared server."""
    link = Link.of(Settings(redis_url=redis_server.url, redis_prefix=redis_prefix))
    yield link.client()
    link.close()


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Write three scripts into a folder."""
    (tmp_path / "echo.lua").write_text("return cmsgpack.pack(cmsgpack.unpack(ARGV[1]))")
    (tmp_path / "keep.lua").write_text(
        "local asked = cmsgpack.unpack(ARGV[1])\n"
        "redis.call('SET', KEYS[1], asked.body)\n"
        "return cmsgpack.pack({count = redis.call('INCR', KEYS[2]), body = redis.call('GET', KEYS[1])})"
    )
    (tmp_path / "wrong.lua").write_text("return redis.error_reply('ANEW another run')")
    return Scripts(tmp_path)


@given(value=_VALUES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_value_comes_back_as_it_went(client: Redis, scripts: Scripts, value: Any) -> None:
    """Texts, whole numbers up to 2^53, lists and tables, nested as you like."""
    assert scripts.run(client, "echo", [], value) == (value if value != {} else [])


@given(body=st.binary(max_size=70_000) | st.integers(0, 70_000).map(lambda size: b"\xff" * size))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_bytes_come_back_as_they_went(client: Redis, scripts: Scripts, redis_prefix: str, body: bytes) -> None:
    """A body that isn't UTF-8 is taken out of the reply by its type and `blob`."""
    keys = Keys(redis_prefix)
    kept = scripts.run(client, "keep", [keys.of("body"), keys.of("count")], {"body": raw(body)}, reply=_Kept)
    assert blob(kept.body) == body
    assert client.get(keys.of("body")) == body


def test_a_server_that_forgot_a_script_gets_it_again(client: Redis, scripts: Scripts, redis_prefix: str) -> None:
    """As after a restart or a failover; it runs once."""
    keys = Keys(redis_prefix)
    places = [keys.of("body"), keys.of("count")]
    for count in (1, 2):
        client.script_flush()
        assert scripts.run(client, "keep", places, {"body": raw(b"x")}, reply=_Kept).count == count
    assert scripts.run(client, "keep", places, {"body": raw(b"x")}, reply=_Kept).count == 3


def test_what_a_script_refuses_is_raised(client: Redis, scripts: Scripts) -> None:
    """With its own word in front."""
    with pytest.raises(ResponseError, match=r"^ANEW another run"):
        scripts.run(client, "wrong", [], None)


def test_scripts_are_known_by_the_names_of_their_files(scripts: Scripts) -> None:
    """Without the suffix; another name is a mistake of ours."""
    assert scripts.names == ("echo", "keep", "wrong")
    with pytest.raises(KeyError):
        scripts.run(Redis(), "missing", [], None)


def test_only_texts_and_binaries_are_blobs() -> None:
    """A number isn't bytes."""
    with pytest.raises(ValueError, match="0x07"):
        blob(msgspec.Raw(msgspec.msgpack.encode(7)))
