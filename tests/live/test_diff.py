"""Patches: what Python says changed, JavaScript turns into exactly the same value."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.live.diff import diff

ASSETS = Path(__file__).parents[2] / "realtime" / "ui" / "assets"

_scalars = (
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
)  # fmt: skip
_keys = st.sampled_from(["a", "b", "rows", "x", "__proto__", "constructor", "0", ""])
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_keys, inner, max_size=5), max_leaves=10
)
_roots = st.dictionaries(_keys, _values, max_size=5)


@st.composite
def _evolutions(draw: st.DrawFn) -> tuple[Any, Any]:
    """A value and what became of it by the moves live views make: windows that slide, rows put in front, edits."""
    rows = draw(st.lists(st.fixed_dictionaries({"id": st.integers(0, 40), "v": _scalars}) | _scalars, max_size=12))
    drop_front, drop_back = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    moved: list[Any] = rows[drop_front : max(len(rows) - drop_back, 0)]
    moved = draw(st.lists(_values, max_size=3)) + moved + draw(st.lists(_values, max_size=3))
    if draw(st.booleans()):
        moved = draw(st.permutations(moved))
    rest = draw(_roots)
    old = {**rest, "rows": rows, "deep": [{"y": rows, "name": "n"}, {"y": [1, 2]}]}
    new = {**draw(st.sampled_from([rest, {}])), "rows": moved, "deep": [{"y": moved, "name": "n"}, {"y": [1, 2]}]}
    return old, new


def apply(value: Any, patch: list[Any]) -> Any:
    """Do what patch.js does, the plain way."""
    root = msgspec.json.decode(msgspec.json.encode(value))
    for kind, path, *rest in patch:
        if not path:
            root = _assembled(root, rest[0]) if kind == "r" else rest[0]
            continue
        node = root
        for key in path[:-1]:
            node = node[key]
        if kind == "d":
            del node[path[-1]]
        else:
            node[path[-1]] = _assembled(node[path[-1]], rest[0]) if kind == "r" else rest[0]
    return root


def _assembled(old: list[Any], runs: list[Any]) -> list[Any]:
    built: list[Any] = []
    for run in runs:
        built.extend(old[run[0] : run[0] + run[1]] if len(run) == 2 else run[0])
    return built


def canonical(value: Any) -> bytes:
    """Encode so that equal JSON gives equal bytes."""
    return msgspec.json.encode(value, order="sorted")


@given(pair=st.tuples(_roots, _roots) | _evolutions())
@settings(max_examples=120, deadline=None)
def test_a_patch_gives_the_new_value(pair: tuple[Any, Any]) -> None:
    """Whatever became of a value, its patch leads there."""
    old, new = pair
    patch = diff(old, new)
    assert patch is not None
    assert canonical(apply(old, patch)) == canonical(new)


@given(value=_roots)
def test_the_same_value_gives_an_empty_patch(value: Any) -> None:
    """What didn't change isn't said."""
    assert diff(value, msgspec.json.decode(msgspec.json.encode(value))) == []


def test_true_is_not_one() -> None:
    """Python's True == 1 must not hide a change."""
    assert diff({"a": 1}, {"a": True}) == [["s", ["a"], True]]


def test_another_type_at_the_root_has_no_patch() -> None:
    """Then only the full value helps."""
    assert diff({"a": 1}, [1]) is None
    assert diff(1, 1) == []
    assert diff(1, 2) is None


def test_a_sliding_window_is_a_drop_and_an_append() -> None:
    """A chart's arrays cost two numbers and the new point."""
    old, new = {"y": list(range(200))}, {"y": list(range(1, 201))}
    assert diff(old, new) == [["r", ["y"], [[1, 199], [[200]]]]]


def test_a_window_of_zeros_slides_in_one_run() -> None:
    """Many equal values don't break the run that matters."""
    old = {"y": [0] * 50 + [3] + [0] * 20}
    new = {"y": [0] * 49 + [3] + [0] * 20 + [7]}
    assert diff(old, new) == [["r", ["y"], [[1, 70], [[7]]]]]


def test_a_new_row_in_front_costs_that_row() -> None:
    """A feed sends what is new, not what stays."""
    rows = [{"key": number, "title": f"row {number}"} for number in range(20)]
    patch = diff({"rows": rows}, {"rows": [{"key": 99, "title": "new"}, *rows[:-1]]})
    assert patch == [["r", ["rows"], [[[{"key": 99, "title": "new"}]], [0, 19]]]]


def test_a_window_that_grew_is_one_copy_and_what_is_new() -> None:
    """Behind or in front, of texts, numbers or rows."""
    for old in ([1, 2, 3], ["a", "b", "c"], [{"k": 1}, {"k": 2}, {"k": 3}], [1, "b", None]):
        assert diff({"y": old}, {"y": [*old, 9]}) == [["r", ["y"], [[0, 3], [[9]]]]]
        assert diff({"y": old}, {"y": [9, *old]}) == [["r", ["y"], [[[9]], [0, 3]]]]
        assert diff({"y": [*old, 9]}, {"y": old}) == [["r", ["y"], [[0, 3]]]]


def test_true_among_numbers_is_not_one() -> None:
    """Neither in an array of both, nor where an array changes its kind."""
    assert diff({"y": [1, 2, 3, 4]}, {"y": [True, 2, 3, 4]}) == [["r", ["y"], [[[True]], [1, 3]]]]
    assert diff({"y": [1]}, {"y": [1.0]}) == [["r", ["y"], [[[1.0]]]]]


def test_an_edited_row_costs_its_field() -> None:
    """Rows that kept their places are edited where they are."""
    rows = [{"id": str(number), "cells": {"a": 1, "b": 2}} for number in range(5)]
    edited = [*rows[:3], {"id": "3", "cells": {"a": 9, "b": 2}}, rows[4]]
    assert diff({"rows": rows}, {"rows": edited}) == [["s", ["rows", 3, "cells", "a"], 9]]


_JUDGE = """
  import { applyPatch } from MODULE
  import { createInterface } from "node:readline"
  import { isDeepStrictEqual } from "node:util"
  for await (const line of createInterface({ input: process.stdin })) {
    const { old, patch, new: wanted } = JSON.parse(line)
    const before = structuredClone(old)
    console.log(isDeepStrictEqual(applyPatch(old, patch), wanted) && isDeepStrictEqual(old, before) ? "same" : "other")
  }
"""


@pytest.fixture(scope="module")
def node() -> Iterator[subprocess.Popen[bytes]]:
    """Run patch.js in one Node.js for all examples: a case a line in, a verdict a line out."""
    script = _JUDGE.replace("MODULE", json.dumps((ASSETS / "patch.js").as_uri()))
    with subprocess.Popen(
        ["node", "--input-type=module", "-e", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        yield running
        assert running.stdin is not None
        running.stdin.close()


@given(pair=st.tuples(_roots, _roots) | _evolutions())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_javascript_gives_exactly_the_same_value(node: subprocess.Popen[bytes], pair: tuple[Any, Any]) -> None:
    """patch.js and diff.py are one, a key named "__proto__" included, and the old value stays as it was."""
    assert node.stdin is not None
    assert node.stdout is not None
    old, new = pair
    # ASCII, because Node's readline also ends a line at U+2028.
    node.stdin.write(json.dumps({"old": old, "patch": diff(old, new), "new": new}).encode() + b"\n")
    node.stdin.flush()
    assert node.stdout.readline() == b"same\n"
