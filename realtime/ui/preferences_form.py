"""Lays out a person's preferences: what is told where and from which severity on, quiet hours, mutes, a test.

What makes sense is decided by realtime.notifications.preferences; what doesn't is refused with its sentence.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from datetime import time as clock
from typing import Any, Final, get_args
from zoneinfo import available_timezones

import msgspec
import streamlit as st

from realtime.live.runtime import current
from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.model import ABOUTS
from realtime.notifications.preferences import CHANNELS, Preferences, Threshold, active_mutes
from realtime.notifications.quiet import QuietHours, zone_of
from realtime.protocol.channels import inbox_channel
from realtime.ui.acting import act, own_inbox
from realtime.ui.live_fragment import live
from realtime.ui.person import current_person
from realtime.ui.place import zone
from realtime.views.notices_words import mute_label

_SAID: Final = "tideboard.preferences-said"
_THRESHOLDS: Final[tuple[Threshold, ...]] = get_args(Threshold)
_THRESHOLD_WORDS: Final[dict[Threshold, str]] = {
    "info": "Everything", "success": "From success on", "warning": "From warnings on", "error": "Errors only",
    "off": "Critical only",
}  # fmt: skip
_ABOUT_WORDS: Final = {
    "collections": ("Collections", "Documents that appear, change or go"),
    "people": ("People", "Who comes, goes and does what"),
    "system": ("System", "Errors and maintenance of what you watch"),
    "connection": ("Connection", "This dashboard's own link to its gateway"),
}  # fmt: skip
_CHANNEL_WORDS: Final = {"centre": "In the inbox", "toast": "As a toast", "sound": "With a sound"}
_MUTES_S: Final = {"1 hour": 3600, "8 hours": 28_800, "1 day": 86_400, "1 week": 604_800, "30 days": 2_592_000}
_NIGHT: Final = QuietHours(start="22:00", end="07:00", zone="UTC", is_on=False)


def preferences_panel() -> None:
    """Show the preferences of whoever is at the page."""
    preferences = own_inbox().preferences
    with st.container(border=True, key="preferences", gap="small"):
        _form(preferences)
    left, right = st.columns([3, 2], gap="small")
    with left, st.container(border=True, key="mutes", gap="small"):
        st.markdown("**Mutes**")
        live(inbox_channel(current_person().id), key="tideboard.mutes")(_mutes)()
    with right, st.container(border=True, key="test", gap="small"):
        _test()


def _form(preferences: Preferences) -> None:
    # What was saved, here or in another tab, is another form: widgets keep what was typed for as long as they live.
    mark = hashlib.sha256(msgspec.json.encode(preferences)).hexdigest()[:12]
    with st.form(f"tideboard.preferences:{mark}", border=False, enter_to_submit=False):
        st.markdown("**What is told, and where**")
        st.caption("What is critical always comes through, wherever and whenever.")
        changes: dict[str, Any] = {about: _thresholds(preferences, about, mark) for about in ABOUTS}
        changes |= _switches(preferences, mark)
        changes["quiet_hours"] = _quiet_hours(preferences.quiet_hours, mark)
        if st.form_submit_button("Save", type="primary"):
            refused = act({"do": "prefer", "changes": changes})
            if refused is None:
                st.session_state[_SAID] = "Saved."
                st.rerun()
            st.error(refused)
    said = st.session_state.pop(_SAID, None)
    if said:
        st.caption(f"✓ {said}")


def _thresholds(preferences: Preferences, about: Any, mark: str) -> dict[str, Any]:
    chosen = preferences.of(about)
    heading, what = _ABOUT_WORDS[about]
    columns = st.columns([1.5, 1, 1, 1], gap="small", vertical_alignment="bottom")
    with columns[0]:
        st.markdown(f"**{heading}**  \n:small[:gray[{what}]]")
    values: dict[str, Any] = {}
    for channel, column in zip(CHANNELS, columns[1:], strict=True):
        before = getattr(chosen, channel)
        values[channel] = column.selectbox(
            _CHANNEL_WORDS[channel], _ordered(), index=_ordered().index(before),
            format_func=_THRESHOLD_WORDS.__getitem__, key=f"tideboard.threshold:{about}:{channel}:{mark}",
        )  # fmt: skip
    return values


def _ordered() -> list[Threshold]:
    return list(_THRESHOLD_WORDS)


def _switches(preferences: Preferences, mark: str) -> dict[str, bool]:
    with st.container(horizontal=True, gap="medium"):
        return {
            "toasts": st.toggle(
                "Toasts", preferences.toasts, key=f"tideboard.toasts:{mark}",
                help="Short messages at the edge of the page.",
            ),
            "sound": st.toggle(
                "Sound", preferences.sound, key=f"tideboard.sound:{mark}",
                help="Two soft notes. Browsers allow it once you have clicked on the page.",
            ),
            "routine": st.toggle(
                "Everyday changes", preferences.routine, key=f"tideboard.routine:{mark}",
                help="Every document that changes, everybody who comes and goes. Only in the inbox, never as a toast.",
            ),
        }  # fmt: skip


def _quiet_hours(hours: QuietHours | None, mark: str) -> dict[str, Any]:
    known = hours or msgspec.structs.replace(_NIGHT, zone=zone())
    st.markdown("**Quiet hours**")
    zones = sorted(available_timezones() | {known.zone})
    on, start, end, where = st.columns([1, 1, 1, 1.5], gap="small", vertical_alignment="bottom")
    is_on = on.toggle(
        "Keep quiet", known.is_on, key=f"tideboard.quiet:{mark}", help="No toast and no sound but critical."
    )
    begin = start.time_input("From", clock.fromisoformat(known.start), key=f"tideboard.quiet-start:{mark}", step=900)
    finish = end.time_input("To", clock.fromisoformat(known.end), key=f"tideboard.quiet-end:{mark}", step=900)
    place = where.selectbox(
        "By the clocks of", zones, index=zones.index(known.zone), key=f"tideboard.quiet-zone:{mark}"
    )
    return {"start": f"{begin:%H:%M}", "end": f"{finish:%H:%M}", "zone": place or known.zone, "is_on": is_on}


def _mutes() -> None:
    now = time.time()
    mutes = active_mutes(own_inbox().preferences, now=now)
    if not mutes:
        st.caption(
            "Nothing is muted. What is muted still comes into the inbox, without toast or sound; every mute ends."
        )
    for mute in mutes:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.text(f"{mute_label(mute.what)}, until {_moment(mute.until)}", width="stretch")
            if st.button("Unmute", key=f"tideboard.unmute:{mute.what}"):
                _done(act({"do": "unmute", "what": mute.what}))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        what = st.selectbox("Mute", _mutable(), format_func=mute_label, key="tideboard.mute-what", width="stretch")
        length = st.selectbox("For", list(_MUTES_S), key="tideboard.mute-length", width=130)
        if st.button("Mute", disabled=what is None):
            _done(act({"do": "mute", "what": what, "until": now + _MUTES_S[length or "1 hour"]}))


def _done(refused: str | None) -> None:
    if refused is not None:
        st.error(refused)


def _mutable() -> list[str]:
    collections = [f"collection:{summary.name}" for summary in current().store.collections()]
    return [*(f"about:{about}" for about in ABOUTS), *collections, *(f"rule:{rule.id}" for rule in DEFAULT_RULES)]


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, zone_of(zone()) or UTC):%d %b %H:%M}"


def _test() -> None:
    st.markdown("**Try it**")
    st.caption("Sends one notification to you alone, through everything: inbox, toast, sound.")
    if st.button("Send a test", icon=":material/notifications_active:"):
        refused = act({"do": "test"})
        if refused is None:
            st.caption("✓ Sent. It is in the inbox; a toast only if your preferences let it through.")
        else:
            st.error(refused)
