"""Renders what every page shows of a person's inbox: the bell, the banner, the toasts. Pure; times in unix ms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from realtime.notifications import centre
from realtime.notifications.centre import Tab
from realtime.notifications.model import ABOUTS, Notification
from realtime.notifications.preferences import active_mutes
from realtime.notifications.quiet import quiet_until
from realtime.notifications.text import MAX_MESSAGE_CHARS, clip
from realtime.notifications.toasts import Toast, Toasts, expired
from realtime.protocol.channels import inbox_channel
from realtime.protocol.flags import NOTIFICATIONS
from realtime.views.notices_words import SEVERITY_WORDS, actions_of, ms, mute_label, row_value
from realtime.views.registry import Value, view

if TYPE_CHECKING:
    from realtime.store import Store

BANNERS_SHOWN: Final = 20
_SNOOZED_SHOWN: Final = 5


def inbox_topics(person: str, **_parameters: Any) -> tuple[str, ...]:
    """Name the one topic that all of these views read."""
    return (inbox_channel(person),)


@view(kind="bell", topics=inbox_topics, while_hidden=True)
def bell(store: Store, *, now: float, person: str) -> Value:
    """Render the unread count, what is still for now (mutes, snoozes, quiet hours), and the two quick switches."""
    copy = store.inbox(person)
    preferences, counts = copy.inbox.preferences, centre.counts(copy.inbox, now=now)
    snoozed = sorted(centre.rows(copy.inbox, Tab.SNOOZED, now=now), key=lambda row: row.marks.snoozed_until or 0.0)
    return {
        "unread": counts[Tab.UNREAD],
        "needsAck": counts[Tab.NEEDS_ACK],
        "isSynced": copy.is_synced,
        "mutes": [
            {"what": mute.what, "label": mute_label(mute.what), "until": ms(mute.until)}
            for mute in active_mutes(preferences, now=now)
        ],
        "snoozed": [
            {"key": row.key, "title": clip(row.newest.title, 80), "until": ms(row.marks.snoozed_until)}
            for row in snoozed[:_SNOOZED_SHOWN]
        ],
        "moreSnoozed": max(0, len(snoozed) - _SNOOZED_SHOWN),
        "quietUntil": ms(quiet_until(preferences.quiet_hours, now)),
        "toasts": preferences.toasts,
        "sound": preferences.sound,
        "abouts": list(ABOUTS),
    }


def _switchable(person: str, **_parameters: Any) -> tuple[str, ...]:
    return (inbox_channel(person), "flags")


@view(kind="banner", topics=_switchable)
def banner(store: Store, *, now: float, person: str) -> Value:
    """Render the critical rows that nobody has taken on, newest first; those put aside are counted apart.

    None while an operator has switched notifications off for this person.
    """
    copy = store.inbox(person)
    is_on = store.flags.is_on(NOTIFICATIONS, person)
    rows = centre.banners(copy.inbox, now=now) if is_on else ()
    return {
        "rows": [row_value(row, now=now) for row in rows[:BANNERS_SHOWN]],
        "count": len(rows),
        "aside": centre.counts(copy.inbox, now=now)[Tab.NEEDS_ACK] - len(rows) if is_on else 0,
        "keys": [row.key for row in rows],
        "revision": copy.inbox.revision,
    }


@view(kind="toasts", topics=_switchable)
def toasts(store: Store, *, now: float, person: str) -> Value:
    """Render the toasts that stand, oldest first, how many more there are, and how often a sound was due.

    `lifeMs` is how long one stands in all, None: until it is sent away. The tab that shows it counts for itself, so
    that a wrong clock on either side neither hides it at once nor keeps it.
    """
    copy = store.inbox(person)
    plan = expired(copy.toasts, now=now) if store.flags.is_on(NOTIFICATIONS, person) else Toasts()
    rows = copy.inbox.rows
    return {
        "toasts": [_toast(each, has_row=each.key in rows) for each in reversed(plan.visible)],
        "more": plan.more,
        "sounds": plan.rung,
    }


def _toast(toast: Toast, *, has_row: bool) -> dict[str, Any]:
    is_critical = toast.severity == "critical"
    told = Notification(
        id=toast.id, key=toast.key, severity=toast.severity, title=toast.title, at=toast.shown_at,
        actions=toast.actions,
    )  # fmt: skip
    return {
        "key": toast.key,
        "shownAt": ms(toast.shown_at),
        "lifeMs": None if toast.until is None else ms(toast.until - toast.shown_at),
        "severity": toast.severity,
        "severityWord": SEVERITY_WORDS[toast.severity],
        "title": toast.title,
        "message": clip(toast.message, MAX_MESSAGE_CHARS),
        "why": toast.why,
        "count": toast.count,
        "actions": actions_of(told, needs_acknowledgement=is_critical and has_row),
    }
