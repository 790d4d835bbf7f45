"""Tells how the app stands to the gateway, for the badge in the sidebar. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from realtime.protocol.events import ConnectionEstablished, ConnectionLost, ConnectionRestored
from realtime.views import outbox
from realtime.views.registry import Value, view
from realtime.views.words import Tone

if TYPE_CHECKING:
    from realtime.store import Store

# state -> shape, word, tone (UX.md "Live and paused": always shape + word + colour)
_LOOKS: Final[dict[str, tuple[str, str, Tone]]] = {
    "connected": ("●", "Live", "good"),
    "syncing": ("⟳", "Catching up", "info"),
    "connecting": ("◌", "Connecting", "info"),
    "reconnecting": ("▲", "Reconnecting", "warn"),
    "disconnected": ("■", "Offline", "bad"),
    "refused": ("■", "Refused", "bad"),
}
_LINK_TYPES: Final = (ConnectionEstablished.TYPE, ConnectionLost.TYPE, ConnectionRestored.TYPE)
_TRANSPORTS: Final = {"websocket": "WebSocket", "polling": "Polling", "http": "Polling"}


@view(kind="connection", topics=("connection", "outbox"), refresh_s=1.0)
def badge(store: Store, *, now: float) -> Value:
    """Render state, transport, lag and last event. Times are unix milliseconds, as JavaScript counts them.

    `lostAt` is set while there is no link after there was one, `staleSince` once that lasts so long that every panel
    has to say so; `toSend` and `refused` count what is in the outbox.
    """
    status = store.connection
    symbol, word, tone = _LOOKS.get(str(status.state), ("■", "Offline", "bad"))
    if status.is_connected and status.transport in ("polling", "http"):
        symbol, word, tone = "◆", f"Polling every {status.poll_s or 2:g} s", "warn"
    is_up = status.connected_since is not None
    return {
        "state": str(status.state),
        "word": word,
        "symbol": symbol,
        "tone": tone,
        "transport": _TRANSPORTS.get(status.transport, status.transport) if is_up else None,
        "lagMs": None if status.lag_s is None else round(status.lag_s * 1000, 1),
        "lastEventAt": _ms(status.last_event_at),
        "since": _ms(status.since or None),
        "connectedSince": _ms(status.connected_since),
        "attempt": status.attempts,
        "nextDialAt": _ms(status.next_dial_at),
        "reason": None if status.is_connected else status.reason,
        "sequence": store.sequence,
        "lostAt": _ms(stale_since(store, now=now, after_s=0.0)),
        "staleSince": _ms(stale_since(store, now=now)),
        "toSend": outbox.count(store),
        "refused": outbox.count(store, is_refused=True),
    }


def _ms(moment: float | None) -> int | None:
    return None if moment is None else round(moment * 1000)


def stale_since(store: Store, *, now: float, after_s: float = 5.0) -> float | None:
    """Return since when what is shown is no longer current, None while it is, or was up to `after_s` ago."""
    if store.connection.is_connected:
        return None
    newest = store.feed(limit=1, channels=("connection",), types=_LINK_TYPES)
    if not newest or newest[0].envelope.type != ConnectionLost.TYPE:
        return None  # there was no link yet, or it is being checked: nothing has been missed
    lost_at = newest[0].received_at
    return lost_at if now - lost_at >= after_s else None
