"""Casts views to tabs: who shows what, render once, encode once, send. Starlette's side, with tickets and hidden tabs.

No Streamlit in here, and no rendering: views are pure functions of realtime.views; realtime.ui mounts what draws them.
Threads: the caster renders on its own thread; everything that touches the hub runs on the event loop.
"""

from realtime.live.caster import Cast, Caster
from realtime.live.live import Live
from realtime.live.runtime import Runtime, current, install, uninstall
from realtime.live.tickets import Tickets

__all__ = ["Cast", "Caster", "Live", "Runtime", "Tickets", "current", "install", "uninstall"]
