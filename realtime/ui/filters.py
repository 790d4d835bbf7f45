"""The filters above a table, and the choice of what the chart draws: widgets on one side, the URL on the other."""

from __future__ import annotations

import streamlit as st

from realtime.live.runtime import current
from realtime.ui.place import go, here
from realtime.ui.tracking import COLLECTIONS, track_action
from realtime.views import collections
from realtime.views.schema import label_of
from realtime.views.urls import Place

_ANY = ""


def filter_row(place: Place) -> None:
    """Show search, field = value, and a way to drop them all."""
    store = current().store
    keys = {name: f"tideboard.{name}:{place.collection}" for name in ("search", "field", "value")}

    def search() -> None:
        go(search=st.session_state[keys["search"]].strip())
        _tell(place.collection)

    def field() -> None:
        st.session_state.pop(keys["value"], None)
        go(field=st.session_state[keys["field"]], value="")

    def value() -> None:
        go(value=st.session_state[keys["value"]] or "")
        _tell(place.collection)

    def clear() -> None:
        for key in keys.values():
            st.session_state.pop(key, None)
        go(search="", field="", value="")

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.text_input(
            "Search", value=place.search, key=keys["search"], on_change=search, placeholder="Search all fields",
            label_visibility="collapsed", icon=":material/search:", width=260,
        )  # fmt: skip
        fields = with_chosen((_ANY, *collections.fields(store, place.collection)), place.field)
        st.selectbox(
            "Field", fields, index=fields.index(place.field), key=keys["field"], on_change=field,
            format_func=lambda name: label_of(name) if name else "Any field", label_visibility="collapsed", width=170,
        )  # fmt: skip
        if place.field:
            values = with_chosen(collections.values_of(store, place.collection, place.field), place.value)
            st.selectbox(
                "Value", values, index=values.index(place.value) if place.value else None, key=keys["value"],
                on_change=value, placeholder="is …", accept_new_options=True, label_visibility="collapsed", width=190,
            )  # fmt: skip
        if not place.filters.is_empty:
            st.button("Clear filters", icon=":material/filter_alt_off:", type="tertiary", on_click=clear)


def _tell(collection: str) -> None:
    """Record what a person filters by, once there is a filter."""
    words = here().filters.describe()
    if words:
        track_action("filter", {"page": COLLECTIONS, "collection": collection, "filter": words[:200]})


def chart_choice(place: Place) -> str:
    """Show which field the chart draws, and return it; empty when there is nothing to draw."""
    fields, best = collections.chartable(current().store, place.collection)
    chosen = place.y or best or ""
    if not chosen:
        return ""
    options = with_chosen(fields, chosen)
    key = f"tideboard.chart:{place.collection}"
    st.selectbox(
        "Chart", options, index=options.index(chosen), key=key, format_func=label_of, label_visibility="collapsed",
        on_change=lambda: go(y=st.session_state[key]), width=190,
    )  # fmt: skip
    return chosen


def with_chosen(options: tuple[str, ...], chosen: str) -> tuple[str, ...]:
    """Keep what the URL asks for among the options, even while no document has it."""
    return options if not chosen or chosen in options else (*options, chosen)


def current_place() -> Place:
    """Return the place of the URL with a collection that exists, if there is any: the busiest when none is named."""
    place = here()
    if place.collection:
        return place
    found = current().store.collections()
    busiest = max(found, key=lambda summary: (summary.rate_per_min, summary.count), default=None)
    return place if busiest is None else Place(collection=busiest.name)
