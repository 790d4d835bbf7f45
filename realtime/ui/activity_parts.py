"""Lays out the Activity page. What is shown is rendered by realtime.views; in here are panels and their places."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import streamlit as st

from realtime.live.runtime import current
from realtime.protocol.channels import USERS
from realtime.ui.panels import live_view
from realtime.ui.profile import demand
from realtime.ui.sample_band import sample_band
from realtime.ui.tracking import track_action
from realtime.views import activity, people
from realtime.views.activity_place import ActivityPlace, read_activity, write_activity

_FILTERS: Final = "tideboard.activity-filters"
_STRIP: Final = "tideboard.activity-strip"
_PEOPLE: Final = "tideboard.activity-people"
_PERSON: Final = "tideboard.activity-person"
_FEED_PX: Final = 640
_PEOPLE_PX: Final = 420
_LINES_PX: Final = 300
PAUSE_KEY: Final = "p"


def activity_page() -> None:
    """Show what happens and who is here: one fragment, so that a filter reruns this page alone."""
    demand("read", what="activity")
    sample_band()
    _board()


@st.fragment
def _board() -> None:
    place = here()
    with st.container(border=True, key="activity-strip"):
        live_view(
            activity.strip, key=_STRIP, on={"range": _ranged},
            options={"from": place.since, "to": place.until}, person=place.person, collection=place.collection,
        )  # fmt: skip
    live_view(
        activity.choices, key=_FILTERS, on={"changed": _filtered}, options={"place": write_activity(place)},
        query=write_activity(ActivityPlace(collection=place.collection, person=place.person)),
    )  # fmt: skip
    with st.container(horizontal=True, gap="medium", key="activity-middle"):
        with st.container(border=True, width="stretch", key="activity-feed"):
            live_view(
                activity.events, key="tideboard.activity-feed", height=_FEED_PX,
                options={"label": "Events, newest first", "hasFilters": True, "pauseKey": PAUSE_KEY},
                query=write_activity(place),
            )  # fmt: skip
        with st.container(border=True, width=320, key="activity-people", gap="small"):
            _people(place)


def _people(place: ActivityPlace) -> None:
    permission = current().permission
    if not permission.hears(USERS):
        st.caption(f":material/lock: {permission.missing('read', USERS)}")
        return
    if place.person:
        live_view(people.person, key=_PERSON, height=_LINES_PX, on={"close": _closed}, person=place.person)
    live_view(people.present, key=_PEOPLE, height=_PEOPLE_PX, on={"choose": _chosen}, options={"chosen": place.person})


def here() -> ActivityPlace:
    """Return what the URL says to show."""
    return read_activity(st.query_params)


def go(place: ActivityPlace) -> None:
    """Show something else, and record that somebody filters. Parameters that aren't the page's stay as they are."""
    before, after = write_activity(here()), write_activity(place)
    for name in before.keys() - after.keys():
        del st.query_params[name]
    for name, text in after.items():
        if before.get(name) != text:
            st.query_params[name] = text
    words = place.describe()
    if words and words != read_activity(before).describe():
        track_action("filter", {"page": "Activity", "filter": words[:200]})


def _said(key: str, name: str) -> Any:
    return st.session_state[key].get(name)


def _filtered() -> None:
    said = _said(_FILTERS, "changed")
    if isinstance(said, dict):
        go(read_activity({name: str(value) for name, value in said.items()}))


def _ranged() -> None:
    said = _said(_STRIP, "range")
    if isinstance(said, dict):
        since, until = (said.get(name) for name in ("from", "to"))
        is_range = isinstance(since, int) and isinstance(until, int) and 0 < since < until
        go(msgspec.structs.replace(here(), since=since if is_range else 0, until=until if is_range else 0))


def _chosen() -> None:
    person = _said(_PEOPLE, "choose")
    go(msgspec.structs.replace(here(), person=person if isinstance(person, str) else ""))


def _closed() -> None:
    go(msgspec.structs.replace(here(), person=""))
