"""Registers the one v2 component that loads a panel's module from our own port, and mounts it. Draws nothing.

Why a shim: modules imported by address are loaded once per page, so all panels share one live channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import streamlit as st

from realtime.live.runtime import process
from realtime.ui.place import base_path

ASSETS_FOLDER: Final = Path(__file__).parent / "assets"
_MODULES: Final = {"connection": "badge", "person": "person_card"}  # kind -> module, where the names differ
_SHIM: Final = """
export default function (component) {
  const { data, setTriggerValue } = component
  const askForTicket = () => setTriggerValue("refused", Date.now())
  let cleanUp
  const mounted = import(new URL(data.module, document.baseURI).href).then(
    (module) => (cleanUp = module.mount({ ...component, data: { ...data, askForTicket } })),
    (error) => console.error("Tideboard: a panel's module can't be loaded; reload the page.", error),
  )
  return () => mounted.then(() => cleanUp?.())
}
"""

_PANEL: Final = st.components.v2.component("tideboard_panel", js=_SHIM)
# Plotly puts its style sheet into the document's head, which a shadow root doesn't see.
_CHART: Final = st.components.v2.component("tideboard_chart", js=_SHIM, isolate_styles=False)


def mount(
    kind: str,
    data: Mapping[str, Any],
    *,
    key: str,
    on: Mapping[str, Callable[[], None]] | None = None,
) -> Any:
    """Mount the panel of a kind; `assets/<kind>.js` draws it. `on` maps states and triggers to callbacks.

    Returns Streamlit's component result. Raises NotRunning.
    """
    module = base_path() + process().assets.url(f"{_MODULES.get(kind, kind)}.js")
    callbacks: dict[str, Any] = {f"on_{name}_change": callback for name, callback in (on or {}).items()}
    component = _CHART if kind == "chart" else _PANEL
    return component(key=key, data={**data, "module": module}, **callbacks)


def nothing() -> None:
    """Do nothing: a state or trigger only needs to be named for the rerun itself to do the work."""
