"""Holds what one running Tideboard process is made of, so that pages and hooks find it. Composes nothing itself.

Where roles are configured, what a page finds is for who is at it: their profile's store, caster and connection.
Threads: any (one reference, replaced whole).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from realtime.client.blocks import Blocks
from realtime.errors import NotRunning
from realtime.live.permission import Permission, Unrestricted
from realtime.protocol.channels import inbox_of

if TYPE_CHECKING:
    from realtime.client import WebSocketClient
    from realtime.client.audit import AuditBook
    from realtime.client.inboxes import Inboxes
    from realtime.config import Settings
    from realtime.live.assets import Assets
    from realtime.live.attendance import Attendance
    from realtime.live.caster import Caster
    from realtime.store import Store
    from realtime.views.registry import View


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One running Tideboard: what `realtime.server` composed, and what pages read.

    `client` and `inboxes` are None where no gateway is followed (tests, demos with an in-process store), `attendance`
    where nobody counts who is here. `permission` says what who reads it may do. `flags` switches what an operator may
    (a client.flags.FlagWatch), `sample` is the sample day's controls when there are any; this room never touches them.
    """

    settings: Settings
    store: Store
    caster: Caster
    assets: Assets
    client: WebSocketClient | None = None
    inboxes: Inboxes | None = None
    attendance: Attendance | None = None
    blocks: Blocks = field(default_factory=Blocks)
    permission: Permission = field(default_factory=Unrestricted)
    flags: Any = None
    audit: AuditBook | None = None
    sample: Any = None
    hold: Callable[[], Callable[[], None]] = lambda: _let_go
    """Keeps what this is open for a session that listens; returns what lets go of it."""

    def caster_of(self, view: View, parameters: Mapping[str, Any]) -> Caster:
        """Return who casts a view: people's inboxes are the process's own, everything else is of this profile."""
        topics = view.topics(**parameters)
        is_personal = bool(topics) and all(inbox_of(topic) is not None for topic in topics)
        return process().caster if is_personal else self.caster


def _let_go() -> None:
    """Let go of what stays open anyhow."""


Resolve = Callable[[Runtime], Runtime]
"""Finds what who is at this page may read, of the whole process."""
_installed: Runtime | None = None
_resolve: Resolve | None = None
_resolving = threading.local()


def install(runtime: Runtime, *, resolve: Resolve | None = None) -> None:
    """Make `runtime` the one that pages of this process find, through `resolve`. Replaces an earlier one."""
    global _installed, _resolve
    _installed, _resolve = runtime, resolve


def uninstall() -> None:
    """Forget the runtime, as a process that is shutting down does."""
    global _installed, _resolve
    _installed = _resolve = None


def process() -> Runtime:
    """Return the running Tideboard of this process, whoever asks. Raises NotRunning when there is none."""
    if _installed is None:
        raise NotRunning("No Tideboard runs in this process: start it with `streamlit run app.py`.")
    return _installed


def current() -> Runtime:
    """Return what who is at this page may read of the running Tideboard. Raises NotRunning, and TooManyProfiles."""
    found, resolve = process(), _resolve
    # Finding out who is there asks for the runtime, too.
    if resolve is None or getattr(_resolving, "is_under_way", False):
        return found
    _resolving.is_under_way = True
    try:
        return resolve(found)
    finally:
        _resolving.is_under_way = False
