"""The page of the tiny app."""

import streamlit as st

from realtime.live.runtime import current
from realtime.ui import autorefresh_fallback, connection_badge, live, live_view, realtime_toggle
from realtime.views import connection, feed
from tests.ui.apps.demo_views import key_numbers, two_lines

assert connection is not None
st.set_page_config(layout="wide")


@live("collection:orders")
def counted() -> None:
    """Rerun alone when an order changes."""
    st.session_state["runs"] = st.session_state.get("runs", 0) + 1
    st.markdown(f"fragment saw {len(current().store.collection('orders').documents)} orders")
    st.text_input("Typed", key="typed")


st.session_state["whole"] = st.session_state.get("whole", 0) + 1
with st.sidebar:
    st.title("Tiny")
    connection_badge(interval_s=1.0)
    realtime_toggle()
    autorefresh_fallback(interval_s=1.0)
    st.button("Rerun")
    st.markdown(f"whole runs {st.session_state['whole']}")
live_view(key_numbers, options={"label": "Key numbers"})
left, right = st.columns(2)
with left:
    live_view(two_lines, height=300, options={"label": "Orders over time"}, key="chart")
with right:
    live_view(feed.newest, height=340, limit=20)
counted()
