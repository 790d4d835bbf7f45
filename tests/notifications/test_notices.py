"""Notices that pages show: four types, text only, bounded, and nonsense refused with one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.errors import NoticeError
from realtime.notifications.inbox import apply
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import Action
from realtime.notifications.notices import Notice, notification_of, shown_of
from realtime.notifications.text import MAX_MESSAGE_CHARS, MAX_TITLE_CHARS
from realtime.notifications.toasts import duration_of
from tests.notifications.making import NOW, adding


def made(value: Any) -> Any:
    """Make the notification of a notice for Ann."""
    return notification_of(value, id="n1", person="ann", now=NOW)


@pytest.mark.parametrize("kind", ["info", "success", "warning", "error"])
def test_each_type_is_a_kind_and_a_severity(kind: Any) -> None:
    """As a Notice or as a dict."""
    one, two = made(Notice(title="Saved", type=kind)), made({"title": "Saved", "type": kind})
    assert one == two
    assert (one.kind, one.severity, one.audience) == (kind, kind, "person:ann")


def test_everything_given_is_kept() -> None:
    """Duration, actions and metadata reach the row."""
    notification = made(
        {
            "title": "Export ready",
            "message": "3 MB",
            "duration": 12,
            "actions": [{"label": "Open", "name": "open", "argument": "orders/A-1"}],
            "metadata": {"file": "a.csv"},
        }
    )
    assert duration_of(notification) == 12
    shown = shown_of(apply(Inbox(), adding(notification)).rows[notification.key])
    assert (shown.id, shown.type, shown.title, shown.message) == ("n1", "info", "Export ready", "3 MB")
    assert shown.actions == (Action("Open", "open", "orders/A-1"),)
    assert shown.metadata == {"file": "a.csv"}
    assert not shown.is_read


def test_the_same_key_is_the_same_row() -> None:
    """Without one, each is a row of its own; a page's keys never meet those of rules."""
    same = [notification_of({"title": "x", "key": "~ k"}, id=name, person="ann", now=NOW).key for name in "ab"]
    apart = [notification_of({"title": "x"}, id=name, person="ann", now=NOW).key for name in "ab"]
    assert same == ["shown k", "shown k"]
    assert len(set(apart)) == 2


def test_hostile_text_is_cut_and_stays_text() -> None:
    """Markup as it is, controls and turned directions gone, ten kilobytes cut with an ellipsis."""
    notification = made({"title": "<b>x</b>\x00\u202e" + "t" * 500, "message": "<script>" + "m" * 20_000})
    assert notification.title.startswith("<b>x</b>tt")
    assert (len(notification.title), len(notification.message)) == (MAX_TITLE_CHARS, MAX_MESSAGE_CHARS)
    assert notification.message.endswith("…")


@pytest.mark.parametrize(
    ("notice", "words"),
    [
        ("Saved", "at least a title"),
        ({}, "title"),
        ({"title": "\x00 "}, "can be read"),
        ({"title": "x", "type": "fatal"}, "no notice"),
        ({"title": "x", "colour": "red"}, "colour"),
        ({"title": "x", "duration": 0}, "duration"),
        ({"title": "x", "duration": float("inf")}, "duration"),
        ({"title": "x", "key": "k" * 201}, "key"),
        ({"title": "x", "actions": [{"label": "a", "name": "b"}] * 3}, "at most 2 actions"),
        ({"title": "x", "actions": [{"label": "a" * 41, "name": "b"}]}, "label"),
        ({"title": "x", "actions": [{"label": "a", "name": ""}]}, "name"),
        ({"title": "x", "metadata": {"a": "x" * 5_000}}, "metadata takes"),
        ({"title": "x", "metadata": {"a": object()}}, "JSON"),
    ],
)
def test_nonsense_is_one_sentence(notice: Any, words: str) -> None:
    """Which names the culprit."""
    with pytest.raises(NoticeError, match=words):
        made(notice)
