"""A page whose chart is a fragment that reruns four times a second. Nothing but the chart."""

from __future__ import annotations

import streamlit as st

from realtime.bench.peers.newest import draw

st.fragment(draw, run_every=0.25)()
