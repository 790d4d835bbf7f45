"""Keeps the view in the URL: a copied link or a reload opens the same one. What it means: realtime.views.urls."""

from __future__ import annotations

from typing import Any

import msgspec
import streamlit as st

from realtime.views.urls import Place, read_place, write_place


def here() -> Place:
    """Return the place the URL stands for."""
    return read_place(st.query_params)


def go(**changes: Any) -> None:
    """Change parts of the place; parameters that aren't the place's (a toggle's) stay as they are."""
    old, new = write_place(here()), write_place(msgspec.structs.replace(here(), **changes))
    for name in old.keys() - new.keys():
        del st.query_params[name]
    for name, text in new.items():
        if old.get(name) != text:
            st.query_params[name] = text


def zone() -> str:
    """Name the reader's time zone as the browser told it; UTC when it didn't."""
    return st.context.timezone or "UTC"


def base_path() -> str:
    """Return the path that everything is under, such as `/board`; empty for none."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{base}" if base else ""


def origin() -> str:
    """Return the address the reader opened, up to the base path: what a curl command on their machine has to call."""
    url = st.context.url or ""
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0] or st.context.headers.get("Host", "")
    return f"{scheme or 'http'}://{host or '127.0.0.1:8501'}{base_path()}"
