"""Headings of panels, tight enough for a dense page, with room for controls beside them."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def panel_heading(text: str) -> DeltaGenerator:
    """Show a panel's heading; what is put into the returned container stands at its right."""
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    row.subheader(text, width="stretch", anchor=False)
    return row
