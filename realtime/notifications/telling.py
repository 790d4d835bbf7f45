"""Turns signals into commands for one person's inbox: what reaches them, gathered by row. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from realtime.notifications.commands import Add, Clear, Command, Retell
from realtime.notifications.model import Cleared, Notification, Retold, Signal, reaches
from realtime.notifications.preferences import Delivery, Preferences, decide
from realtime.protocol.events import MAX_NAME_CHARS

MAX_JOINED: Final = 1_000


def commands_for(
    signals: Iterable[Signal],
    *,
    person: str,
    preferences: Preferences,
    now: float,
    roles: frozenset[str] = frozenset(),
) -> tuple[tuple[Command, ...], tuple[tuple[Notification, Delivery], ...]]:
    """Return the commands that put signals into a person's inbox, and what is delivered how besides.

    A command's id follows from what it tells, so that two processes which see the same event give the same command.
    """
    commands: list[Command] = []
    delivered: list[tuple[Notification, Delivery]] = []
    for signal in signals:
        if not reaches(signal.audience, person=person, roles=roles):
            continue
        if isinstance(signal, Notification):
            delivery = decide(signal, preferences, now, person=person)
            if delivery.centre:
                offsets = () if signal.source is None else (signal.source.offset,)
                commands.append(Add(id=f"add {signal.id}", at=now, notification=signal, offsets=offsets))
                delivered.append((signal, delivery))
        else:
            commands.append(_of_alarm(signal, now))
    return gathered(commands), tuple(delivered)


def gathered(commands: Sequence[Command]) -> tuple[Command, ...]:
    """Join neighbouring `Add`s of one row, stream and severity: one command with the newest words and all positions.

    Only neighbours (nothing but other `Add`s between them) are joined, so that what is cleared stays cleared. One
    command holds at most a thousand positions.
    """
    groups: list[list[Command]] = []
    places: dict[tuple[str, str, str, str], int] = {}
    for command in commands:
        name = _group_of(command)
        if name is not None and name in places and len(groups[places[name]]) < MAX_JOINED:
            groups[places[name]].append(command)
            continue
        if not isinstance(command, Add):
            places.clear()
        elif name is not None:
            places[name] = len(groups)
        groups.append([command])
    return tuple(group[0] if len(group) == 1 else _joined(group) for group in groups)


def _group_of(command: Command) -> tuple[str, str, str, str] | None:
    """Name what a command may be joined with; None: it stays alone."""
    if not isinstance(command, Add) or command.notification.source is None or command.notification.is_alarm:
        return None
    source = command.notification.source
    return (command.notification.key, source.channel, source.epoch, command.notification.severity)


def _joined(group: Sequence[Command]) -> Add:
    adds = [command for command in group if isinstance(command, Add)]
    newest = max(adds, key=lambda each: each.notification.at).notification
    offsets = tuple(sorted({offset for each in adds for offset in each.positions}))
    notification = msgspec.structs.replace(newest, count=len(offsets))
    return Add(id=adds[-1].id, at=adds[-1].at, notification=notification, offsets=offsets)


def _named(text: str) -> str:
    """Keep an id as short as an event's may be; what is cut off is in its digest."""
    if len(text) <= MAX_NAME_CHARS:
        return text
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[: MAX_NAME_CHARS - 33]} {digest}"


def _of_alarm(signal: Cleared | Retold, now: float) -> Command:
    """Name an alarm's news after the event that brought it, or the moment."""
    source = signal.source
    place = f"{signal.at:.3f}" if source is None else f"{source.channel}@{source.epoch}:{source.offset}"
    if isinstance(signal, Cleared):
        return Clear(
            id=_named(f"clear {signal.key} {place}"), at=now, key=signal.key, event_at=signal.at, why=signal.why,
            source=source,
        )  # fmt: skip
    return Retell(
        id=_named(f"retell {signal.key} {place}"), at=now, key=signal.key, event_at=signal.at, title=signal.title,
        message=signal.message, source=source,
    )  # fmt: skip
