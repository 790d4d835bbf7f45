"""Tells how the app stands to the gateway, for the badge in the sidebar. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from realtime.views.registry import Value, view
from realtime.views.words import Tone

if TYPE_CHECKING:
    from realtime.store import ConnectionStatus, Store

# state -> shape, word, tone (UX.md "Live and paused": always shape + word + colour)
_LOOKS: Final[dict[str, tuple[str, str, Tone]]] = {
    "connected": ("●", "Live", "good"),
    "syncing": ("⟳", "Catching up", "info"),
    "connecting": ("◌", "Connecting", "info"),
    "reconnecting": ("▲", "Reconnecting", "warn"),
    "disconnected": ("■", "Offline", "bad"),
    "refused": ("■", "Refused", "bad"),
}
_TRANSPORTS: Final = {"websocket": "WebSocket", "polling": "Polling", "http": "Polling"}


@view(kind="connection", topics=("connection",), refresh_s=5.0)
def badge(store: Store, *, now: float) -> Value:  # noqa: ARG001  # every view is given the time
    """Render state, transport, lag and last event. Times are unix milliseconds, as JavaScript counts them."""
    status = store.connection
    symbol, word, tone = _LOOKS.get(str(status.state), ("■", "Offline", "bad"))
    if status.is_connected and status.transport in ("polling", "http"):
        symbol, word, tone = "◆", "Polling", "warn"
    return {
        "state": str(status.state),
        "word": word,
        "symbol": symbol,
        "tone": tone,
        "transport": _TRANSPORTS.get(status.transport, status.transport),
        "lagMs": None if status.lag_s is None else round(status.lag_s * 1000, 1),
        "lastEventAt": _ms(status.last_event_at),
        "since": _ms(status.since or None),
        "connectedSince": _ms(status.connected_since),
        "attempt": status.attempts,
        "nextDialAt": _ms(status.next_dial_at),
        "reason": None if status.is_connected else status.reason,
        "sequence": store.sequence,
    }


def _ms(moment: float | None) -> int | None:
    return None if moment is None else round(moment * 1000)


def is_offline(status: ConnectionStatus, *, now: float, after_s: float = 5.0) -> bool:
    """Tell whether the link has been down long enough that what is shown must be called old."""
    return not status.is_connected and now - status.since > after_s
