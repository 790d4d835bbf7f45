"""Turns signals into commands for one person's inbox: what reaches them, gathered by row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from realtime.notifications.commands import Add, Clear, Command, Retell
from realtime.notifications.model import Cleared, Notification, Retold, Signal, reaches
from realtime.notifications.preferences import Delivery, Preferences, decide


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

    Only neighbours (nothing but other rows' `Add`s between them) are joined, so that what is cleared stays cleared.
    """
    joined: list[Command] = []
    places: dict[tuple[str, str, str, str], int] = {}
    for command in commands:
        if not isinstance(command, Add):
            places.clear()
            joined.append(command)
            continue
        source, notification = command.notification.source, command.notification
        if source is None or notification.is_alarm:
            joined.append(command)
            continue
        name = (notification.key, source.channel, source.epoch, notification.severity)
        if name in places:
            joined[places[name]] = _joined(joined[places[name]], command)
        else:
            places[name] = len(joined)
            joined.append(command)
    return tuple(joined)


def _joined(first: Command, second: Add) -> Add:
    assert isinstance(first, Add)
    newest = second.notification if second.notification.at >= first.notification.at else first.notification
    offsets = tuple(sorted({*first.offsets, *second.offsets}))
    count = len(offsets)
    return Add(id=second.id, at=second.at, notification=msgspec.structs.replace(newest, count=count), offsets=offsets)


def _of_alarm(signal: Cleared | Retold, now: float) -> Command:
    """Name an alarm's news after the event that brought it, or the moment."""
    source = signal.source
    place = f"{signal.at:.3f}" if source is None else f"{source.channel}@{source.epoch}:{source.offset}"
    if isinstance(signal, Cleared):
        return Clear(
            id=f"clear {signal.key} {place}", at=now, key=signal.key, event_at=signal.at, why=signal.why, source=source
        )
    return Retell(
        id=f"retell {signal.key} {place}", at=now, key=signal.key, event_at=signal.at, title=signal.title,
        message=signal.message, source=source,
    )  # fmt: skip
