"""Casts views to tabs: who shows what, render once, encode once, send. Starlette's side, with tickets and hidden tabs.

No Streamlit in here, and no rendering: views are pure functions of realtime.views; realtime.ui mounts what draws them.
Threads: the caster renders on its own thread; everything that touches the hub runs on the event loop.
"""
