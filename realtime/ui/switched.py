"""Says what an operator has switched off, as far as it concerns who is at the page."""

from __future__ import annotations

from realtime.ui.panels import live_view
from realtime.ui.person import current_person
from realtime.views import flags

_KEY = "tideboard.switched"


def switched_notice() -> None:
    """Show a line for each thing that is switched off; nothing while everything is as usual."""
    live_view(flags.switched, key=_KEY, person=current_person().id)
