"""Holds what one running Tideboard process is made of, so that pages and hooks find it. Composes nothing itself.

Threads: any (one reference, replaced whole).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from realtime.client.blocks import Blocks
from realtime.errors import NotRunning

if TYPE_CHECKING:
    from realtime.client import WebSocketClient
    from realtime.client.audit import AuditBook
    from realtime.client.inboxes import Inboxes
    from realtime.config import Settings
    from realtime.live.assets import Assets
    from realtime.live.attendance import Attendance
    from realtime.live.caster import Caster
    from realtime.store import Store


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """One running Tideboard: what `realtime.server` composed, and what pages read.

    `client` and `inboxes` are None where no gateway is followed (tests, demos with an in-process store), `attendance`
    where nobody counts who is here. `flags` switches what an operator may (a client.flags.FlagWatch), `sample` is the
    sample day's controls when there are any; this room never touches them.
    """

    settings: Settings
    store: Store
    caster: Caster
    assets: Assets
    client: WebSocketClient | None = None
    inboxes: Inboxes | None = None
    attendance: Attendance | None = None
    blocks: Blocks = field(default_factory=Blocks)
    flags: Any = None
    audit: AuditBook | None = None
    sample: Any = None


_installed: Runtime | None = None


def install(runtime: Runtime) -> None:
    """Make `runtime` the one that pages of this process find. Replaces an earlier one."""
    global _installed
    _installed = runtime


def uninstall() -> None:
    """Forget the runtime, as a process that is shutting down does."""
    global _installed
    _installed = None


def current() -> Runtime:
    """Return the running Tideboard of this process. Raises NotRunning when there is none."""
    if _installed is None:
        raise NotRunning("No Tideboard runs in this process: start it with `streamlit run app.py`.")
    return _installed
