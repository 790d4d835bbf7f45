"""Acts: what a tab may ask, under whose name and when; everything else is refused with one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import NoticeError
from realtime.notifications.acts import ACTS, MAX_WHY_CHARS, Asker, ToastAct, read_act
from realtime.notifications.commands import Acknowledge, Add, ClearHistory, Command, Prefer, Set, Snooze, Undo
from realtime.notifications.preferences import Mute, Preferences
from tests.notifications.making import NOW


def asked(value: Any, *, preferences: Preferences | None = Preferences()) -> Command | ToastAct:  # noqa: B008 - frozen
    """Read an act that Ann does now."""
    return read_act(value, asker=Asker("ann", "Ann"), preferences=preferences, now=NOW, new_id=lambda: "new")


def test_the_commands_of_an_inbox_get_time_and_name_here() -> None:
    """Whatever a tab says of either."""
    act = {"do": "set", "id": "x-1", "keys": ["a"], "mark": "read", "revision": 3, "at": 1.0}
    assert asked(act) == Set(id="x-1", at=NOW, keys=("a",), mark="read", revision=3)
    taken = asked({"do": "acknowledge", "keys": ["a"], "who": "bob", "why": "on it"})
    assert taken == Acknowledge(id="new", at=NOW, keys=("a",), who="Ann", why="on it")
    assert asked({"do": "undo", "of": "x-1"}) == Undo(id="new", at=NOW, of="x-1")
    assert asked({"do": "clear-history"}) == ClearHistory(id="new", at=NOW)
    assert asked({"do": "snooze", "keys": ["a"], "until": None}) == Snooze(id="new", at=NOW, keys=("a",), until=None)


def test_choices_give_whole_preferences() -> None:
    """A change keeps everything else; a mute ends by itself, or is ended."""
    loud = Preferences(sound=True)
    changed = asked({"do": "prefer", "changes": {"routine": True}}, preferences=loud)
    assert isinstance(changed, Prefer)
    assert (changed.preferences["sound"], changed.preferences["routine"]) == (True, True)
    muted = asked({"do": "mute", "what": "collection:flights", "until": NOW + 60}, preferences=loud)
    assert isinstance(muted, Prefer)
    assert list(muted.preferences["mutes"]) == [{"what": "collection:flights", "until": NOW + 60}]
    still = Preferences(mutes=(Mute("rule:lost", NOW + 60),))
    ended = asked({"do": "unmute", "what": "rule:lost"}, preferences=still)
    assert isinstance(ended, Prefer)
    assert not ended.preferences.get("mutes")


def test_words_about_toasts_go_no_further() -> None:
    """They are no commands."""
    assert asked({"do": "toast-dismiss", "key": "a"}) == ToastAct("new", "toast-dismiss", "a")
    assert asked({"do": "centre-opened", "key": "a"}) == ToastAct("new", "centre-opened")


@pytest.mark.parametrize(
    ("preferences", "place"),
    [
        (Preferences(), "centre, toast"),
        (Preferences(toasts=False), "centre"),
        (Preferences(sound=True), "centre, toast"),
    ],
)
def test_a_test_says_where_one_like_it_would_go(preferences: Preferences, place: str) -> None:
    """It takes the way of a real one, and tells it."""
    add = asked({"do": "test"}, preferences=preferences)
    assert isinstance(add, Add)
    assert f"comes into: {place} (" in add.notification.message
    assert add.notification.audience == "person:ann"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ([], "JSON object"),
        ({"do": "add", "notification": {}}, "no act 'add'"),
        ({"do": "x" * 500}, "no act"),
        ({"do": "meet"}, "no act 'meet'"),
        ({"do": "set", "keys": ["a"], "mark": "read", "id": "meet:bob"}, "id is 1 to 64"),
        ({"do": "set", "keys": ["a"], "mark": "read", "id": 7}, "id is 1 to 64"),
        ({"do": "set", "keys": "abc", "mark": "read"}, "by their keys"),
        ({"do": "set", "keys": ["x" * 500], "mark": "read"}, "by their keys"),
        ({"do": "set", "keys": ["a"], "mark": "loved"}, "no command"),
        ({"do": "set", "keys": ["a"] * 2_001, "mark": "read"}, "at most 2,000"),
        ({"do": "snooze", "keys": ["a"], "until": NOW - 1}, "choose a later time"),
        ({"do": "acknowledge", "keys": ["a"], "why": "x" * (MAX_WHY_CHARS + 1)}, "shorten it"),
        ({"do": "prefer"}, "'changes'"),
        ({"do": "prefer", "changes": {"volume": 1}}, "no preference 'volume'"),
        ({"do": "mute", "what": "collection:x"}, "needs 'until'"),
        ({"do": "mute", "what": "collection:x", "until": True}, "needs 'until'"),
        ({"do": "mute", "until": NOW + 9}, "needs 'what'"),
        ({"do": "mute", "what": "severity:critical", "until": NOW + 9}, "can't be muted"),
        ({"do": "toast-dismiss"}, "needs 'key'"),
        ({"do": "test", "severity": "critical"}, "A test has a severity"),
    ],
)
def test_nonsense_is_one_sentence(act: Any, words: str) -> None:
    """Which names the culprit."""
    with pytest.raises(NoticeError, match=words):
        asked(act)


def test_preferences_that_arent_known_yet_arent_overwritten() -> None:
    """Else those kept in the gateway would be lost for good."""
    for act in ({"do": "prefer", "changes": {"sound": True}}, {"do": "unmute", "what": "rule:x"}):
        with pytest.raises(NoticeError, match="aren't loaded yet"):
            asked(act, preferences=None)


_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"do": st.sampled_from(ACTS)},
        optional=dict.fromkeys(
            ("id", "keys", "mark", "revision", "until", "why", "of", "changes", "what", "key", "severity"), _json
        ),
    )
)
def test_any_json_is_done_or_refused(act: dict[str, Any]) -> None:
    """Nothing else is ever raised, and what is done is now and under one's own name."""
    try:
        done = asked(act)
    except NoticeError as error:
        assert str(error)
        return
    assert isinstance(done, ToastAct) or done.at == NOW
    assert not isinstance(done, Acknowledge) or done.who == "Ann"
