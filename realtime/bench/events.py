"""Makes the events a benchmark posts: numbered readings in a collection. Pure."""

from __future__ import annotations

from typing import Any, Final

from realtime.protocol.events import Envelope, encode_envelope

SOURCE: Final = "/tideboard/bench"
COLLECTION: Final = "bench"


def reading(number: int, *, run: str, collection: str = COLLECTION, filler: str = "") -> Envelope:
    """Return the event that adds reading `number`: a document whose `value` is the number itself.

    `run` keeps the readings of two runs apart. A chart of the newest readings by
    `value` then holds each number it shows.
    """
    document: dict[str, Any] = {"id": f"{run}-{number:07d}", "value": number}
    if filler:
        document["note"] = filler
    return Envelope(
        id=f"{run}-{number}",
        source=SOURCE,
        type="collection:created",
        specversion="1.0",
        data={"collection": collection, "document": document},
    )


def as_array(envelopes: list[Envelope]) -> bytes:
    """Encode events as the JSON array that POST /api/events takes."""
    return b"[" + b",".join(map(encode_envelope, envelopes)) + b"]"
