"""The order of the files."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.support.order import LONG, PAGES, in_turns

ROOT = Path(__file__).parents[1]
names = st.one_of(st.sampled_from(LONG), st.from_regex(r"tests/(browser|hub)/test_[a-d]\.py", fullmatch=True))


@given(st.lists(names))
def test_every_file_goes_out_once(files: list[str]) -> None:
    """None is left out, whether its name is known or not."""
    assert sorted(in_turns(files)) == sorted(set(files))


def test_browsers_and_waiting_take_turns_and_the_rest_comes_last() -> None:
    """Each in the order it has among its like."""
    pages = [f"{PAGES}test_a.py", f"{PAGES}test_b.py", f"{PAGES}test_c.py"]
    rest = ["tests/hub/test_a.py", "tests/hub/test_b.py"]
    given_files = [LONG[1], *pages, LONG[0], *rest]
    assert in_turns(given_files) == [LONG[0], pages[0], LONG[1], pages[1], pages[2], *rest]


def test_every_name_is_that_of_a_file() -> None:
    """A file that was renamed would silently go out among the last."""
    assert [name for name in LONG if not (ROOT / name).is_file()] == []
