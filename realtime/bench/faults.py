"""Names what a network and its processes do wrong, and draws up a plan of it from a seed. Pure.

Carried out by `fault_proxy` (all that happens on the wire) and by who owns the processes (the kills).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FaultKind(StrEnum):
    """What goes wrong. `amount` in a Fault is the number in brackets."""

    CUT = "cut"  # every connection ends with a FIN
    RESET = "reset"  # … with a RST
    HALF_CLOSE = "half-close"  # the way to the client ends, the way to the gateway stays open
    HOLE = "black hole"  # connections stand, no byte moves, and what was sent arrives afterwards
    DELAY = "delay"  # every byte comes later [seconds]
    JITTER = "jitter"  # … by a different time each, order kept [seconds at most]
    SLOW = "slow"  # so many bytes a second and no more [bytes]
    DROP_FRAME = "drop frame"  # the k-th WebSocket frame towards the client never comes [k]
    CORRUPT_FRAME = "corrupt frame"  # … comes as something that isn't the protocol [k]
    REFUSE = "refuse"  # connections end, and nobody listens
    REFUSE_UPGRADES = "refuse upgrades"  # connections end; HTTP works, WebSockets are answered [status]
    KILL_GATEWAY = "kill gateway"
    KILL_FOLLOWER = "kill follower"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, `at_s` after the start, for `lasts_s` (0: a moment)."""

    at_s: float
    kind: FaultKind
    lasts_s: float = 0.0
    amount: float = 0.0

    @property
    def ends_s(self) -> float:
        """Return when it is over, in seconds after the start."""
        return self.at_s + self.lasts_s


@dataclass(frozen=True)
class _Bounds:
    lasts_s: tuple[float, float] = (0.0, 0.0)
    amount: tuple[float, float] = (0.0, 0.0)
    choices: tuple[float, ...] = ()


BOUNDS: Final = {
    FaultKind.CUT: _Bounds(),
    FaultKind.RESET: _Bounds(),
    FaultKind.HALF_CLOSE: _Bounds(),
    FaultKind.HOLE: _Bounds(lasts_s=(0.5, 3.0)),
    FaultKind.DELAY: _Bounds(lasts_s=(1.0, 3.0), amount=(0.05, 0.4)),
    FaultKind.JITTER: _Bounds(lasts_s=(1.0, 3.0), amount=(0.02, 0.3)),
    FaultKind.SLOW: _Bounds(lasts_s=(1.0, 3.0), amount=(4_096, 65_536)),
    FaultKind.DROP_FRAME: _Bounds(choices=tuple(range(1, 21))),
    FaultKind.CORRUPT_FRAME: _Bounds(choices=tuple(range(1, 21))),
    FaultKind.REFUSE: _Bounds(lasts_s=(0.3, 2.5)),
    FaultKind.REFUSE_UPGRADES: _Bounds(lasts_s=(1.0, 6.0), choices=(403, 502)),
    FaultKind.KILL_GATEWAY: _Bounds(lasts_s=(0.1, 1.5)),
    FaultKind.KILL_FOLLOWER: _Bounds(lasts_s=(0.1, 1.5)),
}


def plan(
    seed: int,
    duration_s: float,
    *,
    kinds: Sequence[FaultKind] = tuple(FaultKind),
    pause_s: tuple[float, float] = (2.0, 5.0),
) -> tuple[Fault, ...]:
    """Draw up what goes wrong in `duration_s`: one at a time, a pause before each and after the last.

    Every kind comes once before any comes again. The same arguments give the same plan. Raises ValueError when a pause
    isn't positive: what comes back has to be told from what goes wrong next.
    """
    if not 0 < pause_s[0] <= pause_s[1]:
        raise ValueError("Give a pause above 0, the shortest first.")
    # Chance that can be repeated is the whole point here; nothing is kept secret with it.
    chance = random.Random(seed)  # noqa: S311
    faults: list[Fault] = []
    deck: list[FaultKind] = []
    free_s = 0.0
    while kinds:
        deck = deck or chance.sample(list(kinds), len(kinds))
        fault = _draw(deck.pop(), at_s=free_s + chance.uniform(*pause_s), chance=chance)
        if fault.ends_s + pause_s[0] > duration_s:
            break
        faults.append(fault)
        free_s = fault.ends_s
    return tuple(faults)


def _draw(kind: FaultKind, *, at_s: float, chance: random.Random) -> Fault:
    bounds = BOUNDS[kind]
    amount = chance.choice(bounds.choices) if bounds.choices else chance.uniform(*bounds.amount)
    return Fault(round(at_s, 3), kind, round(chance.uniform(*bounds.lasts_s), 3), round(amount, 3))
