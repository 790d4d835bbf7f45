"""The dialog that creates a document."""

from __future__ import annotations

import uuid
from typing import Final

import streamlit as st

from realtime.ui.place import go
from realtime.ui.profile import why_not
from realtime.ui.writes import write
from realtime.views import editing

_ROUND: Final = "tideboard.new-round"


def new_document_button(collection: str) -> None:
    """Show the button that opens the dialog."""
    reason = why_not("create", collection)
    if st.button("New document", icon=":material/add:", disabled=reason is not None, help=reason):
        st.session_state[_ROUND] = uuid.uuid4().hex[:6]
        _dialog(collection)


@st.dialog("New document", width="medium")
def _dialog(collection: str) -> None:
    mark = st.session_state.setdefault(_ROUND, "000000")
    name = st.text_input("Collection", value=collection, key=f"tideboard.new-name:{mark}")
    draft_text = st.text_area(
        "Document (JSON)", value=editing.write_draft({"id": f"{name or 'document'}-{mark}"}), height=220,
        key=f"tideboard.new-draft:{mark}", help='An object with a text "id".',
    )  # fmt: skip
    draft = editing.read_draft(draft_text)
    if draft.problem:
        st.error(draft.problem, icon=":material/error:")
    if st.button("Create", type="primary", icon=":material/check:", disabled=bool(draft.problem)):
        with st.spinner("Saving …"):
            # 0: there must be no such document yet.
            outcome = write("created", name.strip(), draft.document or {}, expected_offset=0)
        if outcome.is_stored or outcome.is_kept:
            go(collection=name.strip(), selected=outcome.identifier)
            st.rerun()
        elif outcome.is_conflict:
            st.error("Not saved. There is a document with this id already.", icon=":material/error:")
        elif outcome.future is not None:
            st.warning("Still saving: the gateway hasn't answered yet. The table shows it once it has.")
        else:
            st.error(f"Not saved. {outcome.reason}", icon=":material/error:")
