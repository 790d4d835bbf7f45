"""The drawer beside a table: one document live, its history, editing and deleting it.

What a person is typing is never overwritten: when the document moves meanwhile, both versions are shown to choose from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
import pandas as pd
import streamlit as st

from realtime.live.runtime import current
from realtime.protocol.events import JsonObject
from realtime.store import DocumentState
from realtime.ui.history import fetch_history
from realtime.ui.panels import live_view
from realtime.ui.pending import confirmed_at, outbox_strip
from realtime.ui.place import go
from realtime.ui.profile import why_not
from realtime.ui.writes import Outcome, settle, write
from realtime.views import editing, outbox
from realtime.views.record import diff, history, record
from realtime.views.words import brief

_EDIT: Final = "tideboard.edit"
_OUTCOME: Final = "tideboard.outcome"
_MODES: Final = {"fields": "Fields", "json": "JSON", "history": "History"}
_HEIGHT: Final = 430


class Edit(msgspec.Struct, frozen=True):
    """An edit under way: the version and document it began from.

    `follows` is the number of the change that was waiting in the outbox then, and is part of that document.
    """

    collection: str
    id: str
    base_offset: int
    base: JsonObject
    follows: int | None = None
    round: int = 0  # a new round is a new text area, filled anew

    @property
    def key(self) -> str:
        """Name the text area of this edit."""
        return f"tideboard.draft:{self.collection}:{self.id}:{self.round}"


def document_drawer(collection: str, identifier: str) -> None:
    """Show the drawer of one document."""
    store = current().store
    state, waiting = store.document(collection, identifier), outbox.newest_waiting(store, collection, identifier)
    edit = _edit_of(collection, identifier)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{_plain(identifier)}**", width="stretch")
        if edit is None and (state is not None or waiting is not None):
            reason = None if state is None else why_not("update", collection, state.document)
            st.button(
                "Edit", icon=":material/edit:", on_click=lambda: _begin(collection, identifier),
                disabled=reason is not None, help=reason,
            )  # fmt: skip
        if edit is None and state is not None:
            _delete_button(collection, state)
        st.button("", icon=":material/close:", key="tideboard.close", type="tertiary", on_click=close, help="Close")
    outbox_strip(collection, identifier)
    _outcome()
    if edit is not None:
        _editor(edit, state)
    elif state is None and waiting is not None:
        st.json(outbox.document_of(waiting) or {})
    elif state is None and not _was_here(identifier):
        st.caption(f"No document {brief(identifier)} in this collection.")
    else:
        _shown(collection, identifier)


def close() -> None:
    """Close the drawer. A draft is kept until it is saved or given up."""
    st.session_state.pop(_OUTCOME, None)
    go(selected="")


def _shown(collection: str, identifier: str) -> None:
    st.session_state["tideboard.seen"] = identifier
    mode = st.segmented_control(
        "Show", list(_MODES), default="fields", format_func=_MODES.__getitem__, key="tideboard.mode",
        label_visibility="collapsed", required=True,
    )  # fmt: skip
    options: dict[str, Any] = {"mode": mode or "fields"}
    if mode == "history":
        options["history"] = history(fetch_history(collection, identifier))
    live_view(
        record, key="tideboard.record", height=_HEIGHT, options=options, on={"version": _nothing},
        collection=collection, id=identifier,
    )  # fmt: skip


def _nothing() -> None:
    """Let the rerun itself do the work: the history is fetched again."""


def _begin(collection: str, identifier: str) -> None:
    """Begin to edit what is there, with the change that waits to be sent in it."""
    store = current().store
    state, waiting = store.document(collection, identifier), outbox.newest_waiting(store, collection, identifier)
    document = outbox.document_of(waiting) if waiting is not None else None
    if document is None and state is None:
        return
    base = document or (state.document if state is not None else {})
    st.session_state.pop(_OUTCOME, None)
    st.session_state[_EDIT] = Edit(
        collection, identifier, 0 if state is None else state.offset, base,
        follows=waiting.number if document is not None and waiting is not None else None,
    )  # fmt: skip


def _edit_of(collection: str, identifier: str) -> Edit | None:
    edit = st.session_state.get(_EDIT)
    if isinstance(edit, Edit) and (edit.collection, edit.id) == (collection, identifier):
        return edit
    return None


def _editor(edit: Edit, state: DocumentState | None) -> None:
    st.session_state.setdefault(edit.key, editing.write_draft(edit.base))
    live_view(
        record, key="tideboard.watch", options={"mode": "watch", "base": edit.base_offset}, on={"version": _nothing},
        collection=edit.collection, id=edit.id,
    )  # fmt: skip
    has_moved = _has_moved(edit, state)
    if has_moved:
        _conflict(edit, state)
    st.text_area("Document (JSON)", key=edit.key, height=300)
    draft = editing.read_draft(st.session_state[edit.key], keep_id=edit.id)
    if draft.problem:
        st.error(draft.problem, icon=":material/error:")
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Save", type="primary", disabled=has_moved or bool(draft.problem), icon=":material/check:",
            on_click=lambda: _save(edit),
            help="Choose a version above first." if has_moved else None,
        )  # fmt: skip
        st.button("Cancel", on_click=lambda: st.session_state.pop(_EDIT, None))


def _has_moved(edit: Edit, state: DocumentState | None) -> bool:
    """Tell whether somebody else changed the document; that one's own change arrived is no such thing."""
    stored_at = confirmed_at(edit.follows)
    if stored_at is not None:
        return state is not None and state.offset > stored_at
    if state is None:
        return edit.follows is None or edit.base_offset != 0
    return state.offset != edit.base_offset


def _save(edit: Edit) -> None:
    draft = editing.read_draft(st.session_state[edit.key], keep_id=edit.id)
    if draft.document is None:
        return
    outcome = write("updated", edit.collection, draft.document, expected_offset=edit.base_offset, follows=edit.follows)
    st.session_state[_OUTCOME] = outcome
    if outcome.is_stored or outcome.is_kept:
        st.session_state.pop(_EDIT, None)
        st.session_state.pop(edit.key, None)


def _conflict(edit: Edit, state: DocumentState | None) -> None:
    if state is None:
        st.warning(
            "This document was deleted while you were editing. Your text is untouched.", icon=":material/warning:"
        )
        st.button("Create it again with my text", on_click=lambda: _recreate(edit))
        return
    who = f" by {_plain(state.actor)}" if state.actor else ""
    st.warning(f"This document changed while you were editing{who}. Your text is untouched.", icon=":material/warning:")
    mine = editing.read_draft(st.session_state[edit.key], keep_id=edit.id).document
    changes = diff(state.document, mine if mine is not None else edit.base)
    if changes:
        sides = {"Theirs": [_plain(c["old"]) for c in changes], "Yours": [_plain(c["new"]) for c in changes]}
        st.table(pd.DataFrame(sides, index=[_plain(c["field"]) for c in changes], dtype="str"), border="horizontal")
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Keep mine", help="Your text will replace theirs when you save.", on_click=lambda: _rebase(edit, state)
        )
        st.button("Take theirs", help="Drop your text and edit theirs.", on_click=lambda: _take(edit, state))


def _rebase(edit: Edit, state: DocumentState) -> None:
    st.session_state.pop(_OUTCOME, None)
    st.session_state[_EDIT] = msgspec.structs.replace(edit, base_offset=state.offset, base=state.document, follows=None)


def _take(edit: Edit, state: DocumentState) -> None:
    st.session_state.pop(edit.key, None)
    st.session_state.pop(_OUTCOME, None)
    st.session_state[_EDIT] = Edit(edit.collection, edit.id, state.offset, state.document, round=edit.round + 1)


def _recreate(edit: Edit) -> None:
    draft = editing.read_draft(st.session_state[edit.key], keep_id=edit.id)
    if draft.document is None:
        return
    st.session_state[_OUTCOME] = outcome = write("created", edit.collection, draft.document, expected_offset=None)
    if outcome.is_stored or outcome.is_kept:
        st.session_state.pop(_EDIT, None)


def _delete_button(collection: str, state: DocumentState) -> None:
    reason = why_not("delete", collection, state.document)
    with st.popover("Delete", icon=":material/delete:", disabled=reason is not None, help=reason):
        st.markdown(f"Delete **{_plain(state.id)}**? It goes from every open page; its history stays.")
        st.button("Delete document", type="primary", on_click=_deleter(collection, state))


def _deleter(collection: str, state: DocumentState) -> Callable[[], None]:
    def delete() -> None:
        outcome = write("deleted", collection, {"id": state.id}, expected_offset=state.offset)
        st.session_state[_OUTCOME] = outcome
        if outcome.is_stored:
            close()

    return delete


def _outcome() -> None:
    """Tell what became of the last write: saving, saved, or refused and why."""
    outcome = st.session_state.get(_OUTCOME)
    if not isinstance(outcome, Outcome):
        return
    if outcome.is_kept:
        return  # the strip above shows what becomes of it
    if outcome.future is not None:
        _saving()
    elif outcome.is_stored:
        st.caption(":green[:material/check_circle:] Saved. Every open page has it.")
    else:
        st.error(f"Not saved. {_plain(outcome.reason)}", icon=":material/error:")


@st.fragment(run_every=1)
def _saving() -> None:
    outcome = settle(st.session_state[_OUTCOME])
    if outcome.future is None:
        st.session_state[_OUTCOME] = outcome
        if outcome.is_stored:
            st.session_state.pop(_EDIT, None)
        st.rerun()
    st.caption(":material/sync: Saving … waiting for the gateway's word. You can go on working.")


def _was_here(identifier: str) -> bool:
    return st.session_state.get("tideboard.seen") == identifier


def _plain(text: Any) -> str:
    """Escape what Markdown would read as its own: ids and names come from events."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#+-.!|~$:" else sign for sign in brief(text, limit=160))
