"""The store as a whole: positions, versions, snapshots, signals."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.events import ConnectionLost, Envelope
from realtime.protocol.positions import Position
from realtime.store import ConnectionState, ConnectionStatus, Store
from tests.store.making import NOW, ORDERS, acted, created, deleted, envelope, fault, login, logout, updated


def _apply(store: Store, *envelopes: Envelope, first: int = 1, channel: str = ORDERS, epoch: str = "e") -> int:
    numbered = [(one, offset) for offset, one in enumerate(envelopes, first)]
    return store.apply(channel, numbered, epoch=epoch, now=NOW)


def _documents(store: Store) -> dict[str, object]:
    return {key: state.document for key, state in store.collection("orders").documents.items()}


@pytest.mark.parametrize("feed_size", [10, 2000])
def test_what_was_counted_before_the_epoch_changed_isnt_counted_again(feed_size: int) -> None:
    """A restarted Redis gives the same events under another epoch: those are known, what is new is taken in."""
    store = Store(feed_size=feed_size)
    events = [msgspec.structs.replace(created(f"d{number}"), id=f"e{number}") for number in range(30)]
    for offset, event in enumerate(events, 1):
        store.apply(ORDERS, [(event, offset)], epoch="e", now=NOW + offset)
    before = store.totals()["all"]
    missed = msgspec.structs.replace(updated("d1", n=2), id="missed")
    history = [*enumerate(events, 1), (31, missed)]
    store.load_snapshot(
        "orders", [], position=Position("f", 31), now=NOW + 60,
        history=[(event, offset) for offset, event in history],
        published_at=[NOW + offset for offset, _ in history],
    )  # fmt: skip
    assert store.totals()["all"] == before + 1
    assert [entry.envelope for entry in store.feed(limit=2)] == [missed, events[-1]]
    assert len({entry.envelope.id for entry in store.feed(limit=feed_size)}) == len(store.feed(limit=feed_size))


def test_events_become_documents() -> None:
    """Created, updated and deleted leave what the last of them says."""
    store = Store()
    _apply(store, created("a", n=1), created("b", n=1), updated("a", n=2), deleted("b"))
    assert _documents(store) == {"a": {"id": "a", "n": 2}}
    assert store.position(ORDERS) == Position("e", 4)


def test_a_repeat_is_dropped_and_counted() -> None:
    """An offset the position covers changes nothing, bumps nothing, and counts as a duplicate."""
    store = Store()
    _apply(store, created("a", n=1), updated("a", n=2))
    version = store.version(ORDERS)
    assert _apply(store, updated("a", n=1), first=2) == 0
    assert store.version(ORDERS) == version
    assert store.totals()["duplicates"] == 1
    assert _documents(store) == {"a": {"id": "a", "n": 2}}


def test_another_epoch_starts_the_channel_anew() -> None:
    """Offsets of another epoch mean nothing: documents of the stream that is gone are gone too."""
    store = Store()
    _apply(store, created("old"), first=7)
    assert _apply(store, created("new"), epoch="f") == 1
    assert list(_documents(store)) == ["new"]
    assert store.position(ORDERS) == Position("f", 1)


def test_an_update_names_its_changed_fields() -> None:
    """Changed, added and removed fields are named once, in feed and document alike."""
    store = Store()
    _apply(store, created("a", same=1, old=1, gone=1), updated("a", same=1, old=2, added=3))
    assert store.feed(limit=1)[0].changed == ("old", "added", "gone")
    document = store.document("orders", "a")
    assert document is not None
    assert (document.changed, document.kind, document.offset) == (("old", "added", "gone"), "updated", 2)


def test_a_snapshot_is_made_once_a_version() -> None:
    """Two readers of one version share the snapshot; a later event doesn't change what they hold."""
    store = Store()
    _apply(store, created("a"))
    first = store.collection("orders")
    assert store.collection("orders") is first
    _apply(store, created("b"), first=2)
    assert list(first.documents) == ["a"]
    assert store.collection("orders").version > first.version


def test_a_loaded_snapshot_replaces_and_later_events_follow() -> None:
    """What the snapshot doesn't have is gone; events up to its position are repeats, those after it apply."""
    store = Store()
    _apply(store, created("gone"))
    store.load_snapshot("orders", [({"id": "a", "n": 5}, 9), ({"id": "b"}, None)], position=Position("e", 8), now=NOW)
    assert set(_documents(store)) == {"a", "b"}
    assert _apply(store, updated("a", n=1), first=8) == 0
    assert _apply(store, updated("a", n=4), first=9) == 1  # the page was read after event 9: it is in there already
    assert _apply(store, updated("a", n=6), first=10) == 1
    assert _documents(store)["a"] == {"id": "a", "n": 6}


def test_an_unchanged_document_keeps_what_is_known_of_it() -> None:
    """A resync doesn't make every document look as if nobody knew when it changed."""
    store = Store()
    _apply(store, created("a", actor="ann", n=1), created("b"))
    store.load_snapshot(
        "orders", [({"id": "a", "n": 1}, 1), ({"id": "b", "x": 1}, 3)], position=Position("e", 3), now=NOW
    )
    known, changed = store.document("orders", "a"), store.document("orders", "b")
    assert known is not None
    assert changed is not None
    assert (known.actor, known.changed_at) == ("ann", NOW)
    assert changed.changed_at is None


def test_history_fills_the_feed_but_not_the_documents() -> None:
    """A new process shows the newest events at their own time, without applying or repeating them."""
    store = Store()
    history = [(created("a", n=1), 1), (updated("a", n=2), 2), (deleted("b"), 3)]
    position = Position("e", 3)
    for _ in range(2):
        store.load_snapshot(
            "orders", [({"id": "a", "n": 2}, 2)], position=position, now=NOW,
            history=history, published_at=[NOW - 90, NOW - 60, NOW - 30],
        )  # fmt: skip
    entries = store.feed()
    assert [entry.offset for entry in entries] == [3, 2, 1]
    assert all(entry.is_replay for entry in entries)
    document = store.document("orders", "a")
    assert document is not None
    assert (document.changed_at, document.kind) == (NOW - 60, "updated")
    assert store.rates("all", now=NOW, bucket_s=60, buckets=3)[0] >= 1


def test_history_of_two_channels_is_merged_by_time() -> None:
    """The feed of a new process isn't sorted by channel."""
    store = Store()
    store.load_history(
        "users", [(login("ann"), 1), (login("bob"), 2)], position=Position("u", 2), now=NOW, published_at=[10.0, 30.0]
    )
    store.load_history("system", [(fault("x"), 1)], position=Position("s", 1), now=NOW, published_at=[20.0])
    assert [entry.received_at for entry in store.feed()] == [30.0, 20.0, 10.0]
    assert store.position("users") == Position("u", 2)


def test_topics_rise_with_what_concerns_them() -> None:
    """A collection event raises its channel, the feed and the collections; with an actor also the people."""
    store = Store()
    tick, changed = store.wait_for_changes(0, timeout_s=0)
    assert (tick, changed) == (0, frozenset())
    _apply(store, created("a"))
    tick, changed = store.wait_for_changes(0, timeout_s=0)
    assert changed == {ORDERS, "feed", "collections"}
    _apply(store, created("b", actor="ann"), first=2)
    later, changed = store.wait_for_changes(tick, timeout_s=0)
    assert changed == {ORDERS, "feed", "collections", "users"}
    assert later == tick + 1
    _apply(store, login("ann"), channel="users")
    assert store.wait_for_changes(later, timeout_s=0)[1] == {"users", "feed"}


def test_a_waiter_is_woken_by_a_batch_once() -> None:
    """A batch of a thousand events is one tick and one signal."""
    store = Store()
    woken: list[tuple[int, frozenset[str]]] = []
    waiter = threading.Thread(target=lambda: woken.append(store.wait_for_changes(0, timeout_s=10)))
    waiter.start()
    _apply(store, *(created(f"d{number}") for number in range(1000)))
    waiter.join(10)
    assert woken == [(1, frozenset({ORDERS, "feed", "collections"}))]


def test_only_a_real_change_of_the_connection_raises_its_topic() -> None:
    """Bytes counted don't make every badge repaint."""
    store = Store()
    status = ConnectionStatus(state=ConnectionState.CONNECTED, since=NOW)
    store.set_connection(status, now=NOW)
    version = store.version("connection")
    store.set_connection(msgspec.structs.replace(status, bytes_in=5, lag_s=1.0), now=NOW)
    assert store.version("connection") == version
    assert store.connection.bytes_in == 5
    store.set_connection(msgspec.structs.replace(status, state=ConnectionState.SYNCING), now=NOW)
    assert store.version("connection") > version
    assert not store.connection.is_connected


def test_lag_and_last_event_come_from_what_was_applied() -> None:
    """Whoever sets the status needn't know them."""
    store = Store()
    store.apply(ORDERS, [(created("a"), 1)], epoch="e", now=NOW, lag_s=0.02)
    store.set_connection(ConnectionStatus(), now=NOW)
    assert (store.connection.lag_s, store.connection.last_event_at) == (0.02, NOW)


def test_the_clients_own_events_are_in_the_feed() -> None:
    """A lost connection is an event like others, but no event of a producer."""
    store = Store()
    store.raise_local(ConnectionLost(timestamp="2026-01-01T00:00:00Z", reason="cut"), now=NOW)
    (entry,) = store.feed(channels=("connection",))
    assert entry.envelope.data == {"timestamp": "2026-01-01T00:00:00Z", "reason": "cut"}
    assert "all" not in store.totals()
    assert store.totals()["type:connection:lost"] == 1


def test_the_feed_is_bounded_filtered_and_searched() -> None:
    """The newest are kept; channels, types and text narrow it; what stands aside survives a busy collection."""
    store = Store(feed_size=10)
    _apply(store, fault("Disk nearly full"), channel="system")
    _apply(store, *(created(f"d{number}") for number in range(30)))
    assert len(store.feed(limit=100)) == 10
    assert [entry.envelope.data["document"]["id"] for entry in store.feed(limit=2)] == ["d29", "d28"]
    assert len(store.feed(channels=("system",))) == 1
    assert len(store.feed(channels=(ORDERS, "users"))) == 10
    assert [entry.offset for entry in store.feed(search=' D25" ', limit=5)] == [26]
    assert store.feed(types=("user:login",)) == ()
    assert store.feed(channels=("system",), search="disk") != ()


def test_late_and_future_events_are_marked() -> None:
    """More than a minute late, more than five seconds ahead; an unreadable time is neither."""
    store = Store()
    store.apply(
        ORDERS,
        [(created(str(number), time=time), number) for number, time in enumerate(
            ("2027-01-15T07:58:00Z", "2027-01-15T08:00:10Z", "2027-01-15T08:00:00Z", "nonsense"), 1)],
        epoch="e", now=NOW,
    )  # fmt: skip
    entries = store.feed()[::-1]
    assert [(entry.is_late, entry.is_future) for entry in entries] == [
        (True, False), (False, True), (False, False), (False, False),
    ]  # fmt: skip
    assert entries[3].event_at is None


def test_people_are_those_who_came_acted_or_changed_something() -> None:
    """A logout ends being online; an actor of a collection event counts as seen."""
    store = Store()
    _apply(store, login("ann"), login("bob"), logout("bob"), acted("ann", "export"), channel="users")
    _apply(store, created("a", actor="cy"))
    people = {person.user_id: person for person in store.people()}
    assert [person.user_id for person in store.people()] == ["ann", "cy", "bob"]
    assert (people["ann"].is_online, people["bob"].is_online) == (True, False)
    assert (people["ann"].last_action, people["ann"].actions) == ("export", 2)
    assert people["cy"].last_action == "created"


def test_an_unknown_type_is_kept_and_counted() -> None:
    """A newer gateway's event doesn't stop the stream."""
    store = Store()
    assert _apply(store, envelope("system:novelty", {"x": 1}), channel="system") == 1
    assert store.totals()["type:system:novelty"] == 1
    assert store.position("system") == Position("e", 1)


def test_collections_are_told_in_numbers() -> None:
    """Count, totals, last change, rate of the last minute, version."""
    store = Store()
    _apply(store, created("a"), created("b"), updated("a", n=1), deleted("b"))
    (summary,) = store.collections()
    assert (summary.name, summary.count) == ("orders", 1)
    assert (summary.created, summary.updated, summary.deleted) == (2, 1, 1)
    assert (summary.rate_per_min, summary.last_change_at) == (4, NOW)
    assert store.collections(now=NOW + 120)[0].rate_per_min == 0
    assert summary.version == store.version(ORDERS)


def test_recent_is_in_order_of_change() -> None:
    """The document changed last comes first, however old it is."""
    store = Store()
    _apply(store, created("a"), created("b"), created("c"), updated("a", n=1))
    assert [state.id for state in store.recent("orders", 2)] == ["a", "c"]
    assert store.recent("nothing", 5) == ()
    assert store.document("nothing", "x") is None


def test_what_was_never_heard_of_is_empty() -> None:
    """Readers needn't ask whether something exists."""
    store = Store()
    assert dict(store.collection("orders").documents) == {}
    assert store.rates("type:x", now=NOW, bucket_s=1, buckets=3) == (0, 0, 0)
    assert store.collections() == ()
    assert store.frame("orders").empty
    assert store.sequence == 0


def test_asking_for_more_buckets_than_are_kept_is_an_error() -> None:
    """Zeros for what isn't known would be a lie."""
    with pytest.raises(ValueError, match="600 buckets"):
        Store().rates("all", now=NOW, bucket_s=1, buckets=601)


_STEPS = st.lists(
    st.tuples(st.sampled_from(["created", "updated", "deleted"]), st.sampled_from("abc"), st.integers(0, 3)),
    max_size=30,
)


@given(steps=_STEPS, snapshot_at=st.integers(0, 30), again_from=st.integers(0, 30), cuts=st.lists(st.integers(1, 5)))
def test_a_snapshot_at_any_point_and_repeats_give_what_events_alone_give(
    steps: Sequence[tuple[str, str, int]], snapshot_at: int, again_from: int, cuts: list[int]
) -> None:
    """Wherever a snapshot comes in, and however much is sent again after it, the documents are the same."""
    makers = {"created": created, "updated": updated}
    events = [
        (makers[kind](key, n=value) if kind in makers else deleted(key), offset)
        for offset, (kind, key, value) in enumerate(steps, 1)
    ]
    plain, resumed = Store(), Store()
    plain.apply(ORDERS, events, epoch="e", now=NOW)
    source = Store()
    source.apply(ORDERS, events[:snapshot_at], epoch="e", now=NOW)
    listing = [(state.document, state.offset) for state in source.collection("orders").documents.values()]
    # The position may be older than the documents: pages are read after it.
    position = Position("e", min(snapshot_at, again_from, len(events)))
    resumed.load_snapshot("orders", listing, position=position, now=NOW)
    rest = events[position.offset :]
    for size in [*cuts, len(rest)]:
        resumed.apply(ORDERS, rest[:size], epoch="e", now=NOW)
    assert _documents(resumed) == _documents(plain)
    assert resumed.totals()["duplicates"] >= 0
