"""What a page shows before anything has arrived: the one command that changes that."""

from __future__ import annotations

import streamlit as st

from realtime.live.runtime import current
from realtime.ui.place import origin

_BODY = '{"id": "order-1", "customer": "Ada", "amount": 42.5, "state": "open"}'


def first_command(base: str, *, needs_token: bool = False) -> str:
    """Write the curl command that adds the first document through `base` (`http://host:port`)."""
    return (
        f"curl -X POST {base}/api/collections/orders/documents \\\n"
        + ('  -H "Authorization: Bearer $(python -m realtime token --role ingest)" \\\n' if needs_token else "")
        + "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{_BODY}'"
    )


def may_add() -> bool:
    """Tell whether who is at the page may add documents anywhere."""
    permission = current().permission
    return permission.may("create") or permission.may("ingest")


def first_event_panel() -> None:
    """Invite to add the first document, with the exact command for this server."""
    with st.container(border=True, key="first-event"):
        st.subheader("Nothing here yet", icon=":material/waves:")
        if may_add():
            st.markdown("Add your first document from a terminal. This page shows it by itself, at once.")
            st.code(first_command(origin(), needs_token=current().settings.is_guarded), language="bash")
        st.caption(":material/hourglass_empty: Waiting for the first event …")
