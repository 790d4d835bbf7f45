"""Opens what keeps everything: files of the data folder for one gateway, or a Redis for several. Decides nothing else.

Threads: the event loop's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from realtime.config import Settings
from realtime.gateway.census import About, Census, Crowd, OwnCensus
from realtime.gateway.flags import FILE_NAME as FLAGS_NAME
from realtime.gateway.flags import FlagFile
from realtime.gateway.log import EventLog
from realtime.gateway.nodes.commons import Commons
from realtime.gateway.nodes.copy_file import FILE_NAME as COPY_NAME
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.log import RedisLog
from realtime.gateway.nodes.rates import SharedWindows
from realtime.gateway.ports import Log
from realtime.gateway.records import Stored
from realtime.gateway.revocations import Revocations
from realtime.gateway.revocations_file import FILE_NAME as REVOCATIONS_NAME
from realtime.gateway.revocations_file import RevocationFile
from realtime.gateway.schema import LOG_NAME
from realtime.gateway.switchboard import Switchboard
from realtime.hub.ports import Others


@dataclass(frozen=True)
class Engine:
    """What keeps everything. `leads` tells whether it is this gateway that does what one alone should."""

    log: Log
    flags: Switchboard
    revocations: Revocations
    census: Census
    others: Others | None = None
    leads: Callable[[], bool] = lambda: True
    chores: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an engine has to know of the gateway. `node` is unlike any other's, `crowd` who is connected to it.

    `on_commit` is told of what is stored, `on_anew` when all epochs have changed: any thread.
    """

    settings: Settings
    folder: Path
    node: str
    about: Callable[[], About]
    crowd: Callable[[], Crowd]
    on_commit: Callable[[Sequence[Stored]], None]
    on_anew: Callable[[], None]
    windows: SharedWindows
    now: Callable[[], float] = time.time


@asynccontextmanager
async def engine_for(wanted: Wanted) -> AsyncIterator[Engine]:
    """Open the engine that the settings ask for while the block runs. Raises StartError, one sentence."""
    opening = _on_files(wanted) if wanted.settings.redis_url is None else _on_redis(wanted)
    async with opening as engine:
        yield engine


@asynccontextmanager
async def _on_files(wanted: Wanted) -> AsyncIterator[Engine]:
    settings, folder = wanted.settings, wanted.folder
    with (
        closing(RevocationFile.open(folder / REVOCATIONS_NAME, now=wanted.now)) as revocations,
        closing(FlagFile.open(folder / FLAGS_NAME, now=wanted.now)) as flags,
    ):
        log = await asyncio.to_thread(
            EventLog.open, folder / LOG_NAME, retention_events=settings.retention_events,
            refusals_kept=settings.warnings_kept, critical_kept=settings.critical_kept, on_commit=wanted.on_commit,
            now=wanted.now,
        )  # fmt: skip
        try:
            yield Engine(log, flags, revocations, OwnCensus(wanted.crowd, about=wanted.about))
        finally:
            await asyncio.to_thread(log.close)


@asynccontextmanager
async def _on_redis(wanted: Wanted) -> AsyncIterator[Engine]:
    settings = wanted.settings
    made: list[Commons] = []

    def begun_anew() -> None:
        for commons in made:
            commons.on_anew()
        wanted.on_anew()

    log = await asyncio.to_thread(
        RedisLog.open, Link.of(settings), node=wanted.node, retention_events=settings.retention_events,
        refusals_kept=settings.warnings_kept, critical_kept=settings.critical_kept, replicas=settings.redis_replicas,
        copy_path=wanted.folder / COPY_NAME if settings.redis_copy else None,
        on_commit=wanted.on_commit, on_anew=begun_anew, now=wanted.now,
    )  # fmt: skip
    try:
        commons = Commons(
            log, node=wanted.node, crowd=wanted.crowd, about=wanted.about, windows=wanted.windows,
            replicas=settings.redis_replicas, now=wanted.now,
        )  # fmt: skip
        made.append(commons)
        await commons.open()
        try:
            yield Engine(
                log, commons.flags, commons.revocations, commons.census, others=commons.census,
                leads=commons.lease.is_held, chores=(commons.run, commons.census.run),
            )  # fmt: skip
        finally:
            await commons.leave()
    finally:
        await asyncio.to_thread(log.close)
