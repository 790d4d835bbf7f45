"""The backlog is bounded in bytes, and drops only what can't be missed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.hub.backlog import Backlog
from realtime.hub.outgoing import WRAPPING_BYTES, Outgoing, outgoing_publication
from realtime.hub.ports import OutPublication


def test_lines_leave_in_order_as_one_message() -> None:
    """One a line."""
    backlog = Backlog(limit_bytes=10_000)
    for text in (b"1", b"2", b"3"):
        assert backlog.add(Outgoing(text))
    assert len(backlog) == 3
    assert backlog.take(limit_bytes=2).line == b"1\n2"
    assert backlog.take(limit_bytes=2).line == b"3"
    assert backlog.take(limit_bytes=2).line == b""
    assert backlog.size_bytes == 0
    assert not backlog


def test_a_line_alone_leaves_as_it_is() -> None:
    """So what everybody is sent alone is framed once, not once for each."""
    backlog, line = Backlog(limit_bytes=10_000), Outgoing(b"1")
    backlog.add(line)
    assert backlog.take(limit_bytes=9999) is line


def test_more_than_may_wait_is_told() -> None:
    """But a single line, however long, has to go somehow."""
    backlog = Backlog(limit_bytes=50)
    assert backlog.add(Outgoing(b"x" * 100))
    assert not backlog.add(Outgoing(b"x"))
    backlog.clear()
    assert (len(backlog), backlog.size_bytes) == (0, 0)


def test_a_later_update_supersedes_an_undelivered_one() -> None:
    """The newest keeps its place at the end; other keys, and publications with an offset, all stay."""
    backlog = Backlog(limit_bytes=10_000)
    for key, value, offset in [("a", b"1", 0), ("b", b"2", 0), ("a", b"3", 0), ("a", b"4", 7)]:
        backlog.add(outgoing_publication("c", OutPublication(value, key=key, can_coalesce=True, offset=offset)))
    backlog.add(outgoing_publication("c", OutPublication(b"5", key="a")))
    assert backlog.coalesced == 1
    values = [line.split('"data":')[1][0] for line in backlog.take(limit_bytes=9999).line.decode().split("\n")]
    assert values == ["2", "3", "4", "5"]


@given(st.lists(st.one_of(st.tuples(st.sampled_from(["a", "b", ""]), st.integers(0, 99)), st.integers(1, 300))))
def test_the_newest_of_every_key_is_always_delivered(moves: list[tuple[str, int] | int]) -> None:
    """Whatever is added and taken: sizes add up, order holds, and the last value of each key comes out last."""
    backlog = Backlog(limit_bytes=1 << 30)
    added: list[tuple[str, int]] = []
    taken: list[tuple[str, int]] = []

    def take(limit_bytes: int) -> None:
        for line in filter(None, backlog.take(limit_bytes=limit_bytes).line.decode().split("\n")):
            key, value = line.split("=")
            taken.append((key, int(value)))

    for move in moves:
        if isinstance(move, int):
            take(move)
        else:
            key, value = move
            added.append(move)
            backlog.add(Outgoing(f"{key}={value}".encode(), supersedes=("c", key) if key else None))
        assert backlog.size_bytes >= len(backlog) * WRAPPING_BYTES
    take(1 << 30)
    assert backlog.size_bytes == 0
    assert len(taken) == len(added) - backlog.coalesced
    assert [one for one in taken if not one[0]] == [one for one in added if not one[0]]
    for key in ("a", "b"):
        assert [one for one in taken if one[0] == key][-1:] == [one for one in added if one[0] == key][-1:]
