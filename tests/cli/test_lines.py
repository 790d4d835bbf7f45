"""Claims about gathering lines into batches."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from realtime.cli.lines import Line, LineReader


def _batches(raw: bytes, *, most_lines: int = 3, most_bytes: int = 1000) -> list[list[Line]]:
    reader = LineReader(io.BytesIO(raw))
    batches = list(reader.batches(most_lines=most_lines, most_bytes=most_bytes))
    assert reader.read_bytes == len(raw)
    return batches


def test_blank_lines_count_but_dont_come() -> None:
    """Numbers are those an editor shows."""
    assert _batches(b"a\n\n  \r\n b \r\nc") == [[Line(1, b"a"), Line(4, b"b"), Line(5, b"c")]]


def test_batches_are_bounded_in_lines_and_bytes() -> None:
    """A batch ends before it gets too large; a line larger than that goes alone."""
    assert [len(batch) for batch in _batches(b"a\nb\nc\nd\n")] == [3, 1]
    assert [len(batch) for batch in _batches(b"a\n" + b"x" * 50 + b"\nb\n", most_bytes=20)] == [1, 1, 1]


def test_nothing_is_no_batch() -> None:
    """An empty input ends at once."""
    assert _batches(b"") == []


@given(st.lists(st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")), max_size=20), st.integers(1, 5))
def test_no_line_is_lost_or_doubled(lines: list[bytes], most_lines: int) -> None:
    """Together the batches hold every line that isn't blank, in order."""
    found = [line for batch in _batches(b"\n".join(lines), most_lines=most_lines, most_bytes=30) for line in batch]
    assert found == [Line(number, raw.strip()) for number, raw in enumerate(lines, 1) if raw.strip()]


def test_a_slow_pipe_is_sent_soon() -> None:
    """What has come is a batch, though the pipe stays open and the batch isn't full."""
    inlet, outlet = os.pipe()
    with os.fdopen(inlet, "rb") as stream, os.fdopen(outlet, "wb", buffering=0) as pipe:
        pipe.write(b"a\n")
        batches = LineReader(stream).batches(most_lines=100, most_bytes=1000, clock=_hasty())
        assert next(batches) == [Line(1, b"a")]
        pipe.write(b"b\n")
        assert next(batches) == [Line(2, b"b")]


def _hasty() -> Callable[[], float]:
    """Return a clock on which a second passes at every look."""
    seconds = iter(range(10_000))
    return lambda: float(next(seconds))


def test_a_pipe_that_breaks_ends_the_lines() -> None:
    """What came before the break is kept."""

    class Broken(io.BytesIO):
        def __next__(self) -> bytes:
            if self.tell():
                raise OSError("gone")
            return super().__next__()

    done = threading.Event()
    found: list[list[Line]] = []

    def read() -> None:
        found.extend(LineReader(Broken(b"a\nb\n")).batches(most_lines=9, most_bytes=99))
        done.set()

    threading.Thread(target=read, daemon=True).start()
    assert done.wait(10)
    assert found == [[Line(1, b"a")]]
