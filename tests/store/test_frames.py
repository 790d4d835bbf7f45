"""DataFrames of a collection: sensible types, and never an error for odd documents."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.store import Store
from realtime.store.frames import COLUMNS_KEPT, frame_of
from tests.store.making import NOW, ORDERS, created


def test_columns_get_sensible_types() -> None:
    """Numbers are numbers, with and without holes; objects are JSON; mixed kinds are text."""
    frame = frame_of(
        [
            {
                "id": "a",
                "n": 1,
                "x": 1.5,
                "b": True,
                "t": "one",
                "o": {"k": [1]},
                "m": 1,
                "h": 3,
                "e": None,
                "f": False,
            },
            {"id": "b", "n": 2, "x": 2, "b": False, "t": "two", "o": [1, 2], "m": "x", "e": None},
        ]
    )
    assert frame.index.tolist() == ["a", "b"]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "n": "int64", "x": "float64", "b": "bool", "t": "str", "o": "str", "m": "str",
        "h": "Int64", "e": "object", "f": "boolean",
    }  # fmt: skip
    assert frame["o"].tolist() == ['{"k":[1]}', "[1,2]"]
    assert frame["m"].tolist() == ["1", "x"]


def test_a_frame_is_made_once_a_version_and_safe_to_change() -> None:
    """Whoever writes into a frame changes only their own copy."""
    store = Store()
    store.apply(ORDERS, [(created("a", n=1), 1)], epoch="e", now=NOW)
    mine, other = store.frame("orders"), store.frame("orders")
    mine.loc["a", "n"] = 99
    assert other.loc["a", "n"] == 1
    assert store.frame("orders").loc["a", "n"] == 1
    store.apply(ORDERS, [(created("b", n=2), 2)], epoch="e", now=NOW)
    assert store.frame("orders").index.tolist() == ["a", "b"]


def test_columns_are_bounded_and_it_is_said() -> None:
    """Documents that each bring their own fields don't make a frame of their product."""
    frame = frame_of([{"id": str(number), f"f{number}": 1} for number in range(COLUMNS_KEPT + 3)])
    assert len(frame.columns) == COLUMNS_KEPT
    assert frame.attrs["columns_left_out"] == 3


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(documents=st.lists(st.dictionaries(st.sampled_from(["a", "b", "index", ""]), _VALUES), max_size=5))
def test_a_frame_never_raises(documents: list[dict[str, Any]]) -> None:
    """Whatever JSON the documents hold, there is a frame with one row for each."""
    frame = frame_of([{**document, "id": str(number)} for number, document in enumerate(documents)])
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == len(documents)
