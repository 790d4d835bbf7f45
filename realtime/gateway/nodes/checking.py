"""Judges at the start whether a Redis will do: its version, what it drops when full, whether it keeps anything.

Asks by a script, by INFO, and by CONFIG GET where the user there may.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from redis import Redis
from redis.exceptions import ResponseError

from realtime.errors import StartError
from realtime.gateway.nodes.dialing import ask
from realtime.gateway.nodes.scripts import Scripts

OLDEST: Final = (7, 0)
log = logging.getLogger(__name__)


def check(client: Redis, *, where: str) -> None:
    """Ask a server about itself. Raises StartError, one sentence, if it won't do, and RedisError if it can't say."""
    facts: dict[str, Any] = {}
    Scripts().run(client, "about", (), None)
    for section in ("server", "memory", "persistence"):
        facts |= ask(client, "INFO", section)
    facts["save"] = _saves(client)
    if refusal := judged(facts, where=where):
        raise StartError(refusal)
    if warning := warned(facts, where=where):
        log.warning("%s", warning)


def judged(facts: dict[str, Any], *, where: str) -> str | None:
    """Return why a server that says this of itself won't do, or None."""
    version = str(facts.get("redis_version", "0"))
    if "valkey_version" not in facts and _numbers(version) < OLDEST:
        return f"Redis at {where} is version {version}: Tideboard needs Redis 7.0 or newer, or Valkey."
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    if int(facts.get("maxmemory", 0)) and policy.startswith("allkeys-"):
        return (
            f"Redis at {where} throws away any key when it is full (maxmemory-policy {policy}), documents among them: "
            "set maxmemory-policy to noeviction there."
        )
    return None


def warned(facts: dict[str, Any], *, where: str) -> str | None:
    """Return what an operator should hear of a server that will do, or None."""
    is_saved = bool(facts["save"]) if facts.get("save") is not None else bool(int(facts.get("rdb_saves", 0)))
    if int(facts.get("aof_enabled", 0)) or is_saved:
        return None
    return (
        f"Redis at {where} keeps nothing on disk: what it holds is gone when it restarts. "
        "Switch its append-only file on (appendonly yes)."
    )


def _saves(client: Redis) -> str | None:
    """Return when it saves by itself, empty if never, None if our user may not ask."""
    try:
        answer = ask(client, "CONFIG", "GET", "save")
    except ResponseError:
        return None
    return bytes(answer[1]).decode() if len(answer) > 1 else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdigit() else 0 for part in version.split("."))
