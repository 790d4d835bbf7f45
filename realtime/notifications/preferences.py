"""A person's preferences, and what they make of a notification: centre, toast, sound, banner. Pure.

What is critical always comes through. Nonsense is refused with one sentence, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from realtime.errors import NoticeError
from realtime.notifications.model import ABOUTS, RANKS, About, Notification, Severity
from realtime.notifications.quiet import QuietHours, check_quiet, is_quiet, turns_at
from realtime.notifications.text import clip

Threshold: TypeAlias = Literal["off", "info", "success", "warning", "error"]
Channel: TypeAlias = Literal["centre", "toast", "sound"]
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
MAX_MUTES: Final = 50
MAX_MUTE_S: Final = 30 * 86_400.0
_MUTABLE: Final = ("about", "collection", "rule", "person", "row")
_MAX_CHARS: Final = 300


class Thresholds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The least severity that reaches each channel, or `off` (what is critical comes all the same)."""

    centre: Threshold = "info"
    toast: Threshold = "info"
    sound: Threshold = "error"


class Mute(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is to be still until a moment: `collection:flights`, `rule:lost`, `person:ann`, `about:people`, `row:…`."""

    what: str
    until: float


class Preferences(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person wants to hear of, how, and when. `routine` is whether everyday changes come into the centre."""

    collections: Thresholds = Thresholds()
    people: Thresholds = Thresholds()
    system: Thresholds = Thresholds()
    connection: Thresholds = Thresholds()
    quiet_hours: QuietHours | None = None
    mutes: tuple[Mute, ...] = ()
    toasts: bool = True
    sound: bool = False
    routine: bool = False

    def of(self, about: About) -> Thresholds:
        """Return the thresholds of a kind of event."""
        thresholds: Thresholds = getattr(self, about)
        return thresholds


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Where a notification goes, and why there or not."""

    centre: bool
    toast: bool
    sound: bool
    banner: bool
    reason: str


def decide(notification: Notification, preferences: Preferences, now: float, *, person: str | None = None) -> Delivery:
    """Say where a notification goes for a person. A toast or a sound only ever goes with the centre."""
    if notification.is_critical:
        return Delivery(
            centre=True, toast=True, sound=preferences.sound, banner=True, reason="critical always comes through"
        )
    if notification.is_routine and not preferences.routine:
        return _delivery(False, False, False, "an everyday change; these are switched off")
    thresholds = preferences.of(notification.about)
    centre = _passes(notification.severity, thresholds.centre)
    if not centre:
        return _delivery(False, False, False, f"below what you want to hear about {notification.about}")
    still = _why_still(notification, preferences, now, person=person)
    if still is not None:
        return _delivery(True, False, False, still)
    toast = preferences.toasts and _passes(notification.severity, thresholds.toast)
    sound = preferences.sound and _passes(notification.severity, thresholds.sound)
    return _delivery(True, toast, sound, "as you chose" if toast or sound else "only in the centre, as you chose")


def active_mutes(preferences: Preferences, *, now: float) -> tuple[Mute, ...]:
    """Return the mutes that haven't ended, the next to end first."""
    return tuple(sorted((mute for mute in preferences.mutes if mute.until > now), key=lambda mute: mute.until))


def next_change_at(preferences: Preferences, *, now: float) -> float | None:
    """Return when time alone changes what is still: a mute ends, quiet hours begin or end; None: never."""
    moments = [mute.until for mute in active_mutes(preferences, now=now)[:1]]
    turn = turns_at(preferences.quiet_hours, now)
    return min(moments if turn is None else [*moments, turn], default=None)


def updated(preferences: Preferences, changes: Mapping[str, Any], *, now: float) -> Preferences:
    """Return preferences with fields changed, as JSON values. Raises NoticeError, one sentence naming the culprit."""
    for name in changes:
        if name not in Preferences.__struct_fields__:
            known = ", ".join(Preferences.__struct_fields__)
            raise NoticeError(f"There is no preference {clip(name, 60)!r}; there are {known}.")
    raw: dict[str, Any] = {name: getattr(preferences, name) for name in Preferences.__struct_fields__}
    raw["mutes"] = active_mutes(preferences, now=now)
    values = {name: msgspec.to_builtins(value) for name, value in {**raw, **changes}.items()}
    return read_preferences(values, now=now)


def read_preferences(value: Any, *, now: float | None = None) -> Preferences:
    """Read preferences from a JSON value; with `now`, a mute that has ended is nonsense. Raises NoticeError."""
    try:
        preferences = msgspec.convert(value, Preferences)
    except msgspec.ValidationError as error:
        raise NoticeError(f"These preferences make no sense: {_in_words(error)}.") from error
    for about in ABOUTS:
        _check_thresholds(about, preferences.of(about))
    if preferences.quiet_hours is not None:
        check_quiet(preferences.quiet_hours)
    if len(preferences.mutes) > MAX_MUTES:
        raise NoticeError(f"There can be at most {MAX_MUTES} mutes; end one first.")
    for mute in preferences.mutes:
        _check_mute(mute, now)
    return preferences


def muted(preferences: Preferences, what: str, *, until: float, now: float) -> Preferences:
    """Return preferences with something muted; muted again, the later call counts. Raises NoticeError."""
    _check_mute(Mute(what, until), now)
    kept = [msgspec.to_builtins(mute) for mute in active_mutes(preferences, now=now) if mute.what != what]
    return updated(preferences, {"mutes": [*kept, {"what": what, "until": until}]}, now=now)


def unmuted(preferences: Preferences, what: str) -> Preferences:
    """Return preferences with a mute ended."""
    return msgspec.structs.replace(preferences, mutes=tuple(m for m in preferences.mutes if m.what != what))


def _why_still(notification: Notification, preferences: Preferences, now: float, *, person: str | None) -> str | None:
    """Say why a notification stays in the centre, None when nothing speaks against being heard."""
    names = {
        f"about:{notification.about}",
        f"collection:{notification.collection}",
        f"rule:{notification.rule}",
        f"person:{notification.actor}",
        f"row:{notification.key}",
    }
    mute = next((each for each in active_mutes(preferences, now=now) if each.what in names), None)
    if mute is not None:
        return f"{mute.what} is muted"
    if notification.is_routine:
        return "an everyday change"
    if notification.kind == "success" and person is not None and notification.actor == person:
        return "your own success"
    return "quiet hours" if is_quiet(preferences.quiet_hours, now) else None


def _delivery(centre: bool, toast: bool, sound: bool, reason: str) -> Delivery:
    return Delivery(centre=centre, toast=toast, sound=sound, banner=False, reason=reason)


def _passes(severity: Severity, threshold: Threshold) -> bool:
    return threshold != "off" and RANKS[severity] >= RANKS[threshold]


def _check_thresholds(about: About, thresholds: Thresholds) -> None:
    """A toast that isn't in the centre would be gone for good."""
    for channel in ("toast", "sound"):
        asked = getattr(thresholds, channel)
        is_below = thresholds.centre == "off" or (asked != "off" and RANKS[asked] < RANKS[thresholds.centre])
        if asked != "off" and is_below:
            raise NoticeError(
                f"For {about}, the {channel} would come from {asked!r} on but the centre from {thresholds.centre!r}: "
                "whatever is heard has to be in the centre, so raise the one or lower the other."
            )


def _check_mute(mute: Mute, now: float | None) -> None:
    first, _, rest = mute.what.partition(":")
    if first not in _MUTABLE or not rest or len(mute.what) > _MAX_CHARS:
        raise NoticeError(f"{clip(mute.what, 60)!r} can't be muted; name it like collection:flights or rule:lost.")
    if first == "about" and rest not in ABOUTS:
        raise NoticeError(f"{clip(mute.what, 60)!r} can't be muted; it is about {', '.join(ABOUTS)}.")
    if not mute.until < float("inf"):
        raise NoticeError(f"The mute of {clip(mute.what, 60)!r} needs an end.")
    if now is not None and mute.until <= now:
        raise NoticeError(f"The mute of {clip(mute.what, 60)!r} would end before it begins; choose a later end.")
    if now is not None and mute.until > now + MAX_MUTE_S + 60:
        raise NoticeError(f"The mute of {clip(mute.what, 60)!r} is longer than 30 days; choose an earlier end.")


def _in_words(error: msgspec.ValidationError) -> str:
    """Turn "Expected `bool`, got `str` - at `$.sound`" into part of a sentence."""
    claim, _, place = str(error).partition(" - at ")
    name = place.strip("`").removeprefix("$").removeprefix(".")
    return f"{name}: {claim}" if name else claim
