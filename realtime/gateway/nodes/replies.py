"""Says what the scripts answer (lua/*.lua), as msgpack arrays. Values only."""

from __future__ import annotations

import msgspec


class Adopted(msgspec.Struct, array_like=True, frozen=True):
    """How a server is used, by `status`: known | new | waiting | fill.

    Known or new: under which seed, and how far its feed is. Waiting: it isn't yet, since nodes offer what it has lost,
    or one puts it back. Fill: that one is this. `was` is the seed that what is there was stored under.
    """

    status: str
    seed: str
    term: int
    seq: int
    was: str | bool

    @property
    def is_settled(self) -> bool:
        """Tell whether it may be read and written."""
        return bool(self.seed)


class ChannelAt(msgspec.Struct, array_like=True, frozen=True):
    """A channel's top, up to where it is trimmed, and how many documents it has."""

    name: str
    top: int
    trimmed_to: int
    documents: int


class Overview(msgspec.Struct, array_like=True, frozen=True):
    """All channels at one moment, and up to where inboxes are folded."""

    is_adopted: bool
    seed: str
    term: int
    seq: int
    channels: list[ChannelAt]
    folded: list[tuple[str, int]]
    lineage: str = ""
    generation: int = 0


class SideAt(msgspec.Struct, array_like=True, frozen=True):
    """Small tables as they stand; `token` says whether they have changed."""

    token: str
    seed: str
    seq: int
    tops: list[tuple[str, int]]
    packed: msgspec.Raw


class Told(msgspec.Struct, array_like=True, frozen=True):
    """An event as the feed tells it."""

    channel: str
    offset: int
    time_ms: int
    raw: str


class Commit(msgspec.Struct, array_like=True, frozen=True):
    """What one commit has changed, as the feed tells it: whose it is, and what.

    `judgement` is what judging for notices keeps, as lua/_judging.lua takes it; an empty text where nothing was kept.
    """

    node: str
    number: int
    events: list[Told]
    channels: list[ChannelAt]
    folded: list[tuple[str, int]]
    judgement: msgspec.Raw = msgspec.Raw(b"\xa0")


class PlaceOf(msgspec.Struct, array_like=True, frozen=True):
    """Where an event is, now or since earlier."""

    channel: str
    offset: int
    time_ms: int
    is_repeat: bool


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """What became of one append: places, or at which offset the document is that was expected elsewhere."""

    is_stored: int
    places: list[PlaceOf] = []
    actual: int | None = None


class Buried(msgspec.Struct, array_like=True, frozen=True):
    """A dead letter."""

    consumer: str
    reason: str
    channel: str
    offset: int


class Written(msgspec.Struct, array_like=True, frozen=True):
    """What became of a commit. `seq` is where the feed is then, whether it tells or not."""

    seq: int
    seed: str
    outcomes: list[Outcome]
    buried: list[Buried]
    has_told: bool


class EntryAt(msgspec.Struct, array_like=True, frozen=True):
    """An event as a stream holds it."""

    offset: int
    raw: str
    time_ms: int
    document_id: str | bool


class RecordsPart(msgspec.Struct, array_like=True, frozen=True):
    """Chosen events of a stream that are still there. `seed`: empty while not everything is there."""

    seed: str
    entries: list[EntryAt]


class StreamPart(msgspec.Struct, array_like=True, frozen=True):
    """A part of a stream. `is_covered`: nothing is missing between the position asked for and the top."""

    seed: str
    top: int
    trimmed_to: int
    is_covered: bool
    entries: list[EntryAt]


class DocumentHistory(msgspec.Struct, array_like=True, frozen=True):
    """Events of one document, newest first."""

    seed: str
    top: int
    trimmed_to: int
    entries: list[EntryAt]


class DocumentsPart(msgspec.Struct, array_like=True, frozen=True):
    """A part of a collection: each document behind its offset and a space."""

    seed: str
    top: int
    documents: list[str]
    last: str | bool
    has_more: bool


class OwedAt(msgspec.Struct, array_like=True, frozen=True):
    """A critical event that a consumer is owed; `raw` where it was asked for."""

    channel: str
    offset: int
    time_ms: int
    raw: str


class OwedPart(msgspec.Struct, array_like=True, frozen=True):
    """What a consumer is owed."""

    seed: str
    found: list[OwedAt]


class LedgerReply(msgspec.Struct, array_like=True, frozen=True):
    """What became of a change to the ledger."""

    found: bool | list[tuple[str, int, int]]
    buried: list[Buried]
