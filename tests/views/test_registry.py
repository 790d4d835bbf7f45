"""Views are found by name, and only known ones."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.errors import TicketError
from realtime.store import Store
from realtime.views import collections, connection, feed, overview, record, registry
from realtime.views.registry import lookup, view


def test_a_view_is_found_by_module_and_function() -> None:
    """A ticket carries `overview.numbers`, and that is the very view."""
    assert lookup("overview.numbers") is overview.numbers
    assert {overview.numbers.name, feed.newest.name, connection.badge.name, record.record.name} <= set(registry.names())


def views_written() -> Iterator[str]:
    """Find the views in the source, by their decorator."""
    for path in (Path(__file__).parents[2] / "realtime").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            marks = node.decorator_list if isinstance(node, ast.FunctionDef) else []
            if any(isinstance(mark, ast.Call) and ast.unparse(mark.func) == "view" for mark in marks):
                yield f"{path.stem}.{node.name}"  # type: ignore[attr-defined]


def test_every_view_is_known_before_any_page_has_run() -> None:
    """A tab comes back with a ticket to a process that has just started, or that never showed that page."""
    script = "import realtime.live.live; from realtime.views.registry import names; print(*names())"
    known = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    written = set(views_written())
    assert len(written) > 20, "the search has to find the views at all"
    assert written - set(known) == set()


def test_an_unknown_name_is_a_ticket_error() -> None:
    """A forged or outdated name is refused, not a KeyError."""
    with pytest.raises(TicketError, match=r"no view named 'overview\.secrets'"):
        lookup("overview.secrets")


def test_topics_follow_the_parameters() -> None:
    """A collection's table reads that collection's channel and nothing else."""
    assert collections.table.topics(collection="orders", limit=5) == ("collection:orders",)
    assert overview.numbers.topics() == ("feed", "collections")


def test_a_view_is_called_like_the_function() -> None:
    """Tests and pages may call a view directly."""
    assert collections.cards(Store(), now=0.0) == {"cards": []}


def test_two_views_cant_share_a_name() -> None:
    """A second module's function of the same name would answer for the first: refused."""

    def numbers(store: Store, *, now: float) -> dict[str, object]:
        return {}

    numbers.__module__ = "elsewhere.overview"
    with pytest.raises(ValueError, match="Two views are named"):
        view(kind="numbers", topics=())(numbers)
    assert lookup("overview.numbers") is overview.numbers
