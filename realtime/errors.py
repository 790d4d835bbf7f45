"""The one tree of errors. What happened, then what to do. No imports from other rooms.

TideboardError
├── ConfigError          a setting is unknown or makes no sense; the process does not start
├── StartError           the process can't start: port, data folder, lock
├── ProtocolError        bytes from the other side aren't the protocol
│   └── EventError       one event is not acceptable: code + reason
├── CommandError         the other side refused one command: code + message (connection lives on)
│   └── TooFast          … because too much was asked for lately: when to come again
├── Disconnect           the connection has to end, with a code of the protocol
├── StorageError         the log can't be written or read now; nothing was stored
│   ├── StorageFull      … because the disk is full
│   └── ReadOnly         … because an operator has switched writing off
├── ConflictError        the document changed since the caller read it
├── NotConnected         a command needs a live connection
├── OutboxError          an emit can't be kept, so it was refused: nothing was sent
│   └── OutboxFull       … because too many wait already
├── NoticeError          a preference or a command about notifications makes no sense
├── TicketError          a ticket for a live view is forged, expired or taken back
│   └── NotHere          … or good, but for what no page has opened in this process yet
├── TooManyProfiles      more different sets of rights are in use at once than this process opens connections for
└── NotRunning           no Tideboard runs in this process
"""

from __future__ import annotations


class TideboardError(Exception):
    """Base of everything Tideboard raises on purpose."""


class ConfigError(TideboardError):
    """A setting is unknown or has a bad value. The text is one sentence naming it."""


class StartError(TideboardError):
    """The process can't start. The text is one sentence saying why and what to do."""


class ProtocolError(TideboardError):
    """Bytes that aren't the protocol."""


class EventError(ProtocolError):
    """One event can't be accepted.

    `code` is stable and for machines (docs/protocol.md lists all), `reason` is for people.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


class CommandError(TideboardError):
    """One command was refused with an error code of the Centrifuge protocol (100–113)."""

    def __init__(self, code: int, message: str, *, is_temporary: bool = False) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.is_temporary = is_temporary

    def __str__(self) -> str:
        return f"{self.message} (code {self.code})"


class TooFast(CommandError):
    """Too much was asked for lately; `retry_s` seconds from now it may be asked again."""

    def __init__(self, code: int, message: str, *, retry_s: float) -> None:
        super().__init__(code, message, is_temporary=True)
        self.retry_s = retry_s


class Disconnect(TideboardError):
    """The connection has to end.

    3000–3499 and 4000–4499 mean come back, everything else from 3500 on means don't
    (Centrifugo docs, "Client protocol codes").
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason} (code {self.code})"


class StorageError(TideboardError):
    """The log can't be written or read now; nothing of this write was stored."""


class StorageFull(StorageError):
    """The disk is full; nothing of this write was stored."""


class ReadOnly(StorageError):
    """An operator has switched writing off; nothing of this write was stored. The text is for people."""


class ConflictError(TideboardError):
    """The document changed since the caller read it: `expected` and `actual` are offsets."""

    def __init__(self, *, expected: int, actual: int | None) -> None:
        super().__init__(expected, actual)
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        if self.actual is None:
            return "The document no longer exists. Reload to see what is there now."
        return (
            f"The document changed meanwhile (you saw version {self.expected}, it is at {self.actual}). "
            "Look at the newer version, then save again."
        )


class NotConnected(TideboardError):
    """A command needs a live connection and there is none.

    `retry_s`: the other side asked not to be asked again for so long; 0 when it said nothing.
    """

    def __init__(self, reason: str = "", *, retry_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_s = retry_s


class OutboxError(TideboardError):
    """An emit can't be written to the outbox; it was refused, and nothing was sent."""


class OutboxFull(OutboxError):
    """The outbox holds as much as it may; nothing was sent, and nothing that waits is dropped for it."""


class NoticeError(TideboardError):
    """A preference, or a command for an inbox, makes no sense; nothing was changed. The text is one sentence."""


class TicketError(TideboardError):
    """A ticket is forged, expired, or taken back."""


class NotHere(TicketError):
    """A ticket is good, but for a view or a profile that no page has opened in this process yet: come again soon."""


class TooManyProfiles(TideboardError):
    """Too many different sets of rights are in use at once. The text is one sentence."""


class NotRunning(TideboardError):
    """No Tideboard runs in this process: start it with `streamlit run app.py`."""
