"""Views of the tiny app: every kind this room draws, over a store that the test fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from realtime.views.registry import view

if TYPE_CHECKING:
    from realtime.store import Store

POINTS = 200


@view(kind="chart", topics=("collection:orders",))
def two_lines(store: Store, *, now: float, points: int = POINTS) -> dict[str, Any]:
    """Draw the last orders' values and their doubles."""
    recent = list(reversed(store.recent("orders", points)))
    times = [str(state.document["at"]) for state in recent]
    values = [state.document["value"] for state in recent]
    return {
        "data": [
            {"type": "scatter", "mode": "lines", "name": "value", "x": times, "y": values},
            {"type": "scatter", "mode": "lines", "name": "double", "x": times, "y": [value * 2 for value in values]},
        ],
        "layout": {
            "uirevision": "constant",
            "hovermode": "closest",
            "margin": {"l": 40, "r": 10, "t": 30, "b": 30},
            "legend": {"orientation": "h", "y": 1.15},
        },
    }


@view(kind="numbers", topics=("collection:orders",))
def key_numbers(store: Store, *, now: float) -> dict[str, Any]:
    """Show how many orders there are and the newest value."""
    recent = [state.document["value"] for state in reversed(store.recent("orders", 30))]
    count = len(store.collection("orders").documents)
    newest = recent[-1] if recent else 0
    return {
        "numbers": [
            {"key": "count", "label": "Orders", "text": f"{count:,}", "value": count, "delta": 0.12,
             "deltaText": "12 % on the hour before", "tone": "good", "spark": recent, "help": "All orders"},
            {"key": "newest", "label": "Newest value", "text": f"{newest}", "value": newest, "delta": -1,
             "deltaText": "1 less", "tone": "warn", "spark": recent[-10:], "help": "The newest"},
            {"key": "errors", "label": "Errors", "text": "0", "value": 0, "delta": None,
             "deltaText": "none", "tone": "quiet", "spark": [], "help": "Errors"},
        ]
    }  # fmt: skip
