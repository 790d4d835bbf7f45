"""Signs people in by Streamlit's OpenID Connect, where [auth] is in .streamlit/secrets.toml; keeps all others out.

The gate stands before every page. Whoever asks who is at a page meanwhile (`signed_in`) is told the same.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import streamlit as st

from realtime.errors import StartError
from realtime.live.runtime import process
from realtime.ui.components import mount
from realtime.ui.goodbye import say_goodbye
from realtime.ui.noting import note_once, noter
from realtime.ui.standing import Person, TurnedAway, judge, person_id

_LOGO: Final = Path(__file__).parent / "brand.svg"
_KEYS: Final = ("client_id", "client_secret", "server_metadata_url")
_LEAST_COOKIE_SECRET: Final = 32
_WHERE: Final = ".streamlit/secrets.toml"
_HOUR_S: Final = 3600.0
WAY_COOKIE: Final = "tideboard_way"
_ARRIVED: Final = "tideboard.arrived"


class Way(msgspec.Struct, frozen=True):
    """A page and its parameters."""

    page: str
    query: dict[str, list[str]]


def check_sign_in() -> bool:
    """Tell whether sign-in is configured. Raises StartError, one sentence, when it is and can't work."""
    section = _section()
    if section is None:
        return False
    try:
        import authlib  # type: ignore[import-untyped]  # noqa: F401
    except ImportError as error:
        raise StartError(
            f"Sign-in is configured in {_WHERE}, but Authlib isn't installed; run `pip install 'streamlit[auth]'`."
        ) from error
    for key in ("redirect_uri", "cookie_secret"):
        if not section.get(key):
            raise StartError(f'[auth] in {_WHERE} lacks {key!r}; see docs/operations.md, "Signing people in".')
    if len(str(section["cookie_secret"])) < _LEAST_COOKIE_SECRET:
        raise StartError(
            f"'cookie_secret' in {_WHERE} needs 32 characters or more, for who guesses it can be anybody; "
            "`openssl rand -hex 32` prints some."
        )
    if not _providers(section):
        raise StartError(f"[auth] in {_WHERE} names no provider; give it {', '.join(_KEYS)}.")
    return True


def is_needed() -> bool:
    """Tell whether people have to sign in."""
    return "is_logged_in" in st.user


def is_welcome() -> bool:
    """Tell whether who is at this page may see it."""
    return not is_needed() or isinstance(_standing(), Person)


def gate(page: st.Page, pages: Iterable[st.Page]) -> None:
    """Let a page go on only for somebody who is signed in and may be here; else show why not, and stop.

    Whoever wanted another page before they had to sign in is led there.
    """
    if not is_needed():
        return
    standing = _standing()
    if isinstance(standing, Person):
        note_once("sign-in", actor=standing.id)
        _lead_on(page, pages)
        return
    if standing is not None:
        note_once("sign-in", actor="", outcome="refused", detail=standing.reason)
    _door(standing, page)
    st.stop()


def signed_in() -> Person | None:
    """Return who is signed in; None where nobody has to be. Whoever may not be here (any more) goes no further."""
    if not is_needed():
        return None
    standing = _standing()
    if not isinstance(standing, Person):
        st.stop()
    return standing


def signed_in_card(person: Person) -> None:
    """Show who is signed in, and the way out."""
    with st.container(border=True, key="signed-in", gap="small"):
        st.markdown(f":material/person: **{_escaped(person.name)}**")
        if person.id != person.name:
            st.text(person.id)
        st.button("Sign out", icon=":material/logout:", on_click=_leave, width="stretch", key="sign-out")


def _standing() -> Person | TurnedAway | None:
    """Say who is signed in, None for nobody."""
    claims = st.user.to_dict()
    if not claims.get("is_logged_in"):
        return None
    runtime = process()
    return judge(
        claims,
        now=time.time(),
        roles_claim=runtime.settings.token_roles_claim,
        life_s=runtime.settings.sign_in_hours * _HOUR_S,
        is_out=runtime.blocks.is_signed_out,
        is_blocked=lambda person, _: runtime.blocks.is_blocked(person),
    )


def _lead_on(page: st.Page, pages: Iterable[st.Page]) -> None:
    """Go where the cookie says, once in a session, from the page the identity provider leads to."""
    if st.session_state.setdefault(_ARRIVED, False):
        return
    st.session_state[_ARRIVED] = True
    way = _way(st.context.cookies.get(WAY_COOKIE))
    target = next((one for one in pages if way is not None and one.url_path == way.page), None)
    if way is not None and target is not None and target is not page and not page.url_path:
        st.switch_page(target, query_params=way.query)


def _way(kept: str | None) -> Way | None:
    """Read the cookie; what somebody else has written there is no way."""
    try:
        return None if kept is None else msgspec.json.decode(unquote(kept), type=Way)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _door(turned: TurnedAway | None, page: st.Page) -> None:
    way = Way(page.url_path, {name: st.query_params.get_all(name) for name in st.query_params})
    mount("door", {"way": msgspec.json.encode(way).decode()}, key="door-way")
    with st.container(horizontal_alignment="center", key="door"):
        st.space("xxlarge")
        with st.container(border=True, width=380, gap="medium"):
            _behind(turned)


def _behind(turned: TurnedAway | None) -> None:
    with st.container(gap="medium"):
        st.html(f'<img src="{_logo()}" width="150" alt="Tideboard">')  # st.image offers to enlarge it
        if turned is None:
            st.markdown("Sign in to see what is happening now.")
        else:
            st.warning(_escaped(turned.reason), icon=":material/lock:")
        if turned is None or turned.is_stale:
            _ways_in()
        else:
            st.button("Sign out", icon=":material/logout:", on_click=_leave, width="stretch", key="sign-out")


@cache
def _logo() -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(_LOGO.read_bytes()).decode()


def _ways_in() -> None:
    for provider in _providers(_section() or {}):
        name = "Sign in" if provider is None else f"Sign in with {provider.title()}"
        st.button(
            name, key=f"sign-in-{provider}", type="primary", icon=":material/login:", width="stretch",
            on_click=st.login, args=(provider,),
        )  # fmt: skip


def _leave() -> None:
    """Sign out, have that noted, and be gone from who is here at once."""
    person = person_id(st.user.to_dict()) or ""
    noter(person)("sign-out")
    say_goodbye(person)
    st.logout()


def _section() -> Mapping[str, Any] | None:
    try:
        section = st.secrets.get("auth")
    except FileNotFoundError:  # Streamlit's own kind of it: there is no secrets.toml
        return None
    return section if isinstance(section, Mapping) else None


def _providers(section: Mapping[str, Any]) -> list[str | None]:
    """Name the providers there are; None is the one that needs no name."""
    named = [name for name, value in section.items() if isinstance(value, Mapping) and _is_whole(value)]
    return [*([None] if _is_whole(section) else []), *named]


def _is_whole(section: Mapping[str, Any]) -> bool:
    return all(section.get(key) for key in _KEYS)


def _escaped(text: str) -> str:
    """Let text from elsewhere stand for itself in Markdown."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]()#+-.!|<>~:$&" else letter for letter in text)
