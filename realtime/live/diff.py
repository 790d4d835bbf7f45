"""Says how one JSON value became another, in fewer bytes than the new value. Pure; `assets/patch.js` applies it.

A patch is a list of steps, applied in order to the value as it was before the patch:

    ["s", path, value]   set what is at `path` (keys of objects, indexes of arrays) to `value`
    ["d", path]          delete the key at `path`
    ["r", path, runs]    replace the array at `path` by `runs`: [start, count] copies from the old array,
                         [[value, …]] brings new ones. It says "drop from the front, append", "prepend, drop from
                         the back", moves and removals alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec

Json: TypeAlias = Any
Step: TypeAlias = list[Any]
Patch: TypeAlias = list[Step]
Path: TypeAlias = tuple[str | int, ...]
Key: TypeAlias = bytes | str | int

_ENCODE: Final = msgspec.json.Encoder().encode
_CANDIDATES: Final = 8
_MOST_SLID: Final = 8
_SHORTEST_COPY: Final = 3  # a copy of fewer plain values is longer than the values themselves


def diff(old: Json, new: Json) -> Patch | None:
    """Return the patch that makes `new` of `old`, empty when they are the same JSON.

    None when there is nothing in common at the root (another type), so that only the full value helps.
    Objects and arrays inside must not be changed while this runs.
    """
    if not _are_both_containers(old, new):
        return [] if _is_same(old, new) else None
    return list(_steps(old, new, ()))


def _steps(old: Json, new: Json, path: Path) -> Iterator[Step]:
    if old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        # One look at a chart's layout, say, instead of one at each of its leaves. What Python finds different is.
        if old != new or not _is_same(old, new):
            yield from _object_steps(old, new, path)
    elif _are_both_containers(old, new):
        yield from _array_steps(old, new, path)
    elif not _is_same(old, new):
        yield ["s", list(path), new]


def _object_steps(old: dict[str, Json], new: dict[str, Json], path: Path) -> Iterator[Step]:
    for key in old:
        if key not in new:
            yield ["d", [*path, key]]
    for key, value in new.items():
        if key in old:
            yield from _steps(old[key], value, (*path, key))
        else:
            yield ["s", [*path, key], value]


def _array_steps(old: Sequence[Json], new: Sequence[Json], path: Path) -> Iterator[Step]:
    """Go into the elements when they kept their places, else say where each one comes from."""
    old_keys, new_keys = _keys(old, new)
    if old_keys == new_keys:
        return
    runs = _slide(new, old_keys, new_keys) or _runs(new, old_keys, new_keys)
    has_moved = any(start != place for start, place in _copies(runs))
    if len(old) == len(new) and not has_moved and any(isinstance(value, dict | list | tuple) for value in new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            if old_keys[index] != new_keys[index]:
                yield from _steps(before, after, (*path, index))
    else:
        yield ["r", list(path), runs]


def _slide(new: Sequence[Json], old_keys: Sequence[Key], new_keys: Sequence[Key]) -> list[list[Any]] | None:
    """Say how a window moved on: all but a few values are an end of the old array. None when it did something else."""
    for count in range(min(len(old_keys), len(new_keys)), max(len(new_keys) - _MOST_SLID, _SHORTEST_COPY) - 1, -1):
        fresh = len(new_keys) - count
        start = len(old_keys) - count
        if new_keys[0] == old_keys[start] and new_keys[:count] == old_keys[start:]:
            return [[start, count], [list(new[count:])]] if fresh else [[start, count]]
        if new_keys[fresh] == old_keys[0] and new_keys[fresh:] == old_keys[:count]:
            return [[list(new[:fresh])], [0, count]] if fresh else [[0, count]]
    return None


def _runs(new: Sequence[Json], old_keys: Sequence[Key], new_keys: Sequence[Key]) -> list[list[Any]]:
    places: dict[Key, list[int]] = {}
    for index, key in enumerate(old_keys):
        places.setdefault(key, []).append(index)
    runs: list[list[Any]] = []
    fresh: list[Json] = []
    shift = index = 0
    while index < len(new):
        start, count = _longest_copy(places.get(new_keys[index], ()), index, shift, old_keys, new_keys)
        if count == 0 or (count < _SHORTEST_COPY and not _is_worth_copying(new, index, count)):
            fresh.append(new[index])
            index += 1
            continue
        if fresh:
            runs.append([fresh])
            fresh = []
        runs.append([start, count])
        shift = start - index
        index += count
    if fresh:
        runs.append([fresh])
    return runs


def _longest_copy(
    starts: Sequence[int], index: int, shift: int, old_keys: Sequence[Key], new_keys: Sequence[Key]
) -> tuple[int, int]:
    """Find where in the old array the longest run from `index` on comes from; the present shift is tried first."""
    best_start = best = 0
    nearest = sorted(starts, key=lambda start: abs(start - index - shift))[:_CANDIDATES] if len(starts) > 1 else starts
    for start in nearest:
        limit = min(len(old_keys) - start, len(new_keys) - index)
        count = 0
        while count < limit and old_keys[start + count] == new_keys[index + count]:
            count += 1
        if count > best:
            best_start, best = start, count
        if index + count == len(new_keys):
            break
    return best_start, best


def _is_worth_copying(values: Sequence[Json], index: int, count: int) -> bool:
    return sum(len(_ENCODE(value)) for value in values[index : index + count]) > 12


def _copies(runs: list[list[Any]]) -> Iterator[tuple[int, int]]:
    """Yield (old place, new place) of every copied run."""
    place = 0
    for run in runs:
        if len(run) == 2:
            yield run[0], place
            place += run[1]
        else:
            place += len(run[0])


def _keys(old: Sequence[Json], new: Sequence[Json]) -> tuple[Sequence[Key], Sequence[Key]]:
    """Return what tells the elements of two arrays apart: themselves, where Python's equality is that of JSON."""
    kinds = set(map(type, old)) | set(map(type, new))
    if isinstance(old, list) and isinstance(new, list) and (kinds == {str} or kinds == {int}):
        return old, new
    return [_ENCODE(value) for value in old], [_ENCODE(value) for value in new]


def _is_same(old: Json, new: Json) -> bool:
    # Python has True == 1, JSON has not; and NaN, which differs from itself, is null in JSON.
    return old is new or _ENCODE(old) == _ENCODE(new)


def _are_both_containers(old: Json, new: Json) -> bool:
    both_objects = isinstance(old, dict) and isinstance(new, dict)
    return both_objects or (isinstance(old, list | tuple) and isinstance(new, list | tuple))
