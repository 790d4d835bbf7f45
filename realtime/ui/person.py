"""Says who is at this page: who signed in, or the name they chose. The only place that knows; all else asks here.

Without sign-in a name is a courtesy, not a proof, kept in a cookie: anybody may choose any. Whoever chose none is the
local person.
"""

from __future__ import annotations

from typing import Final, TypedDict
from urllib.parse import unquote

import streamlit as st

from realtime.live.runtime import process
from realtime.notifications.text import clean
from realtime.protocol.events import LOCAL_PERSON
from realtime.ui.session import session_key
from realtime.ui.sign_in import signed_in, signed_in_card
from realtime.ui.standing import LONGEST_NAME, Person

__all__ = ["COOKIE", "LOCAL", "LONGEST_NAME", "Person", "current_person", "named", "person_envelope", "person_field"]

COOKIE: Final = "tideboard_person"
_CHOSEN: Final = "tideboard.person"
_FIELD: Final = "tideboard.person-name"


LOCAL: Final = Person(LOCAL_PERSON, "You")


class PersonEnvelope(TypedDict):
    """What panels are told. `turn` rises with every choice; `chosen` is what the cookie keeps, empty for nothing.

    `tab` names the tab they are at, which counts as idle after `idleSeconds` without input.
    """

    id: str
    chosen: str
    turn: int
    tab: str
    idleSeconds: float


def named(text: str) -> Person:
    """Return the person of a chosen name; the local one when nothing that can be read is left of it."""
    name = " ".join(clean(text).split())[:LONGEST_NAME].strip()
    return Person(name, name) if name else LOCAL


def current_person() -> Person:
    """Return who is at this session's page; one who signed in and may not be here any more goes no further."""
    return signed_in() or _choice()[0]


def person_envelope() -> PersonEnvelope:
    """Return who is at this page, for a panel's data."""
    known = signed_in()
    person, turn = (known, 0) if known is not None else _choice()
    return PersonEnvelope(
        id=person.id, chosen="" if known is not None or person == LOCAL else person.name, turn=turn, tab=session_key(),
        idleSeconds=process().settings.presence_idle_s,
    )  # fmt: skip


def person_field() -> None:
    """Draw who signed in, or the field in which a person says their name; an empty one makes them the local one."""
    person = current_person()
    if signed_in() is not None:
        signed_in_card(person)
        return
    st.session_state[_FIELD] = "" if person == LOCAL else person.name
    st.text_input(
        "Your name", key=_FIELD, on_change=_chosen, placeholder="You", max_chars=LONGEST_NAME, icon=":material/person:",
        help="Stands beside what you change and in who is here. Kept in this browser.",
    )  # fmt: skip


def _choice() -> tuple[Person, int]:
    if _CHOSEN not in st.session_state:
        kept = st.context.cookies.get(COOKIE)
        st.session_state[_CHOSEN] = (named(unquote(kept) if isinstance(kept, str) else ""), 0)
    choice: tuple[Person, int] = st.session_state[_CHOSEN]
    return choice


def _chosen() -> None:
    st.session_state[_CHOSEN] = (named(str(st.session_state[_FIELD] or "")), _choice()[1] + 1)
