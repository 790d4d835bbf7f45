"""The outbox's entries in the store: what is shown of them, never mixed into documents."""

from __future__ import annotations

import msgspec

from realtime.store import OutboxEntry, OutboxState, Store

ENTRY = OutboxEntry(number=1, key=("/t", "e"), type="collection:created", envelope=b"{}", created_at=1.0)


def test_a_change_of_the_outbox_raises_its_topic_once() -> None:
    """The same entries again wake nobody."""
    store = Store()
    store.set_outbox([])
    assert store.version("outbox") == 0
    store.set_outbox([ENTRY])
    version = store.version("outbox")
    assert version > 0
    assert store.outbox == (ENTRY,)
    store.set_outbox([ENTRY])
    assert store.version("outbox") == version
    assert store.collections() == ()


def test_an_entry_is_open_until_it_is_answered() -> None:
    """Pending and sent alike."""
    open_ones = [state for state in OutboxState if msgspec.structs.replace(ENTRY, state=state).is_open]
    assert open_ones == [OutboxState.PENDING, OutboxState.SENT]
