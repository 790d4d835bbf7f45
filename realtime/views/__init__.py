"""Pure functions: store snapshot + parameters -> what a panel shows (a Plotly figure, rows, numbers).

No time, random, socket, threading, asyncio or Streamlit in here: the caller brings `now`, and draws.
"""
