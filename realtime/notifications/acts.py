"""Reads what a person asks of their inbox: JSON from a tab becomes a command, or a word about toasts. Pure.

A tab names no times and no other person: `at` is now, and who acknowledges is who acts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec

from realtime.errors import NoticeError
from realtime.notifications.commands import Add, Command, Prefer, Snooze, read_command
from realtime.notifications.model import ABOUTS, KINDS, RANKS, Notification
from realtime.notifications.preferences import Preferences, decide, muted, unmuted, updated
from realtime.notifications.text import clip

MAX_WHY_CHARS: Final = 2_000
MAX_KEY_CHARS: Final = 400
_COMMANDS: Final = ("set", "snooze", "acknowledge", "close", "undo", "clear-history")
_TOASTS: Final = ("toast-dismiss", "toasts-hold", "toasts-release", "centre-opened")
_CHOICES: Final = ("prefer", "mute", "unmute")
ACTS: Final = (*_COMMANDS, *_CHOICES, "test", *_TOASTS)
_ID: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
ToastWord: TypeAlias = Literal["toast-dismiss", "toasts-hold", "toasts-release", "centre-opened"]


class ToastAct(msgspec.Struct, frozen=True):
    """What somebody does with toasts here. It goes no further: toasts are this place's own."""

    id: str
    do: ToastWord
    key: str = ""


class Asker(msgspec.Struct, frozen=True):
    """Who acts: `id`, and the `name` that others read."""

    id: str
    name: str = ""


def read_act(
    value: Any, *, asker: Asker, preferences: Preferences | None, now: float, new_id: Callable[[], str]
) -> Command | ToastAct:
    """Return what an act asks for. `preferences` are the present ones, None while they aren't known.

    Raises NoticeError, one sentence for the person, when it makes no sense or can't be done now.
    """
    if not isinstance(value, Mapping):
        raise NoticeError("An act is a JSON object with 'do'.")
    act = dict(value)
    do = act.get("do")
    if do not in ACTS:
        raise NoticeError(f"There is no act {clip(str(do), 40)!r}; there are {', '.join(ACTS)}.")
    act["id"] = _id_of(act, new_id)
    _check_keys(act)
    if do in _TOASTS:
        return ToastAct(act["id"], cast("ToastWord", do), _text(act, "key") if do == "toast-dismiss" else "")
    if do == "test":
        return _test(act, preferences or Preferences(), person=asker.id, now=now)
    if do in _CHOICES:
        return _choice(act, preferences, now=now)
    return _command(act, asker, now=now)


def _command(act: dict[str, Any], asker: Asker, *, now: float) -> Command:
    act["at"] = now
    if act["do"] == "acknowledge":
        act["who"] = asker.name or asker.id
        if len(str(act.get("why", ""))) > MAX_WHY_CHARS:
            raise NoticeError(f"The reason is longer than {MAX_WHY_CHARS:,} characters; shorten it.")
    command = read_command(act)
    if isinstance(command, Snooze) and command.until is not None and command.until <= now:
        raise NoticeError("This would be back before it is gone; choose a later time.")
    return command


def _choice(act: dict[str, Any], preferences: Preferences | None, *, now: float) -> Prefer:
    """Return the whole preferences after a change: only where they are known, or others would be lost."""
    if preferences is None:
        raise NoticeError("Your preferences aren't loaded yet, so nothing was changed; try again in a moment.")
    if act["do"] == "prefer":
        changes = act.get("changes")
        if not isinstance(changes, Mapping):
            raise NoticeError("A change of preferences names what is changed, as a JSON object 'changes'.")
        chosen = updated(preferences, changes, now=now)
    elif act["do"] == "unmute":
        chosen = unmuted(preferences, _text(act, "what"))
    else:
        chosen = muted(preferences, _text(act, "what"), until=_moment(act, "until"), now=now)
    return Prefer(id=act["id"], at=now, preferences=msgspec.to_builtins(chosen))


def _test(act: dict[str, Any], preferences: Preferences, *, person: str, now: float) -> Add:
    """Make a notice for trying out: it goes where such a one would go, and says so."""
    severity, about = act.get("severity", "info"), act.get("about", "system")
    if severity not in tuple(RANKS) or severity == "critical" or about not in ABOUTS:  # it may be any JSON
        kinds = [name for name in RANKS if name != "critical"]
        raise NoticeError(f"A test has a severity ({', '.join(kinds)}) and is about {', '.join(ABOUTS)}.")
    notification = Notification(
        id=act["id"], key="test", severity=severity, kind=KINDS[severity], about=about, title="This is a test", at=now,
        why="because you asked for it", audience=f"person:{person}",
    )  # fmt: skip
    delivery = decide(notification, preferences, now, person=person)
    places = [name for name in ("centre", "toast", "sound") if getattr(delivery, name)]
    message = f"One like this comes into: {', '.join(places) or 'nothing'} ({delivery.reason})."
    return Add(id=f"add {act['id']}", at=now, notification=msgspec.structs.replace(notification, message=message))


def _id_of(act: Mapping[str, Any], new_id: Callable[[], str]) -> str:
    """Return the name an act goes by. No colon or space in it: nobody may take the name of what the server tells."""
    given = act.get("id")
    if given is None:
        return new_id()
    if not isinstance(given, str) or not _ID.fullmatch(given):
        raise NoticeError("An act's id is 1 to 64 letters, digits, '_', '-' or '.'.")
    return given


def _check_keys(act: Mapping[str, Any]) -> None:
    keys = act.get("keys", ())
    if not isinstance(keys, list | tuple) or not all(
        isinstance(key, str) and len(key) <= MAX_KEY_CHARS for key in keys
    ):
        raise NoticeError("An act names rows by their keys, a list of texts.")


def _text(act: Mapping[str, Any], name: str) -> str:
    value = act.get(name)
    if not isinstance(value, str) or not value or len(value) > MAX_KEY_CHARS:
        raise NoticeError(f"{act['do']!r} needs {name!r}, a text of 1 to {MAX_KEY_CHARS} characters.")
    return value


def _moment(act: Mapping[str, Any], name: str) -> float:
    value = act.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoticeError(f"{act['do']!r} needs {name!r}, a time in Unix seconds.")
    return float(value)
