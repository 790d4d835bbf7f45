"""Overview: what happens now, in numbers, over time, by collection, and event by event."""

from realtime.ui.overview_parts import overview_page

overview_page()
