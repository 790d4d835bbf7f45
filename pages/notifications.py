"""Notifications: the inbox, the preferences, the history."""

from realtime.ui.notices_parts import notifications_page

notifications_page()
