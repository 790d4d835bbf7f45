"""The only door to Streamlit: live views, live fragments, hooks, the badge, and the components that draw them.

No rendering of values and no logic about events in here (realtime.views, realtime.store): this room mounts and wires.
"""

from __future__ import annotations

from realtime.ui.panels import live_view

__all__ = ["live_view"]
