"""Makes the gate of a process from its settings."""

from __future__ import annotations

import time
from collections.abc import Callable

from realtime.config import Settings
from realtime.errors import ConfigError
from realtime.gateway.rates import LibraryRates, MemoryWindows
from realtime.hub.gate import Gate, Quotas
from realtime.hub.notes import Notes
from realtime.hub.origin import Origins
from realtime.hub.peers import Proxies


def gate_for(
    settings: Settings,
    *,
    notes: Notes | None = None,
    windows: MemoryWindows | None = None,
    clock: Callable[[], float] = time.time,
) -> Gate:
    """Make a gate that counts in `windows`. Raises ConfigError, one sentence, for lists that make no sense."""
    try:
        origins = Origins(settings.allowed_origins, is_open=not settings.is_guarded)
    except ValueError as error:
        raise ConfigError(f"'allowed_origins' has to be origins such as https://wall.example: {error}.") from None
    try:
        proxies = Proxies(settings.trusted_proxies)
    except ValueError as error:
        raise ConfigError(f"'trusted_proxies' has to be addresses or networks such as 10.0.0.0/8: {error}.") from None
    quotas = Quotas(
        connections_per_address=settings.connections_per_address,
        connections_per_person=settings.connections_per_person,
        subscriptions_per_address=settings.subscriptions_per_address,
        subscriptions_per_person=settings.subscriptions_per_person,
        commands_per_s=settings.commands_per_s,
        events_per_s=settings.events_per_s,
    )
    rates = LibraryRates(windows or MemoryWindows(clock))
    return Gate(origins=origins, proxies=proxies, quotas=quotas, rates=rates, notes=notes)
