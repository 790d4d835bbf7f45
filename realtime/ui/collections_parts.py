"""Lays out the Collections page. What is shown is rendered by realtime.views; in here are panels and their places."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from realtime.live.runtime import current
from realtime.ui.document_drawer import document_drawer
from realtime.ui.export import export_menu
from realtime.ui.filters import chart_choice, current_place, filter_row
from realtime.ui.first_event import first_event_panel
from realtime.ui.headings import panel_heading
from realtime.ui.live_fragment import live
from realtime.ui.new_document import new_document_button
from realtime.ui.panels import live_view
from realtime.ui.pending import outbox_panel
from realtime.ui.place import go, zone
from realtime.ui.profile import demand
from realtime.ui.sample_band import sample_band
from realtime.ui.tracking import COLLECTIONS, note_view
from realtime.views import collections
from realtime.views.schema import label_of
from realtime.views.urls import Place

_CARDS: Final = "tideboard.cards"
_TABLE: Final = "tideboard.table"
_TABLE_HEIGHT: Final = 560


def collections_page() -> None:
    """Show the collections' cards and the chosen one, or the invitation to send the first event."""
    demand("read", what="collections")
    sample_band()
    outbox_panel()
    if not current().store.collections():
        _waiting()
        return
    live_view(
        collections.cards,
        key=_CARDS,
        options={"selected": current_place().collection},
        on={"choose": _choose_collection},
    )
    _browser()


@live("collections")
def _waiting() -> None:
    if current().store.collections():
        st.rerun()
    first_event_panel()


@st.fragment
def _browser() -> None:
    """Show one collection. A fragment: choosing a row or a filter reruns this part alone."""
    place = current_place()
    note_view(COLLECTIONS, collection=place.collection, document=place.selected)
    with panel_heading(label_of(place.collection)):
        new_document_button(place.collection)
        export_menu(place)
    _chart(place)
    filter_row(place)
    # The table stays the first child whether or not a drawer is beside it: else it would be mounted anew.
    with st.container(horizontal=True, gap="medium", key="browser"):
        with st.container(width="stretch", key="table"):
            _table(place)
        if place.selected:
            with st.container(border=True, width=390, key="drawer", gap="xsmall"):
                document_drawer(place.collection, place.selected)


def _chart(place: Place) -> None:
    with st.container(border=True, key="chart", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            title = st.empty()
            field = chart_choice(place)
            title.markdown(f"**{collections.chart_title(current().store, place.collection, field)}**", width="stretch")
        live_view(
            collections.chart, key="tideboard.chart", height=220, collection=place.collection, y=field, zone=zone(),
            **_filters(place),
        )  # fmt: skip


def _table(place: Place) -> None:
    live_view(
        collections.table, key=_TABLE, height=_TABLE_HEIGHT,
        options={"selected": place.selected, "label": label_of(place.collection)},
        on={"choose": _choose_document, "sort": _sort, "more": _more},
        collection=place.collection, limit=place.limit, sort=place.sort_field, descending=place.is_descending,
        **_filters(place),
    )  # fmt: skip


def _filters(place: Place) -> dict[str, Any]:
    return {"search": place.search, "field": place.field, "value": place.value}


def _choose_collection() -> None:
    """Begin anew in another collection: its fields aren't the old one's."""
    go(collection=st.session_state[_CARDS].choose, field="", value="", sort="", selected="", y="", limit=Place().limit)


def _choose_document() -> None:
    go(selected=st.session_state[_TABLE].choose or "", collection=current_place().collection)


def _sort() -> None:
    go(sort=st.session_state[_TABLE].sort or "", collection=current_place().collection)


def _more() -> None:
    go(limit=int(st.session_state[_TABLE].more or 0), collection=current_place().collection)
