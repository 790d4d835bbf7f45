"""Offers what the filters select as files, built only when somebody downloads one."""

from __future__ import annotations

import time

import streamlit as st
from pandas import DataFrame

from realtime.live.runtime import current
from realtime.ui.noting import noter
from realtime.ui.person import current_person
from realtime.ui.tracking import recorder
from realtime.views import export
from realtime.views.urls import Place
from realtime.views.words import plural


def export_menu(place: Place) -> None:
    """Show the button that opens the choice of formats; says how many documents a file will hold."""
    store, collection, filters = current().store, place.collection, place.filters
    with st.popover("Export", icon=":material/download:"):
        selected = export.count(store, collection, filters=filters)
        scope = filters.describe()
        st.markdown(f"**{plural(selected, 'document')}**" + (" that pass the filters" if scope else ""))
        st.caption("Times as ISO 8601 with offset. The file holds what is there when you click.")
        now = time.time()
        record, note = recorder(), noter(current_person().id)

        def exported(form: str) -> DataFrame:
            record("export", {"page": "Collections", "collection": collection, "format": form, "documents": selected})
            note("export", target=f"collection:{collection}", detail=f"{form}, {plural(selected, 'document')}")
            return export.selected(store, collection, filters=filters)

        st.download_button(
            "CSV", data=lambda: export.to_csv(exported("CSV")), mime="text/csv",
            file_name=export.file_name(collection, now=now, ending="csv"), on_click="ignore", width="stretch",
            icon=":material/csv:",
        )  # fmt: skip
        st.download_button(
            "Parquet", data=lambda: export.to_parquet(exported("Parquet")),
            mime="application/vnd.apache.parquet", on_click="ignore", width="stretch", icon=":material/table:",
            file_name=export.file_name(collection, now=now, ending="parquet"),
        )  # fmt: skip
