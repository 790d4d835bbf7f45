"""The only door to Streamlit: live views, live fragments, hooks, the badge, and the components that draw them.

No rendering of values and no logic about events in here (realtime.views, realtime.store): this room mounts and wires.
"""

from __future__ import annotations

from realtime.notifications.notices import Notice
from realtime.ui.activity_hook import use_user_activity
from realtime.ui.badge import autorefresh_fallback, connection_badge, is_channel_blocked
from realtime.ui.components import ASSETS_FOLDER
from realtime.ui.hold import is_realtime, realtime_toggle, set_realtime
from realtime.ui.hooks import use_connection_status, use_realtime_collections, use_realtime_data
from realtime.ui.live_fragment import live
from realtime.ui.notifications_hook import use_notifications
from realtime.ui.panels import live_view
from realtime.ui.tracking import track_action

__all__ = [
    "ASSETS_FOLDER",
    "Notice",
    "autorefresh_fallback",
    "connection_badge",
    "is_channel_blocked",
    "is_realtime",
    "live",
    "live_view",
    "realtime_toggle",
    "set_realtime",
    "track_action",
    "use_connection_status",
    "use_notifications",
    "use_realtime_collections",
    "use_realtime_data",
    "use_user_activity",
]
