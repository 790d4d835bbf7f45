"""Claims about taking bodies apart: what one bad item does to its neighbours, and what a bomb costs."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import EventError
from realtime.gateway.bodies import Kind, Malformed, cut_array, excerpt_of, inflate, items_of, kind_of

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)
_BAD = [
    (b'{"a": NaN}', "not_a_number"),
    (b'{"a": [1, -Infinity]}', "not_a_number"),
    (b'{"a": "\xff\xfe"}', "bad_utf8"),
    (b"[" * 50_000 + b"]" * 50_000, "too_deep"),
    (b'{"a": }', "bad_json"),
    (b'{"a": "NaN", }', "bad_json"),
    (b"1e999", "bad_json"),
    (b'"\\ud800"', "bad_json"),
]


def items(body: bytes, kind: Kind = Kind.JSON, *, most: int = 1000) -> list[Any]:
    """Take a body apart; codes stand for what isn't JSON."""
    found = items_of(body, kind, most_items=most, max_depth=64)
    return [item.error.code if isinstance(item, Malformed) else item for item in found]


@pytest.mark.parametrize(("bad", "code"), _BAD)
def test_a_bad_item_of_an_array_sinks_only_itself(bad: bytes, code: str) -> None:
    """Its neighbours are decoded, and it has a code of its own."""
    assert items(b' [ {"n": 1}, ' + bad + b', {"n": "]"} ] ') == [{"n": 1}, code, {"n": "]"}]


@pytest.mark.parametrize(("bad", "code"), _BAD)
def test_a_bad_line_sinks_only_itself(bad: bytes, code: str) -> None:
    """The same of NDJSON; empty lines don't count."""
    assert items(b'{"n": 1}\r\n\n' + bad + b'\n{"n": 2}', Kind.LINES) == [{"n": 1}, code, {"n": 2}]


@pytest.mark.parametrize(("bad", "code"), _BAD)
def test_a_bad_single_event_has_its_code(bad: bytes, code: str) -> None:
    """One event that isn't JSON is one refused item."""
    if not bad.startswith(b"["):
        assert items(bad) == [code]


def test_what_is_whole_of_a_cut_off_array_is_kept() -> None:
    """An upload that broke off costs its last item only."""
    body = json.dumps([{"n": 1}, {"n": 2}, {"n": 3}]).encode()
    assert items(body[:-4]) == [{"n": 1}, {"n": 2}, "bad_json"]
    assert items(body[:-1]) == [{"n": 1}, {"n": 2}, "bad_json"]
    assert items(b'[{"n": 1}, "open') == [{"n": 1}, "bad_json"]
    assert items(b'[{"n": 1}] and more')[-1] == "bad_json"
    assert items(b'[{"n": 1}, ]') == [{"n": 1}, "bad_json"]


@given(st.lists(_JSON, max_size=6), st.sampled_from(["", " ", "\n\t"]))
def test_cutting_agrees_with_decoding(values: list[Any], space: str) -> None:
    """Whatever JSON an array holds, its items are cut where a parser sees them."""
    body = (space + "[" + ("," + space).join(map(json.dumps, values)) + space + "]" + space).encode()
    assert [json.loads(item) for item in cut_array(body)] == values


@given(st.binary(max_size=60), st.sampled_from(list(Kind)))
def test_any_bytes_are_items_or_a_refusal(body: bytes, kind: Kind) -> None:
    """Nothing a producer sends makes anything but items or an EventError."""
    for prefix in (b"", b"[", b'[{"a":'):
        try:
            found = items_of(prefix + body, kind, most_items=100, max_depth=64)
        except EventError as error:
            assert error.code in ("empty_body", "not_an_array", "too_many_events")
        else:
            assert all(isinstance(excerpt_of(item), str) for item in found)


@pytest.mark.parametrize("body", [b"", b"  \n", b"\xef\xbb\xbf"])
def test_an_empty_body_is_refused(body: bytes) -> None:
    """Nothing isn't an event."""
    with pytest.raises(EventError, match="empty_body"):
        items(body)


def test_an_empty_array_is_an_empty_batch() -> None:
    """CloudEvents' batch format allows it."""
    assert items(b" [ ] ", Kind.BATCH) == []
    assert cut_array(b"[ ]") == []


def test_an_announced_array_has_to_be_one() -> None:
    """The batch type holds arrays only."""
    with pytest.raises(EventError, match="not_an_array"):
        items(b"{}", Kind.BATCH)


@pytest.mark.parametrize("body", [b"[" + b"1," * 10 + b"1]", b"[" + b"NaN," * 10 + b"1]"])
def test_too_many_items_are_refused_as_a_whole(body: bytes) -> None:
    """On the fast way and on the slow one."""
    with pytest.raises(EventError, match="too_many_events"):
        items(body, most=10)
    assert len(items(body, most=11)) == 11


def test_a_mark_at_the_beginning_is_no_mistake() -> None:
    """Some editors put a byte order mark before UTF-8."""
    assert items(b'\xef\xbb\xbf{"n": 1}') == [{"n": 1}]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("application/json", Kind.JSON),
        ("Application/CloudEvents+JSON; charset=UTF-8", Kind.JSON),
        ("application/cloudevents-batch+json", Kind.BATCH),
        ('application/x-ndjson; charset="utf-8"', Kind.LINES),
    ],
)
def test_content_types_are_read_as_http_writes_them(said: str, kind: Kind) -> None:
    """Case and parameters don't matter."""
    assert kind_of(said) is kind


@pytest.mark.parametrize("said", [None, "", "text/plain", "application/json; charset=utf-16"])
def test_other_content_types_are_refused_with_what_to_send(said: str | None) -> None:
    """The reason names what is accepted."""
    with pytest.raises(EventError) as refused:
        kind_of(said)
    assert refused.value.code == "unsupported_type"
    assert "application/json" in refused.value.reason or "UTF-8" in refused.value.reason


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_gzip_in_one_or_several_members_is_undone(one: bytes, other: bytes) -> None:
    """RFC 1952 allows members one after the other."""
    assert inflate(gzip.compress(one) + gzip.compress(other), encoding="gzip", most_bytes=600) == one + other


def test_a_decompression_bomb_costs_no_more_than_its_limit() -> None:
    """Inflating stops one byte after the limit."""
    bomb = gzip.compress(b"0" * 50_000_000, mtime=0)
    with pytest.raises(EventError, match="body_too_large"):
        inflate(bomb, encoding="gzip", most_bytes=100_000)


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"x" * 1000, mtime=0)[:-9]])
def test_broken_gzip_is_refused(body: bytes) -> None:
    """Not gzip, or not all of it."""
    with pytest.raises(EventError, match="bad_gzip"):
        inflate(body, encoding="gzip", most_bytes=10_000)


def test_other_encodings_are_refused() -> None:
    """br, deflate and friends."""
    with pytest.raises(EventError, match="unsupported_encoding"):
        inflate(b"", encoding="br", most_bytes=10)
    assert inflate(b"x", encoding=None, most_bytes=10) == b"x"
