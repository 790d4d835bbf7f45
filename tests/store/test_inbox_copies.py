"""The inboxes a process holds: topics rise with them, whoever minds the time is woken, and threads lose nothing."""

from __future__ import annotations

import threading

from realtime.notifications.commands import Set
from realtime.notifications.inbox import apply_all
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.positions import Position
from realtime.store import Store
from realtime.store.inbox_copy import Arrived
from tests.notifications.making import NOW, adding, notice

TOPIC = "inbox#ann"


def test_an_inbox_that_isnt_held_is_empty_and_takes_nothing_in() -> None:
    """Nothing is kept for people who have no page open."""
    store = Store()
    store.inboxes.load("ann", apply_all(Inbox(), [adding(notice("a"))]), position=Position("e", 1), now=NOW)
    assert store.inbox("ann").inbox == Inbox()
    assert not store.inbox("ann").is_synced
    assert store.version(TOPIC) == 0


def test_the_topic_rises_when_something_changed_and_only_then() -> None:
    """Readers hear of what they can see."""
    store = Store()
    store.inboxes.open("ann", now=NOW)
    opened = store.version(TOPIC)
    store.inboxes.load("ann", Inbox(), position=Position("e", 0), now=NOW)
    assert store.position(TOPIC) == Position("e", 0)
    store.inboxes.apply("ann", [Arrived(adding(notice("a")), 1, NOW)], epoch="e", now=NOW)
    assert store.version(TOPIC) > opened
    known = store.version(TOPIC)
    store.inboxes.take_back("ann", "unknown", now=NOW)
    store.inboxes.open("ann", now=NOW)
    assert store.version(TOPIC) == known
    tick, topics = store.wait_for_changes(opened, timeout_s=0)
    assert (TOPIC in topics, tick) == (True, known)


def test_what_is_forgotten_leaves_nothing_behind() -> None:
    """No copy, no position, no topic; held again, it is newer than it ever was."""
    store = Store()
    store.inboxes.open("ann", now=NOW)
    store.inboxes.load("ann", Inbox(), position=Position("e", 7), now=NOW)
    before = store.version(TOPIC)
    store.inboxes.forget("ann")
    assert (store.position(TOPIC), store.version(TOPIC), store.inboxes.people) == (None, 0, ())
    assert TOPIC not in store.positions()
    store.inboxes.open("ann", now=NOW)
    assert store.version(TOPIC) > before


def test_who_minds_the_time_is_told_whose_inbox_changed() -> None:
    """At once when something has changed already, else when it does or somebody rings."""
    store = Store()
    store.inboxes.open("ann", now=NOW)
    assert store.inboxes.wait_for_news(timeout_s=0) == {"ann"}
    assert store.inboxes.wait_for_news(timeout_s=0) == frozenset()
    heard: list[frozenset[str]] = []
    thread = threading.Thread(target=lambda: heard.append(store.inboxes.wait_for_news(timeout_s=10)))
    thread.start()
    store.inboxes.ring()
    thread.join(10)
    assert heard == [frozenset()]


def test_threads_that_change_one_inbox_together_lose_nothing() -> None:
    """What one thread worked out on an older copy is worked out anew."""
    store = Store()
    store.inboxes.open("ann", now=NOW)
    store.inboxes.load("ann", Inbox(), position=Position("e", 0), now=NOW)
    together = threading.Barrier(3)

    def hear() -> None:
        together.wait()
        for offset in range(1, 201):
            arrived = Arrived(adding(notice(f"k{offset}", offset=offset, at=NOW + 60 * offset)), offset, NOW)
            store.inboxes.apply("ann", [arrived], epoch="e", now=NOW)

    def mark(name: str) -> None:
        together.wait()
        for number in range(100):
            command = Set(id=f"{name}{number}", at=NOW, keys=("k1",), mark="seen")
            store.inboxes.predict("ann", [command], now=NOW)

    threads = [threading.Thread(target=hear), *(threading.Thread(target=mark, args=(name,)) for name in "ab")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    copy = store.inbox("ann")
    assert len(copy.inbox.rows) == 200
    assert {each.id for each in copy.replica.pending} == {f"{name}{number}" for name in "ab" for number in range(100)}
