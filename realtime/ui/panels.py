"""Mounts a view on a page so that it follows the store with no rerun. Draws nothing itself: the component does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from realtime.live.runtime import current
from realtime.live.tickets import channel_of
from realtime.ui.components import mount
from realtime.ui.hold import hold_envelope
from realtime.ui.person import current_person, person_envelope
from realtime.views.registry import View, lookup


def live_view(
    view: View | str,
    *,
    key: str | None = None,
    height: int | None = None,
    options: Mapping[str, Any] | None = None,
    on: Mapping[str, Callable[[], None]] | None = None,
    **parameters: Any,
) -> Any:
    """Show a view that stays current by itself: the page's script isn't run again for it.

    `parameters` go to the view and must be JSON values. `height` is in pixels; None lets the content decide.
    `options` reach the component as `data.options` (how to draw, not what). `on` maps names of the component's
    states and triggers to callbacks, e.g. `{"selected": remember}`. Returns Streamlit's component result, whose
    attributes are those states. Give a `key` to keep the component's DOM when `parameters` change; without one,
    other parameters are another panel. Raises NotRunning, and TicketError when no view has that name.
    """
    found = view if isinstance(view, View) else lookup(view)
    runtime = current()
    cast = runtime.caster_of(found, parameters).current(found, parameters, person=current_person().id)
    data = {
        "view": found.name,
        "kind": found.kind,
        "channel": cast.channel,
        "ticket": cast.ticket,
        "value": cast.value,
        "version": cast.version,
        "epoch": cast.epoch,
        "height": height,
        "options": dict(options or {}),
        "hold": hold_envelope(),
        "person": person_envelope(),
    }
    return mount(found.kind, data, key=key or default_key(found, parameters), on=on)


def default_key(view: View, parameters: Mapping[str, Any]) -> str:
    """Name a panel after its view and parameters, the same on every run."""
    return f"tideboard.{view.name}:{channel_of(view.name, parameters).rpartition(':')[2]}"
