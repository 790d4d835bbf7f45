"""Views are found by name, and only known ones."""

from __future__ import annotations

import pytest

from realtime.errors import TicketError
from realtime.store import Store
from realtime.views import collections, connection, feed, overview, record, registry
from realtime.views.registry import lookup, view


def test_a_view_is_found_by_module_and_function() -> None:
    """A ticket carries `overview.numbers`, and that is the very view."""
    assert lookup("overview.numbers") is overview.numbers
    assert {overview.numbers.name, feed.newest.name, connection.badge.name, record.record.name} <= set(registry.names())


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
