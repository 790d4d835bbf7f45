"""Health: how the connection lives, how events get here, how the app itself is doing."""

from realtime.ui.health_parts import health_page

health_page()
