"""What the public SDKs' own tests say of reconnecting and recovering, restated for our client over a real socket.

centrifuge-python: tests/test_state_invalidation.py, test_unsubscribe.py, and the rules its client keeps about codes;
centrifuge-js: src/recovery.test.ts, src/network_events.test.ts. The words are ours, the behaviour is theirs.
"""

from __future__ import annotations

import pytest

from realtime.client import ConnectionState
from realtime.protocol.frames import ErrorFrame, Push, UnsubscribePush
from realtime.protocol.positions import Position
from realtime.store import Store
from tests.client.world import World
from tests.store.making import ORDERS, created

_COME_BACK = (3000, 3001, 3010, 3499, 4000, 4499)
_STAY_AWAY = (3500, 3999, 4500, 4999)


@pytest.fixture
def live(scripted: World) -> World:
    """Give a client that is in sync, with one document."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.connect()
    return scripted


def _subscribes(world: World, channel: str = ORDERS) -> list[Position | None]:
    """Return from where a channel was subscribed to, oldest first; None without recovery."""
    return [
        Position(one.epoch, one.offset) if one.recover else None
        for one in world.gateway.subscribes
        if one.channel == channel
    ]


@pytest.mark.parametrize("announced", [False, True], ids=["close frame", "push"])
@pytest.mark.parametrize("code", _COME_BACK)
def test_these_codes_invite_back_and_the_position_is_kept(live: World, code: int, announced: bool) -> None:
    """Both sides of each boundary; a push before the close frame says the same."""
    live.gateway.close(code, announced=announced)
    live.gateway.publish(ORDERS, created("b"), is_lost=True)
    live.settle(2)
    assert live.ids() == {"a", "b"}
    assert _subscribes(live)[-1] == Position("e1", 1)


@pytest.mark.parametrize("announced", [False, True], ids=["close frame", "push"])
@pytest.mark.parametrize("code", _STAY_AWAY)
def test_these_codes_are_an_end(live: World, code: int, announced: bool) -> None:
    """Nobody dials again until asked to."""
    live.gateway.close(code, announced=announced)
    live.until(lambda: live.client.connection_state is ConnectionState.REFUSED)
    assert live.store.connection.next_dial_at is None
    assert live.store.connection.dials == 1
    live.client.reconnect()
    live.settle(2)


def test_a_temporary_error_to_connect_is_tried_again(scripted: World) -> None:
    """With the backoff, until it is let in."""
    scripted.gateway.refusal = ErrorFrame(code=100, message="internal server error", temporary=True)
    scripted.client.connect()
    scripted.until(lambda: len(scripted.gateway.connects) >= 3)
    scripted.gateway.refusal = None
    scripted.until(lambda: scripted.client.is_connected)


def test_another_error_to_connect_is_an_end(scripted: World) -> None:
    """What isn't temporary isn't repeated."""
    scripted.gateway.refusal = ErrorFrame(code=103, message="permission denied")
    scripted.client.connect()
    scripted.until(lambda: scripted.client.connection_state is ConnectionState.REFUSED)
    assert len(scripted.gateway.connects) == 1


def test_an_expired_token_is_replaced_by_a_fresh_one(scripted: World) -> None:
    """109 isn't marked temporary, and yet it is worth another dial."""
    tokens = iter(f"token-{number}" for number in range(1000))
    store = Store()
    client = scripted.another(store, token=lambda: next(tokens))
    scripted.gateway.refusal = ErrorFrame(code=109, message="token expired")
    client.connect()
    scripted.until(lambda: len(scripted.gateway.connects) >= 2)
    scripted.gateway.refusal = None
    scripted.until(lambda: client.is_connected)
    sent = [one.token for one in scripted.gateway.connects]
    assert len(set(sent)) == len(sent)


@pytest.mark.parametrize("code", [2500, 2501, 2999])
def test_an_unsubscribe_that_invites_back_resumes(live: World, code: int) -> None:
    """Without a new dial, and what was missed in between comes."""
    live.gateway.publish(ORDERS, created("b"), is_lost=True)
    live.gateway.push(Push(channel=ORDERS, unsubscribe=UnsubscribePush(code=code, reason="insufficient state")))
    live.until(lambda: live.ids() == {"a", "b"})
    assert _subscribes(live)[-1] == Position("e1", 1)
    assert live.store.connection.dials == 1


@pytest.mark.parametrize("code", [2000, 2499])
def test_an_unsubscribe_that_doesnt_is_an_end_of_that_channel_alone(live: World, code: int) -> None:
    """The others go on, and nobody asks for it again on this connection."""
    before = len(_subscribes(live))
    live.gateway.push(Push(channel=ORDERS, unsubscribe=UnsubscribePush(code=code, reason="banned")))
    live.gateway.publish("collection:notes", created("n"), announce=True)
    live.until(lambda: len(live.store.collection("notes").documents) == 1)
    assert live.client.is_connected
    assert len(_subscribes(live)) == before


def test_an_invalidated_subscription_starts_from_scratch(live: World) -> None:
    """2502: the position is of a state that is no more; a snapshot is taken though the position would do."""
    live.gateway.push(Push(channel=ORDERS, unsubscribe=UnsubscribePush(code=2502, reason="state invalidated")))
    live.until(lambda: len(_subscribes(live)) == 2)
    live.until(lambda: live.client.is_connected)
    assert _subscribes(live)[-1] is None
    assert live.ids() == {"a"}


def test_an_invalidated_connection_starts_from_scratch_with_a_fresh_token(live: World) -> None:
    """3014: tokens and positions alike."""
    live.gateway.close(3014)
    live.settle(2)
    assert _subscribes(live)[-1] is None
    assert live.ids() == {"a"}
    assert live.store.gaps == ()


def test_an_unrecoverable_position_is_subscribed_without_recovery(live: World) -> None:
    """112 as an answer to subscribe: no error for people, the state is loaded from scratch."""
    live.gateway.refused_channels[ORDERS] = ErrorFrame(code=112, message="unrecoverable position")
    live.gateway.cut()
    live.until(lambda: _subscribes(live)[-1] is None and Position("e1", 1) in _subscribes(live))
    del live.gateway.refused_channels[ORDERS]
    live.until(lambda: live.client.is_connected)
    assert live.ids() == {"a"}


def test_an_overrun_history_is_loaded_and_live_goes_on(live: World) -> None:
    """`recovered: false` to a resume: the state comes whole, and what follows comes live."""
    live.gateway.publish(ORDERS, *(created(f"d{number}") for number in range(4)), is_lost=True)
    live.gateway.trimmed_to = 3
    live.gateway.cut()
    live.settle(2)
    assert live.ids() == {"a", "d0", "d1", "d2", "d3"}
    live.gateway.publish(ORDERS, created("after"))
    live.until(lambda: "after" in live.ids())


def test_what_was_missed_comes_in_order_before_what_is_live(live: World) -> None:
    """Three while away, one after."""
    live.gateway.cut()
    live.gateway.publish(ORDERS, *(created(f"m{number}") for number in range(3)), is_lost=True)
    live.settle(2)
    live.gateway.publish(ORDERS, created("after"))
    live.until(lambda: "after" in live.ids())
    offsets = [entry.offset for entry in live.store.feed(channels=(ORDERS,))]
    assert offsets == [5, 4, 3, 2, 1]
    assert live.store.totals()["duplicates"] == 0


def test_a_temporary_error_to_subscribe_is_tried_again(scripted: World) -> None:
    """100, with a growing wait, on the same connection."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.gateway.refused_channels[ORDERS] = ErrorFrame(code=100, message="internal", temporary=True)
    scripted.client.connect()
    scripted.until(lambda: len(_subscribes(scripted)) >= 2)
    del scripted.gateway.refused_channels[ORDERS]
    scripted.until(lambda: scripted.client.is_connected)
    assert scripted.ids() == {"a"}
    assert scripted.store.connection.dials == 1


def test_another_error_to_subscribe_is_an_end_of_that_channel_alone(scripted: World) -> None:
    """103: the rest is in sync without it."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.gateway.refused_channels[ORDERS] = ErrorFrame(code=103, message="permission denied")
    scripted.connect()
    assert scripted.ids() == set()
    assert len(_subscribes(scripted)) == 1
