"""Pure functions: store snapshot + parameters -> what a panel shows (a Plotly figure, rows, numbers).

No time, random, socket, threading, asyncio or Streamlit in here: the caller brings `now`, and draws.
"""

# A tab may come back with a ticket before any page has run in this process: every view has to be known by then.
from realtime.views import (
    activity,
    collections,
    connection,
    feed,
    flags,
    health,
    health_charts,
    health_lists,
    notices,
    notices_centre,
    outbox,
    overview,
    people,
    record,
)

__all__ = [
    "activity",
    "collections",
    "connection",
    "feed",
    "flags",
    "health",
    "health_charts",
    "health_lists",
    "notices",
    "notices_centre",
    "outbox",
    "overview",
    "people",
    "record",
]
