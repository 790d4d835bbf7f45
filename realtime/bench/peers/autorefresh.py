"""A page that reruns once a second by streamlit-autorefresh. Nothing but the chart."""

from __future__ import annotations

from streamlit_autorefresh import st_autorefresh

from realtime.bench.peers.newest import draw

st_autorefresh(interval=1000, key="refresh")
draw()
