"""Works out what nobody can bring back after a load: what the feed will never show. Pure.

Documents come whole with the snapshot, and what the loaded history covers isn't lost: never claimed when nothing was.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from realtime.client.steps import Lost
from realtime.protocol.frames import Publication
from realtime.protocol.positions import Position


def lost_between(
    reached: Position | None,
    loaded: Position,
    *,
    channel: str,
    known: Sequence[Publication],
    since: float,
    until: float,
) -> list[Lost]:
    """Return each hole between the position `reached` and the one `loaded`.

    `known` is what came along, oldest first, up to the position loaded. `since` is when the last event before was
    stored, `until` the present (Unix seconds). Without a position reached, the feed begins with the oldest of `known`.
    """
    is_new_life = reached is not None and reached.epoch != loaded.epoch
    start = 0 if is_new_life else _start(reached, loaded, known)
    fresh = [one for one in known if one.offset > start]
    moments = {one.offset: one.time / 1000 for one in fresh if one.time}
    holes = _holes([start, *(one.offset for one in fresh), loaded.offset + 1])
    if is_new_life and not holes and reached is not None and reached.offset > 0:
        holes = [(0, 0)]  # nobody knows how the old life went on
    lost = []
    for first, last in holes:
        begin = moments.get(first - 1, since)
        end = max(moments.get(last + 1, until), begin)
        count = None if is_new_life else last - first + 1
        lost.append(Lost(channel, is_new_life, first, last, count, begin, end))
    return lost


def _start(reached: Position | None, loaded: Position, known: Sequence[Publication]) -> int:
    if reached is not None:
        return reached.offset
    return known[0].offset - 1 if known else loaded.offset


def _holes(offsets: Sequence[int]) -> list[tuple[int, int]]:
    """Return the ranges missing between rising offsets."""
    return [(before + 1, after - 1) for before, after in pairwise(offsets) if after > before + 1]
