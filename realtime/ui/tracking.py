"""Notes what people do here: what they look at, and what a page says they did. Who is here: realtime.live.attendance.

Everything here is free of waiting: facts are handed over, and told as events by a thread of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import streamlit as st

from realtime.errors import EventError
from realtime.live.runtime import current
from realtime.store import Looking
from realtime.ui.goodbye import has_said_goodbye
from realtime.ui.person import Person, current_person
from realtime.ui.session import session_key, subscriptions

LONGEST_ACTION: Final = 80
LARGEST_METADATA_BYTES: Final = 4096
COLLECTIONS: Final = "Collections"
_SEATED: Final = "tideboard.seated"


def track_action(action: str, metadata: Mapping[str, Any] | None = None) -> None:
    """Record what the person at this page did, as a `user:activity` event. Returns at once.

    `metadata` is a small JSON object; `page`, `collection` and `document` in it say what it was about. What a person
    does beyond a burst of twenty and one in two seconds isn't told. Raises EventError, one sentence, for what can't be.
    """
    if not isinstance(action, str) or not action.strip() or len(action) > LONGEST_ACTION:
        raise EventError("bad_data", f"An action is a text of 1 to {LONGEST_ACTION} characters, such as 'export'.")
    told = _checked(metadata or {})
    attendance = current().attendance
    if attendance is not None:
        _be_seated(current_person())
        attendance.did(current_person().id, action.strip(), told)


def recorder() -> Callable[[str, Mapping[str, Any]], None]:
    """Return what `track_action` does, for the person at this page now, but callable outside a page's script."""
    attendance, person = current().attendance, current_person().id

    def record(action: str, metadata: Mapping[str, Any]) -> None:
        if attendance is not None:
            attendance.did(person, action, _checked(metadata))

    return record


def note_view(page: str, *, collection: str = "", document: str = "") -> None:
    """Note what this tab shows; the same again changes nothing. Call it in every run that shows something."""
    attendance = current().attendance
    if attendance is None:
        return
    person = current_person()
    _be_seated(person)
    attendance.looked(session_key(), person.id, Looking(page, collection, document))


def note_page(page: str) -> None:
    """Note which page this tab shows, by its title; which collection and document, the Collections page says itself."""
    if page != COLLECTIONS or not current().store.collections():
        note_view(page)


def _be_seated(person: Person) -> None:
    """Count this tab by its session; where it has a live channel that alone counts, and this changes nothing."""
    attendance, key = current().attendance, session_key()
    if attendance is None or has_said_goodbye(person.id):
        return
    before: str | None = st.session_state.get(_SEATED)
    if before is not None and before != person.id:
        attendance.left(key, before)
    attendance.seated(key, person.id)
    if before != person.id:
        st.session_state[_SEATED] = person.id
        subscriptions().keep(_SEATED, lambda: lambda: attendance.unseated(key, person.id))


def _checked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return metadata as plain JSON, so that nothing can change it later."""
    try:
        encoded = msgspec.json.encode(dict(metadata))
        told = msgspec.json.decode(encoded)
    except (TypeError, ValueError, RecursionError) as error:
        raise EventError("bad_data", f"The metadata of an action is a JSON object: {error}.") from None
    if len(encoded) > LARGEST_METADATA_BYTES:
        raise EventError(
            "bad_data", f"The metadata of an action has {len(encoded):,} bytes; {LARGEST_METADATA_BYTES:,} are taken."
        )
    checked: dict[str, Any] = told
    return checked
