"""Opens flags and revocations for the tests of the gateway, kept by the engine whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from realtime.config import Settings
from realtime.gateway.flags import FILE_NAME as FLAGS_NAME
from realtime.gateway.flags import FlagFile
from realtime.gateway.nodes.flags import SharedFlags
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.revocations import SharedRevocations
from realtime.gateway.nodes.scripts import Scripts
from realtime.gateway.nodes.server import Server
from realtime.gateway.revocations import Revocations
from realtime.gateway.revocations_file import FILE_NAME as REVOCATIONS_NAME
from realtime.gateway.revocations_file import RevocationFile
from realtime.gateway.switchboard import Switchboard
from realtime.pulse import PULSE, Pulse
from tests.gateway.making import NOON
from tests.support.engines import engine, prefix_of, redis_url


@contextmanager
def flags_in(folder: Path, *, pulse: Pulse = PULSE) -> Iterator[Switchboard]:
    """Open the flags of a folder."""
    if engine() != "redis":
        with closing(FlagFile.open(folder / FLAGS_NAME, now=lambda: NOON, pulse=pulse)) as kept:
            yield kept
        return
    with _way(folder) as way:
        shared = SharedFlags(way, now=lambda: NOON, pulse=pulse)
        shared.settle()
        yield shared


@contextmanager
def revocations_in(folder: Path, *, now: Callable[[], float]) -> Iterator[Revocations]:
    """Open the list of who is out of a folder."""
    if engine() != "redis":
        with closing(RevocationFile.open(folder / REVOCATIONS_NAME, now=now)) as kept:
            yield kept
        return
    with _way(folder) as way:
        shared = SharedRevocations(way, now=now)
        asyncio.run(shared.settle())
        yield shared


@contextmanager
def _way(folder: Path) -> Iterator[Server]:
    with closing(Link.of(Settings(redis_url=redis_url(), redis_prefix=prefix_of(folder)))) as link:
        yield Server(link, Scripts())
