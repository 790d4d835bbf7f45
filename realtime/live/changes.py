"""One view of this room's own: which topics changed, not what is in them. Live fragments listen to it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime.views.registry import Value, view

if TYPE_CHECKING:
    from realtime.store import Store


def _named(topics: list[str]) -> tuple[str, ...]:
    return tuple(topics)


@view(kind="record", topics=_named)
def changed(store: Store, *, now: float, topics: list[str]) -> Value:  # noqa: ARG001 - every view is told the time
    """Render the topics' versions; it differs whenever one of them changed."""
    return {"versions": {topic: store.version(topic) for topic in topics}}
