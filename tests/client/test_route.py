"""Which way to dial, and how often to poll: decided by numbers alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.client.connection import Connection
from realtime.client.pace import POLL_S, QUIET_POLL_S, Pace
from realtime.client.phases import Dial, Hangup, Open, Phase, Probe, Raise
from realtime.client.route import PROBE_CAP_S, Choice, Route
from realtime.protocol.events import ConnectionLost

NOW = 1_800_000_000.0


def _connection(transport: Choice = "auto") -> Connection:
    connection = Connection(jitter=lambda: 0.5, transport=transport)
    connection.start(NOW)
    return connection


def _polling() -> Connection:
    """Be live by polls, after two dials of the socket came to nothing."""
    connection = _connection()
    connection.dial_failed(1, "HTTP 403", NOW)
    connection.tick(NOW + 5)
    assert connection.dial_failed(2, "HTTP 403", NOW + 5) == [Dial(3, "polling")]
    assert connection.dialed(3, NOW + 5) == [Open(3)]
    connection.welcomed(3, NOW + 5, ping_s=0)
    assert len(connection.synced(3, NOW + 5)) == 1
    return connection


def test_two_sockets_are_tried_before_polling() -> None:
    """One failed dial is a hiccup; polling then follows the second at once."""
    connection = _connection()
    assert connection.dial_failed(1, "no", NOW) == []
    assert connection.phase is Phase.WAITING
    assert connection.tick(NOW + 5) == [Dial(2)]
    assert connection.dial_failed(2, "no", NOW + 5) == [Dial(3, "polling")]


def test_a_socket_that_an_operator_switched_off_is_polled_instead_at_once() -> None:
    """It takes no second try, and nobody is told of a loss: nothing is broken, and nothing is missed."""
    for was_live in (True, False):
        connection = _connection()
        connection.dialed(1, NOW)
        if was_live:
            connection.welcomed(1, NOW, ping_s=25)
            connection.synced(1, NOW)
        effects = connection.closed(1, NOW + 1, code=4200, reason="websocket switched off")
        assert effects == [Hangup(1, "websocket switched off"), Dial(2, "polling")]


def test_a_socket_that_is_the_only_way_allowed_is_dialed_again_when_it_is_switched_off() -> None:
    """With the usual patience; the reason is said."""
    connection = _connection("websocket")
    connection.dialed(1, NOW)
    connection.closed(1, NOW, code=4200, reason="websocket switched off")
    assert connection.phase is Phase.WAITING
    assert connection.reason == "websocket switched off"


def test_the_socket_is_looked_for_at_once_when_there_is_reason_to() -> None:
    """And soon again if it isn't there yet; not where there is nothing to look for."""
    connection = _polling()
    connection.tick(connection.route.probe_at or 0.0)
    assert connection.hurry(NOW + 9) == []
    assert connection.tick(NOW + 9) == [Probe(3)]
    assert connection.route.probe_at == pytest.approx(NOW + 9 + 2)
    idle = _connection("polling")
    idle.hurry(NOW)
    assert idle.route.probe_at is None


def test_a_hole_found_while_polling_doesnt_put_the_next_look_at_the_socket_off() -> None:
    """Where every poll finds one, the socket would never be tried again."""
    connection = _polling()
    due = connection.route.probe_at
    assert due is not None
    for second in range(1, 4):
        connection.unsynced(3, NOW + 5 + second / 10)
        connection.synced(3, NOW + 5 + second / 10)
    assert connection.route.probe_at == due
    assert connection.tick(due) == [Probe(3)]


def test_where_polls_arent_answered_either_the_socket_is_tried_first_each_time() -> None:
    """A gateway that is down comes back to the socket. A round is one attempt, and says why there is no socket."""
    connection, now, waits = _connection(), NOW, []
    for _ in range(6):
        [first] = [Dial(connection.generation)]
        assert connection.over == first.over
        for dial in connection.dial_failed(connection.generation, "HTTP 403", now):
            assert isinstance(dial, Dial)
            connection.dial_failed(dial.generation, "nothing listens", now)
        assert connection.reason == "HTTP 403"
        assert connection.next_dial_at is not None
        waits.append(connection.next_dial_at - now)
        now += 10
        connection.tick(now)
    assert waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.6], abs=1e-5)


def test_a_socket_that_opens_and_stays_mute_counts_as_none() -> None:
    """A proxy may let the upgrade through, and nothing after it."""
    connection = _connection()
    for generation in (1, 2):
        connection.dialed(generation, NOW)
        effects = connection.closed(generation, NOW)
        if generation == 1:
            connection.tick(NOW + 5)
    assert effects == [Hangup(2, "The connection was cut."), Dial(3, "polling")]


def test_the_socket_is_probed_while_polling_more_and_more_patiently() -> None:
    """Soon at first, every ten seconds at last."""
    connection, moments = _polling(), [NOW + 5]
    for _ in range(6):
        assert connection.route.probe_at is not None
        assert connection.wake_at == connection.route.probe_at
        moments.append(connection.route.probe_at)
        assert connection.tick(moments[-1]) == [Probe(3)]
        assert connection.probed(3, moments[-1], is_open=False) == []
    assert [round(after - before, 3) for before, after in pairwise(moments)] == [
        2,
        4,
        8,
        10,
        10,
        10,
    ]


def test_a_socket_that_can_be_had_again_is_no_loss() -> None:
    """Nobody is told of an outage that none was."""
    connection = _polling()
    assert connection.probed(3, NOW + 8, is_open=True) == [
        Hangup(3, "The WebSocket can be had again."),
        Dial(4, "websocket"),
    ]
    connection.dialed(4, NOW + 8)
    connection.welcomed(4, NOW + 8, ping_s=25)
    assert connection.synced(4, NOW + 8) == []
    assert (connection.over, connection.route.probe_at, connection.reconnects) == ("websocket", None, 0)


def test_a_switch_that_comes_to_nothing_is_told_when_polls_fail_too() -> None:
    """Not before: back to polling at once is no loss either."""
    connection = _polling()
    connection.probed(3, NOW + 8, is_open=True)
    assert connection.dial_failed(4, "HTTP 502", NOW + 8) == [Dial(5, "polling")]
    [lost] = connection.dial_failed(5, "gone", NOW + 8)
    assert isinstance(lost, Raise)
    assert isinstance(lost.event, ConnectionLost)
    assert connection.phase is Phase.WAITING


def test_who_disconnects_in_the_middle_of_a_switch_is_told() -> None:
    """What they see isn't current any more, whatever it was that was dialed."""
    connection = _polling()
    connection.probed(3, NOW + 8, is_open=True)
    [lost] = connection.stop(NOW + 8)
    assert isinstance(lost, Raise)


def test_a_poll_that_fails_is_a_loss_and_the_socket_is_tried_first() -> None:
    """As with a socket that is cut."""
    connection = _polling()
    hangup, lost = connection.closed(3, NOW + 9, reason="no answer in time")
    assert isinstance(hangup, Hangup)
    assert isinstance(lost, Raise)
    assert connection.tick(NOW + 20) == [Dial(4, "websocket")]


@pytest.mark.parametrize(("choice", "way"), [("websocket", "websocket"), ("polling", "polling")])
def test_a_choice_is_obeyed_whatever_fails(choice: Choice, way: str) -> None:
    """Never the other way, and no probing."""
    connection, now = _connection(choice), NOW
    for _ in range(5):
        assert connection.over == way
        assert connection.dial_failed(connection.generation, "no", now) == []
        now += 10
        connection.tick(now)
    connection.dialed(connection.generation, now)
    connection.welcomed(connection.generation, now, ping_s=0)
    connection.synced(connection.generation, now)
    assert connection.route.probe_at is None


def test_a_choice_made_while_connected_switches_at_once() -> None:
    """There and back, and `auto` is content with what there is, but looks for the socket."""
    connection = _polling()
    assert connection.set_transport("polling", NOW) == []
    moments = [connection.wake_at]
    assert connection.set_transport("auto", NOW) == []
    moments.append(connection.wake_at)
    assert [moment is None for moment in moments] == [True, False], "only `auto` has something to probe for"
    assert connection.set_transport("websocket", NOW)[1:] == [Dial(4, "websocket")]
    connection.dialed(4, NOW)
    connection.welcomed(4, NOW, ping_s=25)
    connection.synced(4, NOW)
    assert connection.set_transport("polling", NOW)[1:] == [Dial(5, "polling")]


def test_a_stale_probe_changes_nothing() -> None:
    """Its answer came after the polls had ended."""
    connection = _polling()
    connection.reconnect(NOW + 6)
    before = connection.generation
    assert connection.probed(3, NOW + 7, is_open=True) == []
    assert connection.generation == before


@given(probes=st.integers(0, 500), jitter=st.floats(0, 1))
def test_probes_stay_in_bounds(probes: int, jitter: float) -> None:
    """Never at once, never more than a quarter past ten seconds."""
    route = Route(jitter=lambda: jitter)
    for _ in range(probes):
        route.probed(NOW)
    route.synced("polling", NOW)
    assert route.probe_at is not None
    assert 1.5 <= route.probe_at - NOW <= PROBE_CAP_S * 1.25


def test_polls_are_quick_while_something_happens_and_slow_when_nothing_does() -> None:
    """Two seconds, five after a quiet minute, two again with the first event; at once while there is more."""
    pace = Pace(NOW)
    assert pace.is_due(NOW)
    pace.answered(NOW, events=3, has_more=True)
    assert pace.due_at == NOW
    pace.answered(NOW, events=0, has_more=False)
    assert not pace.is_due(NOW + POLL_S - 0.1)
    assert pace.due_at == NOW + POLL_S
    pace.answered(NOW + 61, events=0, has_more=False)
    assert (pace.due_at, pace.interval_s) == (NOW + 61 + QUIET_POLL_S, QUIET_POLL_S)
    pace.answered(NOW + 66, events=1, has_more=False)
    assert pace.due_at == NOW + 66 + POLL_S


def test_a_clock_set_back_doesnt_stop_the_polls() -> None:
    """An hour back isn't an hour without news."""
    pace = Pace(NOW)
    pace.answered(NOW, events=0, has_more=False)
    assert pace.is_due(NOW - 3600)
