"""Activity: what happens, event by event or grouped, and who is here."""

from realtime.ui.activity_parts import activity_page

activity_page()
