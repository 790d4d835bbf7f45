"""The bell, the banner, the toasts, the centre and the history, rendered of inboxes that are made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.notifications.commands import Acknowledge, Clear, Close, Command, Prefer, Set, Snooze
from realtime.notifications.inbox import apply_all
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import Action
from realtime.notifications.preferences import decide
from realtime.notifications.toasts import Toasts, shown
from realtime.protocol.flags import NOTIFICATIONS, UNTOUCHED, Flag, Flags
from realtime.store import Store
from realtime.views import notices, notices_centre
from realtime.views.notices_words import mute_label
from tests.notifications.making import NOW, adding, notice

Value = dict[str, Any]


@dataclass
class Copy:
    """One person's inbox as the store gives it."""

    inbox: Inbox = field(default_factory=Inbox)
    toasts: Toasts = field(default_factory=Toasts)
    is_synced: bool = True


@dataclass
class Kept:
    """A store with one person's inbox and an empty one for everybody else."""

    copy: Copy = field(default_factory=Copy)
    flags: Flags = UNTOUCHED

    def inbox(self, person: str) -> Copy:
        """Return a person's copy."""
        return self.copy if person == "ann" else Copy()


def store_of(*commands: Command, toasts: Toasts | None = None) -> Store:
    """Make a store with Ann's inbox after commands."""
    return cast(Store, Kept(Copy(apply_all(Inbox(), commands), toasts or Toasts())))


def bell(store: Store, *, now: float = NOW, person: str = "ann") -> Value:
    """Render the bell."""
    return notices.bell(store, now=now, person=person)


def banner(store: Store, *, now: float = NOW) -> Value:
    """Render the banner."""
    return notices.banner(store, now=now, person="ann")


def centre(store: Store, *, now: float = NOW, **parameters: Any) -> Value:
    """Render the centre."""
    return notices_centre.centre(store, now=now, person="ann", **parameters)


def keys(value: Value) -> list[str]:
    """Return the keys of the rows of a value."""
    return [row["key"] for row in value["rows"]]


CRITICAL = adding(notice("down", offset=3, severity="critical"))
WARNING = adding(notice("late", offset=2))


def test_each_of_them_reads_one_persons_inbox_alone() -> None:
    """The topic names the person, so that nobody's change wakes somebody else's panels."""
    for view in (notices.bell, notices.banner, notices.toasts, notices_centre.centre, notices_centre.history):
        assert set(view.topics(person="ann")) - {"flags"} == {"inbox#ann"}


def test_the_bell_counts_what_is_unread_for_its_person() -> None:
    """Somebody else's is empty; what needs an acknowledgement is counted apart."""
    store = store_of(WARNING, CRITICAL)
    assert (bell(store)["unread"], bell(store)["needsAck"]) == (2, 1)
    assert bell(store, person="bob")["unread"] == 0


def test_the_bell_goes_to_hidden_tabs_too() -> None:
    """Their title carries the number."""
    assert notices.bell.while_hidden


def test_the_bell_lists_what_is_still_with_its_end() -> None:
    """Mutes, snoozes and quiet hours, each until when; what has ended isn't listed."""
    preferences = {
        "mutes": [{"what": "collection:flights", "until": NOW + 60}, {"what": "rule:lost", "until": NOW - 1}],
        "quiet_hours": {"start": "00:00", "end": "23:59", "zone": "UTC"},
    }
    store = store_of(
        WARNING, Prefer(id="p", at=NOW, preferences=preferences), Snooze(id="s", at=NOW, keys=("late",), until=NOW + 90)
    )
    value = bell(store)
    assert value["mutes"] == [
        {"what": "collection:flights", "label": "collection flights", "until": round((NOW + 60) * 1000)}
    ]
    assert [(line["key"], line["until"]) for line in value["snoozed"]] == [("late", round((NOW + 90) * 1000))]
    assert value["quietUntil"] > NOW * 1000
    assert value["unread"] == 0
    assert bell(store, now=NOW + 91)["unread"] == 1


def test_the_bell_shows_the_two_switches() -> None:
    """As the preferences have them."""
    store = store_of(Prefer(id="p", at=NOW, preferences={"toasts": False, "sound": True}))
    assert (bell(store)["toasts"], bell(store)["sound"]) == (False, True)


def test_the_banner_has_what_is_critical_until_somebody_takes_it_on() -> None:
    """A warning isn't in it; acknowledged, it is empty."""
    assert keys(banner(store_of(WARNING, CRITICAL))) == ["down"]
    taken = Acknowledge(id="a", at=NOW, keys=("down",), who="bob", why="rebooting")
    assert banner(store_of(CRITICAL, taken))["count"] == 0


def test_a_banner_put_aside_is_back_after_two_minutes() -> None:
    """And until then it is counted as aside."""
    store = store_of(CRITICAL, Close(id="c", at=NOW, keys=("down",)))
    aside = banner(store, now=NOW + 119)
    assert (aside["count"], aside["aside"]) == (0, 1)
    assert keys(banner(store, now=NOW + 121)) == ["down"]


def test_a_banner_goes_when_the_trouble_is_over() -> None:
    """Without anybody doing anything."""
    assert (
        banner(store_of(CRITICAL, Clear(id="x", at=NOW, key="down", event_at=NOW + 1, why="recovered")))["count"] == 0
    )


def test_many_banners_are_one_with_a_count_and_all_keys() -> None:
    """What is listed is bounded, what is acknowledged at once isn't."""
    store = store_of(*(adding(notice(f"k{n}", offset=n, at=NOW + n * 9, severity="critical")) for n in range(1, 31)))
    value = banner(store)
    assert (value["count"], len(value["rows"]), len(value["keys"])) == (30, notices.BANNERS_SHOWN, 30)


def test_what_is_critical_can_be_acknowledged_right_there_and_has_two_buttons_at_most() -> None:
    """Its own second button makes room; a button that does nothing isn't shown."""
    actions = (Action("Open A", "open", "orders/a"), Action("Dance", "dance"), Action("Mute", "mute", "rule:r"))
    value = banner(store_of(adding(notice("down", severity="critical", actions=actions))))
    assert [action["name"] for action in value["rows"][0]["actions"]] == ["acknowledge", "open"]
    value = centre(store_of(adding(notice("late", actions=actions))))
    assert [action["name"] for action in value["rows"][0]["actions"]] == ["open", "mute"]


def test_every_row_says_why_it_reached_somebody() -> None:
    """Also one that no rule made."""
    value = centre(store_of(adding(notice("a", why="rule late")), adding(notice("b", offset=2))))
    assert all(row["why"] for row in value["rows"])


def toasted(*severities: Any) -> Toasts:
    """Plan toasts of these severities, each with its own key."""
    plan = Toasts()
    for number, severity in enumerate(severities):
        each = notice(f"t{number}", offset=number, severity=severity)
        plan = shown(plan, each, decide(each, Inbox().preferences, NOW), now=NOW + number * 0.001)
    return plan


def test_toasts_come_oldest_first_with_their_time_and_word() -> None:
    """The newest stands nearest to the corner; an error stays until it is sent away."""
    value = notices.toasts(store_of(toasts=toasted("info", "warning", "error")), now=NOW + 1, person="ann")
    assert [(t["severityWord"], t["lifeMs"]) for t in value["toasts"]] == [
        ("Info", 5000), ("Warning", 10000), ("Error", None),
    ]  # fmt: skip


def test_more_toasts_than_three_are_counted() -> None:
    """The least severe make room."""
    value = notices.toasts(store_of(toasts=toasted(*["warning"] * 7)), now=NOW + 1, person="ann")
    assert (len(value["toasts"]), value["more"]) == (3, 4)


def test_a_toast_whose_time_is_over_isnt_rendered() -> None:
    """Even if nobody has told the plan yet."""
    store = store_of(toasts=toasted("info"))
    assert notices.toasts(store, now=NOW + 6, person="ann")["toasts"] == []


def test_an_operator_can_switch_both_off() -> None:
    """For this person, at once; the inbox stays as it is."""
    store = store_of(CRITICAL, toasts=toasted("error"))
    cast(Kept, store).flags = Flags(1, (Flag(NOTIFICATIONS, 0),))
    assert (banner(store)["count"], banner(store)["aside"]) == (0, 0)
    assert notices.toasts(store, now=NOW, person="ann")["toasts"] == []
    assert bell(store)["unread"] == 1


def test_sounds_are_counted_so_that_a_tab_can_tell_a_new_one() -> None:
    """Also when toasts are off."""
    preferences = apply_all(Inbox(), [Prefer(id="p", at=NOW, preferences={"sound": True, "toasts": False})]).preferences
    each = notice("loud", severity="error")
    plan = shown(Toasts(), each, decide(each, preferences, NOW), now=NOW)
    value = notices.toasts(store_of(toasts=plan), now=NOW, person="ann")
    assert (value["sounds"], value["toasts"]) == (1, [])


def test_the_centre_counts_all_tabs_whichever_is_shown() -> None:
    """One row in each."""
    store = store_of(
        WARNING, CRITICAL, adding(notice("old", offset=4)), adding(notice("later", offset=5)),
        Set(id="d", at=NOW, keys=("old",), mark="done"), Snooze(id="s", at=NOW, keys=("later",), until=NOW + 60),
    )  # fmt: skip
    counts = {tab["name"]: tab["count"] for tab in centre(store, tab="done")["tabs"]}
    assert counts == {"unread": 2, "all": 2, "needs-ack": 1, "snoozed": 1, "done": 1}
    assert keys(centre(store, tab="done")) == ["old"]
    assert keys(centre(store, tab="snoozed")) == ["later"]


def test_what_needs_somebody_stands_first() -> None:
    """Before newer rows that don't."""
    later = adding(notice("new", offset=9, at=NOW + 50), at=NOW + 50)
    assert keys(centre(store_of(CRITICAL, later), now=NOW + 50)) == ["down", "new"]


def test_an_unknown_tab_is_the_first_one() -> None:
    """A link may be mistyped."""
    assert centre(store_of(), tab="nonsense")["tab"] == "unread"


def test_the_centre_is_bounded_and_says_how_many_there_are() -> None:
    """A page of a hundred of them, and more when asked."""
    store = store_of(*(adding(notice(f"k{n}", offset=n, at=NOW + n * 10), at=NOW + n * 10) for n in range(1, 151)))
    value = centre(store, now=NOW + 2000)
    assert (len(value["rows"]), value["found"]) == (notices_centre.PAGE, 150)
    assert len(centre(store, now=NOW + 2000, limit=200)["rows"]) == 150


def test_search_looks_at_words_and_says_when_nothing_holds_them() -> None:
    """Whatever the case."""
    store = store_of(adding(notice("a", title="Flight UA1 late")), adding(notice("b", offset=2, title="Disk full")))
    assert keys(centre(store, search="ua1 FLIGHT")) == ["a"]
    nothing = centre(store, search="zebra")
    assert (nothing["rows"], "holds these words" in nothing["empty"]) == ([], True)


@pytest.mark.parametrize(
    ("commands", "state"),
    [
        ((), "unseen"),
        ((Set(id="1", at=NOW, keys=("late",), mark="seen"),), "seen"),
        ((Set(id="1", at=NOW, keys=("late",), mark="read"),), "read"),
        ((Set(id="1", at=NOW, keys=("late",), mark="done"),), "done"),
        ((Snooze(id="1", at=NOW, keys=("late",), until=NOW + 60),), "snoozed"),
    ],
)
def test_a_row_is_in_one_state_that_has_a_word(commands: tuple[Command, ...], state: str) -> None:
    """Which tab it is looked for in doesn't matter."""
    store = store_of(WARNING, *commands)
    rows = [row for tab in ("all", "snoozed", "done") for row in centre(store, tab=tab)["rows"]]
    assert [row["state"] for row in rows] == [state]
    assert rows[0]["markWord"]


def test_an_acknowledged_row_says_who_when_and_why() -> None:
    """For everybody who comes later."""
    store = store_of(CRITICAL, Acknowledge(id="a", at=NOW + 5, keys=("down",), who="bob", why="rebooting"))
    row = centre(store, tab="all")["rows"][0]
    assert row["taken"] == {"who": "bob", "at": round((NOW + 5) * 1000), "why": "rebooting"}
    assert (row["state"], row["needsAck"]) == ("read", False)


def test_a_long_message_is_cut_unless_it_is_asked_for_whole() -> None:
    """Then with the lines that the history has of it."""
    store = store_of(adding(notice("a", message="x" * 9_000)), adding(notice("b", offset=2, message="short")))
    rows = {row["key"]: row for row in centre(store)["rows"]}
    assert (len(rows["a"]["message"]), rows["a"]["isCut"], rows["b"]["isCut"]) == (1_000, True, False)
    whole = centre(store, whole="a")
    rows = {row["key"]: row for row in whole["rows"]}
    assert (len(rows["a"]["message"]), rows["a"]["isCut"]) == (9_000, False)
    assert [line["what"] for line in whole["past"]] == ["told"]


def test_the_history_is_a_table_newest_first() -> None:
    """What was told, with how often, and what became of it."""
    store = store_of(CRITICAL, Acknowledge(id="a", at=NOW + 5, keys=("down",), who="bob"))
    value = notices_centre.history(store, now=NOW, person="ann")
    assert [row["cells"][1] for row in value["rows"]] == ["acknowledged by bob", "Critical"]
    found = notices_centre.history(store, now=NOW, person="ann", search="bob")["rows"]
    assert [row["cells"] for row in found] == [value["rows"][0]["cells"]]


def test_lines_of_the_history_keep_their_keys_when_newer_ones_come() -> None:
    """Else the whole table would be drawn anew with every notice."""
    before = notices_centre.history(store_of(WARNING), now=NOW, person="ann")["rows"]
    after = notices_centre.history(store_of(WARNING, CRITICAL), now=NOW, person="ann")["rows"]
    assert after[-1]["key"] == before[0]["key"]


@given(st.text(max_size=300), st.text(max_size=2_000))
def test_whatever_a_text_says_stays_a_text(title: str, message: str) -> None:
    """No value is interpreted on its way: it comes out as it went in."""
    row = centre(store_of(adding(notice("a", title=title, message=message))))["rows"][0]
    assert row["title"] == title
    assert row["message"] == (message if len(message) <= 1_000 else message[:999] + "…")


def test_mutes_are_said_in_words() -> None:
    """Not in the names that settings use."""
    assert [mute_label(what) for what in ("about:people", "collection:flights", "rule:lost")] == [
        "everything about people", "collection flights", "rule lost",
    ]  # fmt: skip
