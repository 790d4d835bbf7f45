"""Sign-in that can't work is said at the start, in one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.runtime.secrets import secrets_singleton

from realtime.errors import StartError
from realtime.ui.sign_in import check_sign_in

GOOD = {
    "redirect_uri": "http://127.0.0.1:8501/oauth2callback", "cookie_secret": "c" * 32, "client_id": "c",
    "client_secret": "s", "server_metadata_url": "https://id.example/.well-known/openid-configuration",
}  # fmt: skip


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have Streamlit read secrets from nowhere but a file of this test."""
    path = tmp_path / "secrets.toml"
    before = st.get_option("secrets.files")
    st._config.set_option("secrets.files", [str(path)])
    secrets_singleton._reset()
    yield path
    st._config.set_option("secrets.files", before)
    secrets_singleton._reset()


def write(path: Path, **changes: str | None) -> None:
    """Write an [auth] section; None leaves a key out."""
    kept = {key: value for key, value in (GOOD | changes).items() if value is not None}
    path.write_text("[auth]\n" + "".join(f'{key} = "{value}"\n' for key, value in kept.items()))


def test_without_secrets_nobody_has_to_sign_in(alone: Path) -> None:
    """Nor with secrets of other things."""
    assert not check_sign_in()
    alone.write_text('[other]\nkey = "value"\n')
    assert not check_sign_in()


def test_a_whole_section_is_good(alone: Path) -> None:
    """One provider that needs no name, or named ones."""
    write(alone)
    assert check_sign_in()
    write(alone, client_id=None, client_secret=None, server_metadata_url=None)
    with alone.open("a") as file:
        file.write('[auth.okta]\nclient_id = "c"\nclient_secret = "s"\nserver_metadata_url = "https://id.example/"\n')
    secrets_singleton._reset()
    assert check_sign_in()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redirect_uri": None}, "lacks 'redirect_uri'"),
        ({"cookie_secret": None}, "lacks 'cookie_secret'"),
        ({"cookie_secret": "short"}, "32 characters or more"),
        ({"client_secret": None}, "names no provider"),
    ],
)
def test_what_is_missing_is_said(alone: Path, changes: dict[str, str | None], words: str) -> None:
    """In one sentence that names it."""
    write(alone, **changes)
    with pytest.raises(StartError, match=words) as refused:
        check_sign_in()
    assert "\n" not in str(refused.value)


def test_without_authlib_it_says_how_to_get_it(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit leaves it to an extra."""
    write(alone)
    monkeypatch.setitem(sys.modules, "authlib", None)
    with pytest.raises(StartError, match=r"streamlit\[auth\]"):
        check_sign_in()
