"""Plans the toasts of one person: which stand, how often their key came, how many more there are. Pure.

The browser draws the plan and tells what people do. A toast is only ever a repetition of what is in the centre.
"""

from __future__ import annotations

from typing import Final

import msgspec

from realtime.notifications.model import RANKS, Action, Kind, Notification, Severity
from realtime.notifications.preferences import Delivery

VISIBLE: Final = 3
SAME_S: Final = 60.0
STORM_COUNT: Final = 20
KEYS_KEPT: Final = 200
DURATIONS_S: Final[dict[str, float | None]] = {
    "info": 5.0, "success": 5.0, "warning": 10.0, "error": None, "critical": None,
}  # fmt: skip


class Toast(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One toast. `count` is how often its key came, `until` when it goes; None: when it is dismissed."""

    key: str
    id: str
    kind: Kind
    severity: Severity
    title: str
    message: str
    why: str
    count: int
    shown_at: float
    until: float | None
    actions: tuple[Action, ...] = ()


class Lately(msgspec.Struct, frozen=True):
    """A key that came lately: how often, since when, and whether its toast was sent away."""

    count: int
    first_at: float
    last_at: float
    is_dismissed: bool = False


class Toasts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The plan. `visible`, newest first; `more` found no place; timers stand still since `held_at`.

    `rung` counts the sounds: who sees it rise plays one.
    """

    visible: tuple[Toast, ...] = ()
    more: int = 0
    lately: dict[str, Lately] = {}
    held_at: float | None = None
    rung: int = 0


def shown(toasts: Toasts, notification: Notification, delivery: Delivery, *, now: float) -> Toasts:
    """Take in a notification. A key that came within a minute updates its toast, from `×2` on.

    One that a person sent away stays away for the rest of that minute, and so does one that comes more than twenty
    times in it; unless it is critical.
    """
    toasts = expired(toasts, now=now)
    if not delivery.toast:
        return _rung(toasts, delivery)
    key, before = notification.key, toasts.lately.get(notification.key)
    stands = any(toast.key == key for toast in toasts.visible)
    is_same = before is not None and (stands or now - before.first_at <= SAME_S)
    lately = (
        Lately(before.count + notification.count, before.first_at, now, before.is_dismissed)
        if before is not None and is_same
        else Lately(notification.count, now, now)
    )
    toasts = msgspec.structs.replace(toasts, lately=_kept(toasts.lately, key, lately))
    if not notification.is_critical and not stands and (lately.is_dismissed or lately.count > STORM_COUNT):
        return toasts
    return _placed(_rung(toasts, delivery), _toast(notification, lately.count, now=now))


def expired(toasts: Toasts, *, now: float) -> Toasts:
    """Return the plan once those are gone whose time is over. While timers are held nothing goes."""
    if toasts.held_at is not None:
        return toasts
    visible = tuple(toast for toast in toasts.visible if toast.until is None or toast.until > now)
    if visible == toasts.visible:
        return toasts
    return msgspec.structs.replace(toasts, visible=visible, more=toasts.more if visible else 0)


def dismissed(toasts: Toasts, key: str, *, now: float) -> Toasts:
    """Take in that a person sent a toast away."""
    toasts = expired(toasts, now=now)
    visible = tuple(toast for toast in toasts.visible if toast.key != key)
    lately = toasts.lately
    if key in lately:
        lately = {**lately, key: msgspec.structs.replace(lately[key], is_dismissed=True)}
    return msgspec.structs.replace(toasts, visible=visible, lately=lately, more=toasts.more if visible else 0)


def withdrawn(toasts: Toasts, key: str) -> Toasts:
    """Take away a toast whose row was read, taken on or cleared elsewhere."""
    visible = tuple(toast for toast in toasts.visible if toast.key != key)
    return msgspec.structs.replace(toasts, visible=visible, more=toasts.more if visible else 0)


def centre_opened(toasts: Toasts) -> Toasts:
    """Take in that a person looks at the centre, where all of them are."""
    return msgspec.structs.replace(toasts, visible=(), more=0)


def held(toasts: Toasts, *, now: float) -> Toasts:
    """Stop the timers: the pointer or the focus is on a toast, or the page is hidden."""
    toasts = expired(toasts, now=now)
    return toasts if toasts.held_at is not None else msgspec.structs.replace(toasts, held_at=now)


def released(toasts: Toasts, *, now: float) -> Toasts:
    """Let the timers go on from where they stood."""
    if toasts.held_at is None:
        return toasts
    pause_s = max(now - toasts.held_at, 0.0)
    visible = tuple(
        toast
        if toast.until is None
        else msgspec.structs.replace(toast, until=toast.until + min(pause_s, max(now - toast.shown_at, 0.0)))
        for toast in toasts.visible
    )
    return msgspec.structs.replace(toasts, visible=visible, held_at=None)


def next_change_at(toasts: Toasts) -> float | None:
    """Return when the next toast goes by itself; None: not before something happens."""
    if toasts.held_at is not None:
        return None
    return min((toast.until for toast in toasts.visible if toast.until is not None), default=None)


def duration_of(notification: Notification) -> float | None:
    """Return how many seconds a toast stands; None: until dismissed, as what is critical always does."""
    usual = DURATIONS_S["critical" if notification.is_critical else notification.kind]
    return usual if notification.is_critical or notification.duration_s is None else notification.duration_s


def _toast(notification: Notification, count: int, *, now: float) -> Toast:
    duration_s = duration_of(notification)
    return Toast(
        key=notification.key, id=notification.id, kind=notification.kind, severity=notification.severity,
        title=notification.title, message=notification.message, why=notification.why, count=count, shown_at=now,
        until=None if duration_s is None else now + duration_s, actions=notification.actions,
    )  # fmt: skip


def _rung(toasts: Toasts, delivery: Delivery) -> Toasts:
    return msgspec.structs.replace(toasts, rung=toasts.rung + 1) if delivery.sound else toasts


def _placed(toasts: Toasts, toast: Toast) -> Toasts:
    """Put a toast in the place of the one of its key, or in front; the least severe, oldest one makes room."""
    if any(each.key == toast.key for each in toasts.visible):
        visible = tuple(toast if each.key == toast.key else each for each in toasts.visible)
        return msgspec.structs.replace(toasts, visible=visible)
    visible = (toast, *toasts.visible)
    if len(visible) <= VISIBLE:
        return msgspec.structs.replace(toasts, visible=visible)
    leaving = min(reversed(visible), key=lambda each: (RANKS[each.severity], each.shown_at))
    left = tuple(each for each in visible if each is not leaving)
    return msgspec.structs.replace(toasts, visible=left, more=toasts.more + 1)


def _kept(lately: dict[str, Lately], key: str, value: Lately) -> dict[str, Lately]:
    """Remember a key, the newest at the end; the oldest leave."""
    kept = {name: each for name, each in lately.items() if name != key}
    kept[key] = value
    while len(kept) > KEYS_KEPT:
        del kept[next(iter(kept))]
    return kept
