"""Says in the words of the scripts what an event does to a document. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from realtime.gateway.records import Accepted
from realtime.protocol.events import CollectionCreated, CollectionDeleted, CollectionUpdated

_PUT, _DELETE, _NOTHING = 1, 2, 0
_ENCODER: Final = msgspec.json.Encoder()


def event_row(accepted: Accepted) -> tuple[str | bool, int, str]:
    """Return which document an event is about or False, whether it puts (1) or deletes (2) it, and the document."""
    event, identifier = accepted.event, accepted.document_id
    if identifier is None:
        return False, _NOTHING, ""
    if isinstance(event, CollectionCreated | CollectionUpdated):
        return identifier, _PUT, _ENCODER.encode(event.document).decode()
    return identifier, _DELETE if isinstance(event, CollectionDeleted) else _NOTHING, ""
