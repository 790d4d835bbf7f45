"""A copied link opens the same view."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.views.urls import Place, read_place, write_place

_TEXT = st.text(max_size=40)


@given(
    place=st.builds(
        Place,
        collection=_TEXT,
        search=_TEXT,
        field=_TEXT,
        value=_TEXT,
        sort=_TEXT,
        selected=_TEXT,
        y=_TEXT,
        limit=st.integers(200, 2000),
    )
)
def test_what_is_written_is_read_back(place: Place) -> None:
    """Every part survives, and defaults cost nothing."""
    assert read_place(write_place(place)) == place
    assert write_place(Place()) == {}


@given(query=st.dictionaries(st.sampled_from(["collection", "rows", "id", "sort", "zzz"]), st.text(max_size=400)))
def test_any_url_gives_a_place(query: dict[str, str]) -> None:
    """A hand-edited link never raises, and stays within bounds."""
    place = read_place(query)
    assert 200 <= place.limit <= 2000
    assert len(place.collection) <= 256


def test_a_sort_says_its_direction() -> None:
    """`-amount` is largest first; without a sort the newest come first."""
    down, up, none = Place(sort="-amount"), Place(sort="amount"), Place()
    assert (down.sort_field, down.is_descending) == ("amount", True)
    assert (up.sort_field, up.is_descending) == ("amount", False)
    assert (none.sort_field, none.is_descending) == ("", True)
