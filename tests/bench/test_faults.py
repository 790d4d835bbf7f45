"""The plan of faults, and the frames that some of them are about."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.bench.faults import BOUNDS, FaultKind, plan
from realtime.bench.frames import Piece, Splitter, spoilt

SEEDS = st.integers(0, 2**32)
DURATIONS = st.floats(0, 600)
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def frame(content: bytes, *, mask: bytes = b"") -> bytes:
    """Make a text frame (RFC 6455 section 5.2)."""
    marked = 0x80 if mask else 0
    size = len(content)
    if size < 126:
        head = bytes([0x81, marked | size])
    elif size < 65_536:
        head = bytes([0x81, marked | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x81, marked | 127]) + size.to_bytes(8, "big")
    covered = bytes(byte ^ mask[i % 4] for i, byte in enumerate(content)) if mask else content
    return head + mask + covered


def fed(stream: bytes, sizes: list[int]) -> list[Piece]:
    """Feed a stream in chunks of these sizes, over and over, and return all pieces with the rest."""
    splitter, pieces, at, turn = Splitter(), [], 0, 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        pieces += splitter.feed(stream[at : at + size])
        at, turn = at + size, turn + 1
    return [*pieces, Piece(splitter.rest())]


@given(seed=SEEDS, duration_s=DURATIONS)
def test_one_fault_at_a_time_with_a_pause_around_it(seed: int, duration_s: float) -> None:
    """What comes back can be told from what goes wrong next, and the last one has time to heal."""
    free_s = 0.0
    for fault in plan(seed, duration_s, pause_s=(1.0, 2.0)):
        assert fault.at_s >= free_s + 0.999
        assert fault.ends_s <= duration_s - 0.998
        free_s = fault.ends_s


@given(seed=SEEDS, duration_s=DURATIONS)
def test_a_plan_comes_again_with_its_seed(seed: int, duration_s: float) -> None:
    """A soak that failed can be run again."""
    assert plan(seed, duration_s) == plan(seed, duration_s)


@given(seed=SEEDS)
def test_every_kind_comes_before_any_comes_again(seed: int) -> None:
    """However chance falls, a plan that is long enough leaves none out."""
    kinds = [fault.kind for fault in plan(seed, 600)]
    count = len(FaultKind)
    assert set(kinds[:count]) == set(FaultKind)
    assert len(set(kinds[:count])) == count


@given(seed=SEEDS)
def test_amounts_stay_in_their_bounds(seed: int) -> None:
    """Seconds, bytes, statuses and frame numbers are such as the proxy can do something with."""
    for fault in plan(seed, 300):
        bounds = BOUNDS[fault.kind]
        assert bounds.lasts_s[0] <= fault.lasts_s <= bounds.lasts_s[1]
        if bounds.choices:
            assert fault.amount in bounds.choices
        else:
            assert bounds.amount[0] <= fault.amount <= bounds.amount[1]


def test_only_the_kinds_asked_for_come() -> None:
    """None at all for none."""
    assert {fault.kind for fault in plan(1, 60, kinds=[FaultKind.CUT])} == {FaultKind.CUT}
    assert plan(1, 60, kinds=[]) == ()


@pytest.mark.parametrize("pause_s", [(0.0, 1.0), (2.0, 1.0)])
def test_a_plan_needs_pauses(pause_s: tuple[float, float]) -> None:
    """Without one, recovery couldn't be timed."""
    with pytest.raises(ValueError, match="pause"):
        plan(1, 10, pause_s=pause_s)


@given(
    contents=st.lists(st.one_of(st.binary(max_size=200), st.just(b"x" * 70_000)), max_size=6),
    mask=st.one_of(st.just(b""), st.binary(min_size=4, max_size=4)),
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=5),
)
def test_frames_are_found_however_the_bytes_come(contents: list[bytes], mask: bytes, sizes: list[int]) -> None:
    """Each frame whole and in order, masked or not, whatever the chunks."""
    frames = [frame(content, mask=mask) for content in contents]
    head = UPGRADED if not mask else b"GET /x HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
    pieces = fed(head + b"".join(frames), sizes)
    assert [piece.content for piece in pieces if piece.is_frame] == frames
    assert b"".join(piece.content for piece in pieces) == head + b"".join(frames)


@given(stream=st.binary(max_size=3000), sizes=st.lists(st.integers(1, 500), min_size=1, max_size=5))
def test_what_is_no_websocket_passes_as_it_came(stream: bytes, sizes: list[int]) -> None:
    """An HTTP answer or anything else is no frame."""
    for head in (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0"):
        pieces = fed(head + stream, sizes)
        assert b"".join(piece.content for piece in pieces) == head + stream
        assert not any(piece.is_frame for piece in pieces)


@pytest.mark.parametrize("mask", [b"", b"\x01\x02\x03\x04"])
@pytest.mark.parametrize("content", [b"", b'{"push":1}', b"{" * 300, b"[" * 70_000])
def test_a_spoilt_frame_is_as_long_but_another(content: bytes, mask: bytes) -> None:
    """The stream stays one of frames; the content's first byte is what no JSON begins with."""
    whole = frame(content, mask=mask)
    other = spoilt(whole)
    assert len(other) == len(whole)
    assert other != whole
    if content:
        start = len(whole) - len(content)
        assert other[:start] == whole[:start]
        assert other[start] ^ (mask[0] if mask else 0) not in b'{["0123456789-tfn \r\n\t'
