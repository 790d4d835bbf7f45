"""Claims about the addresses of a Redis: every form, every mistake, and that no password ever shows."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.redis_url import Kind, Login, RedisUrl, masked, parse_redis_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("redis://redis", RedisUrl(kind=Kind.SERVER, hosts=(("redis", 6379),))),
        ("redis://[::1]:7000/3", RedisUrl(kind=Kind.SERVER, hosts=(("::1", 7000),), database=3)),
        (
            "rediss://ann:s%40c%2Fret@redis.example:6380/0",
            RedisUrl(
                kind=Kind.SERVER, is_encrypted=True, hosts=(("redis.example", 6380),), login=Login("ann", "s@c/ret")
            ),
        ),
        ("redis://:pw@h", RedisUrl(kind=Kind.SERVER, hosts=(("h", 6379),), login=Login(None, "pw"))),
        ("unix:///run/redis.sock", RedisUrl(kind=Kind.SOCKET, path="/run/redis.sock")),
        (
            "unix://ann:pw@/run/redis.sock?db=2",
            RedisUrl(kind=Kind.SOCKET, path="/run/redis.sock", database=2, login=Login("ann", "pw")),
        ),
        (
            "redis+sentinel://a,b:26380/board",
            RedisUrl(kind=Kind.SENTINEL, hosts=(("a", 26379), ("b", 26380)), master="board"),
        ),
        (
            "rediss+sentinel://ann:pw@a:1,b:2/board/4?sentinel_username=sam&sentinel_password=p%26w",
            RedisUrl(
                kind=Kind.SENTINEL, is_encrypted=True, hosts=(("a", 1), ("b", 2)), master="board", database=4,
                login=Login("ann", "pw"), sentinel_login=Login("sam", "p&w"),
            ),
        ),
        ("redis+cluster://a:1,b:2", RedisUrl(kind=Kind.CLUSTER, hosts=(("a", 1), ("b", 2)))),
        ("rediss+cluster://a/0", RedisUrl(kind=Kind.CLUSTER, is_encrypted=True, hosts=(("a", 6379),))),
    ],
)  # fmt: skip
def test_every_form_is_taken_apart(text: str, expected: RedisUrl) -> None:
    """One server, a socket file, Sentinels and a Cluster, with and without a login."""
    assert parse_redis_url(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("localhost:6379", "has to begin like redis://host:6379/0"),
        ("http://h", "has to begin like"),
        ("redis://", "has a host or a port that can't be one"),
        ("redis://h:port", "has a host or a port"),
        ("redis://h:0", "has a host or a port"),
        ("redis://[::1", "can't be read as an address"),
        ("redis://a,b", "names several hosts: begin it with redis+sentinel://"),
        ("redis://h/one", "has to end with the number of a database"),
        ("redis://h/0/1", "has to end with the number of a database"),
        ("redis://h?ssl_cert_reqs=none", "asks for something after the ?, where there may be nothing"),
        ("redis://ann:p#w@h", "write it as %23"),
        ("redis://ann:p@w@h", "write them as %40 and %2F"),
        ("unix://run/redis.sock", "has to name a file from the root on"),
        ("unix:///run/redis.sock?db=x", "as ?db=0"),
        ("redis+sentinel://a:1", "doesn't say which master"),
        ("redis+cluster://a:1/2", "a Cluster has number 0 alone"),
        ("redis+cluster://" + ",".join(f"h{number}" for number in range(17)), "more than 16 hosts"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write(text: str, words: str) -> None:
    """Half a sentence, for behind the name of the setting."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are looked at below
        parse_redis_url(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("form", ["redis://ann:{}@h:1/0", "unix://ann:{}@/s", "rediss+sentinel://ann:{}@a,b/m"])
@given(password=st.text(min_size=6))
def test_no_password_shows(form: str, password: str) -> None:
    """Neither in what is shown, nor in what a program prints of it, however wrongly it was written."""
    password = f"#?{password}@:/"
    url = parse_redis_url(form.format(quote(password, safe="")))
    assert url.login == Login("ann", password)
    assert url.secrets == (password,)
    assert password not in repr(url)
    for written in (form.format(quote(password, safe="")), form.format(password)):
        assert masked(written) == form.format("•••")
        assert password not in _refusal(written)


def test_a_sentinels_password_is_masked_too() -> None:
    """It stands behind the question mark."""
    text = "redis+sentinel://ann:pw@a/m?sentinel_username=sam&sentinel_password=hidden"
    assert masked(text) == "redis+sentinel://ann:•••@a/m?sentinel_username=sam&sentinel_password=•••"
    assert "hidden" not in repr(parse_redis_url(text))
    assert parse_redis_url(text).secrets == ("pw", "hidden")


@given(text=st.text() | st.from_regex(r"redis(s)?(\+sentinel|\+cluster)?://.*"))
def test_nothing_else_is_raised(text: str) -> None:
    """Whatever somebody writes, the answer is an address or a sentence."""
    assert _refusal(text) is not None


def _refusal(text: str) -> str:
    try:
        parse_redis_url(text)
    except ValueError as error:
        return str(error)
    return ""
