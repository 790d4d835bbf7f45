"""The connection's machine: every pair of fact and phase, and what must hold whatever happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime.client.connection import OPENING_S, Connection, Retry
from realtime.client.phases import TRANSITIONS, Dial, Effect, Hangup, Open, Phase, Ping, Raise, Renew
from realtime.client.route import Choice
from realtime.errors import ProtocolError
from realtime.protocol.events import ConnectionEstablished, ConnectionLost, ConnectionRestored
from realtime.store import ConnectionState

NOW = 1_800_000_000.0
PING_S = 25.0


def _in(phase: Phase, *, jitter: Callable[[], float] = lambda: 1.0) -> Connection:
    """Bring a connection into a phase by facts alone."""
    connection = Connection(jitter=jitter)
    if phase is Phase.IDLE:
        return connection
    connection.start(NOW)
    if phase is Phase.WAITING:
        connection.dial_failed(1, "refused", NOW)
    if phase in (Phase.DIALING, Phase.WAITING):
        return connection
    connection.dialed(1, NOW)
    if phase is Phase.REFUSED:
        connection.closed(1, NOW, code=3500, reason="no")
    if phase in (Phase.OPENING, Phase.REFUSED):
        return connection
    connection.welcomed(1, NOW, ping_s=PING_S)
    if phase is Phase.LIVE:
        connection.synced(1, NOW)
    return connection


_FACTS: dict[str, Callable[[Connection], object]] = {
    "start": lambda c: c.start(NOW),
    "stop": lambda c: c.stop(NOW),
    "reconnect": lambda c: c.reconnect(NOW),
    "woke": lambda c: c.woke(NOW),
    "dialed": lambda c: c.dialed(c.generation, NOW),
    "dial_failed": lambda c: c.dial_failed(c.generation, "x", NOW),
    "welcomed": lambda c: c.welcomed(c.generation, NOW, ping_s=PING_S),
    "refused": lambda c: c.refused(c.generation, NOW, code=103, reason="x", is_temporary=False),
    "refused_for_now": lambda c: c.refused(c.generation, NOW, code=100, reason="x", is_temporary=True),
    "synced": lambda c: c.synced(c.generation, NOW),
    "unsynced": lambda c: c.unsynced(c.generation, NOW),
    "closed": lambda c: c.closed(c.generation, NOW, code=3001),
    "closed_for_good": lambda c: c.closed(c.generation, NOW, code=3500),
    "due": lambda c: c.tick(NOW + 5),
    "silent": lambda c: c.tick(NOW + 1000),
}
_I, _D, _O, _S, _L, _W, _R = (
    Phase.IDLE, Phase.DIALING, Phase.OPENING, Phase.SYNCING, Phase.LIVE, Phase.WAITING, Phase.REFUSED,
)  # fmt: skip
_X = None  # raises, changes nothing
# Columns: IDLE, DIALING, OPENING, SYNCING, LIVE, WAITING, REFUSED
_EXPECTED: dict[str, tuple[Phase | None, ...]] = {
    "start": (_D, _D, _O, _S, _L, _W, _D),
    "stop": (_I, _I, _I, _I, _I, _I, _I),
    "reconnect": (_D, _D, _D, _D, _D, _D, _D),
    "woke": (_I, _D, _D, _D, _D, _D, _R),
    "dialed": (_I, _O, _X, _X, _X, _W, _R),
    "dial_failed": (_I, _W, _W, _W, _W, _W, _R),
    "welcomed": (_I, _X, _S, _X, _S, _W, _R),
    "refused": (_I, _R, _R, _R, _R, _W, _R),
    "refused_for_now": (_I, _W, _W, _W, _W, _W, _R),
    "synced": (_I, _X, _X, _L, _L, _W, _R),
    "unsynced": (_I, _D, _O, _S, _S, _W, _R),
    "closed": (_I, _W, _W, _W, _W, _W, _R),
    "closed_for_good": (_I, _R, _R, _R, _R, _W, _R),
    "due": (_I, _D, _W, _S, _L, _D, _R),
    "silent": (_I, _D, _W, _W, _W, _D, _R),
}
_PHASES = (_I, _D, _O, _S, _L, _W, _R)


@pytest.mark.parametrize("fact", _FACTS)
@pytest.mark.parametrize("phase", _PHASES)
def test_every_fact_in_every_phase(fact: str, phase: Phase) -> None:
    """Each pair leads where the table of this test says; an absent one raises and changes nothing."""
    connection = _in(phase)
    assert connection.phase is phase
    expected = _EXPECTED[fact][_PHASES.index(phase)]
    if expected is None:
        with pytest.raises(ProtocolError):
            _FACTS[fact](connection)
        assert connection.phase is phase
        return
    _FACTS[fact](connection)
    assert connection.phase is expected


@pytest.mark.parametrize("source", _PHASES)
@pytest.mark.parametrize("target", _PHASES)
def test_the_setter_obeys_the_table(source: Phase, target: Phase) -> None:
    """What the table doesn't name can't be entered, whatever asks for it."""
    connection = _in(source)
    if target in TRANSITIONS[source]:
        connection._enter(target, NOW)
        assert connection.phase is target
    else:
        with pytest.raises(ProtocolError):
            connection._enter(target, NOW)
        assert connection.phase is source


def test_the_way_to_live_and_back() -> None:
    """Established once, lost with its reason, restored with the downtime."""
    connection = Connection(jitter=lambda: 0.5)
    assert connection.start(NOW) == [Dial(1)]
    assert connection.dialed(1, NOW) == [Open(1)]
    connection.welcomed(1, NOW, ping_s=PING_S)
    (raised,) = connection.synced(1, NOW)
    assert isinstance(raised, Raise)
    assert isinstance(raised.event, ConnectionEstablished)
    hangup, lost = connection.closed(1, NOW + 10, reason="Cut.")
    assert hangup == Hangup(1, "Cut.")
    assert isinstance(lost, Raise)
    assert isinstance(lost.event, ConnectionLost)
    assert lost.event.reason == "Cut."
    assert connection.state is ConnectionState.RECONNECTING
    assert connection.tick(NOW + 11) == [Dial(2)]
    connection.dialed(2, NOW + 12)
    connection.welcomed(2, NOW + 12, ping_s=PING_S)
    (restored,) = connection.synced(2, NOW + 13)
    assert isinstance(restored, Raise)
    assert isinstance(restored.event, ConnectionRestored)
    assert restored.event.downtime == 3.0
    assert (connection.reconnects, connection.attempts) == (1, 0)


def test_a_loss_is_told_once_however_many_dials_fail() -> None:
    """Failing again before being in sync is the same outage."""
    connection = _in(Phase.LIVE)
    assert len(connection.closed(1, NOW)) == 2
    connection.tick(NOW + 5)
    connection.dialed(2, NOW + 5)
    connection.welcomed(2, NOW + 5, ping_s=PING_S)
    assert connection.closed(2, NOW + 6) == [Hangup(2, "The connection was cut.")]
    assert connection.lost_at == NOW


def test_backoff_doubles_to_the_cap_and_starts_over_only_when_synced() -> None:
    """A server that lets everyone in and drops them at once is not hammered."""
    connection = Connection(jitter=lambda: 1.0)
    connection.start(NOW)
    waits = []
    for generation in range(1, 9):
        connection.dialed(generation, NOW)
        connection.welcomed(generation, NOW, ping_s=PING_S)
        connection.closed(generation, NOW)
        assert connection.next_dial_at is not None
        waits.append(round(connection.next_dial_at - NOW, 6))
        connection.tick(NOW + 100)
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4.0, 4.0]
    connection.dialed(9, NOW)
    connection.welcomed(9, NOW, ping_s=PING_S)
    connection.synced(9, NOW)
    connection.closed(9, NOW)
    assert connection.next_dial_at == pytest.approx(NOW + 0.1)


def test_a_wait_ends_at_once_on_request() -> None:
    """`reconnect` doesn't sit out the backoff."""
    connection = _in(Phase.WAITING)
    assert connection.reconnect(NOW) == [Dial(2)]


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.SYNCING, Phase.LIVE])
def test_after_a_sleep_the_socket_is_hung_up_and_dialed_anew(phase: Phase) -> None:
    """Without waiting for silence to prove it dead, and with the backoff started over."""
    connection = _in(phase)
    connection.attempts = 7
    effects = connection.woke(NOW + 7200)
    assert effects[0] == Hangup(1, "The machine was asleep.")
    assert effects[-1] == Dial(2)
    assert [type(effect) for effect in effects[1:-1]] == ([Raise] if phase is Phase.LIVE else [])
    assert (connection.attempts, connection.generation) == (1, 2)


def test_after_a_sleep_a_wait_is_over() -> None:
    """Dials that failed before the lid was closed say nothing about the network of now."""
    connection = _in(Phase.WAITING)
    connection.attempts = 7
    assert connection.woke(NOW + 7200) == [Dial(2)]
    assert connection.attempts == 1


def test_a_stale_dial_is_hung_up_and_counted() -> None:
    """A socket that comes after it was given up must not be used."""
    connection = _in(Phase.DIALING)
    connection.stop(NOW)
    connection.start(NOW)
    assert connection.dialed(1, NOW) == [Hangup(1, "An older dial.")]
    assert connection.dial_failed(1, "x", NOW) == []
    connection.welcomed(1, NOW, ping_s=PING_S)
    assert (connection.phase, connection.stale_facts) == (Phase.DIALING, 3)


@pytest.mark.parametrize(
    ("code", "comes_back"),
    [
        (1000, True), (1006, True), (1009, False), (3000, True), (3499, True), (3500, False), (3999, False),
        (4000, True), (4499, True), (4500, False), (4999, False), (5000, True),
    ],
)  # fmt: skip
def test_close_codes_are_obeyed(code: int, comes_back: bool) -> None:
    """The boundaries that the public SDKs test: 3500–3999 and 4500–4999 end it, 1009 too."""
    connection = _in(Phase.LIVE)
    connection.closed(1, NOW, code=code)
    assert (connection.phase is Phase.WAITING) is comes_back


def test_an_expired_token_is_worth_another_try() -> None:
    """109 asks for a fresh token, which every dial fetches."""
    connection = _in(Phase.OPENING)
    connection.refused(1, NOW, code=109, reason="token expired", is_temporary=False)
    assert connection.phase is Phase.WAITING


def test_dead_is_no_traffic_at_all_for_ping_and_slack() -> None:
    """Anything heard puts it off, not only pings."""
    connection = _in(Phase.LIVE)
    assert connection.wake_at == NOW + PING_S + 10
    connection.heard(1, NOW + 20)
    assert connection.tick(NOW + PING_S + 11) == []
    effects = connection.tick(NOW + 20 + PING_S + 10)
    assert isinstance(effects[0], Hangup)
    assert connection.reason == "The gateway gave no sign of life for 35 s."
    assert connection.phase is Phase.WAITING


def test_a_gateway_without_pings_is_never_called_dead() -> None:
    """A ping interval of 0 says that silence means nothing."""
    connection = _in(Phase.OPENING)
    connection.welcomed(1, NOW, ping_s=0)
    assert connection.wake_at is None
    assert connection.tick(NOW + 1e6) == []


def test_traffic_doesnt_replace_the_answer_to_connect() -> None:
    """A server that pings but never lets us in is given up after five seconds."""
    connection = _in(Phase.OPENING)
    connection.heard(1, NOW + 4)
    assert connection.tick(NOW + OPENING_S - 0.1) == []
    assert connection.tick(NOW + OPENING_S) != []


def test_a_heartbeat_asks_before_it_gives_up() -> None:
    """Silence is answered by a ping of ours, once per interval, then by hanging up."""
    connection = _in(Phase.LIVE)
    connection.retry = Retry(heartbeat_s=5, slack_s=2)
    assert connection.tick(NOW + 4.9) == []
    assert connection.tick(NOW + 5) == [Ping(1)]
    assert connection.tick(NOW + 5.1) == []
    assert connection.wake_at == NOW + 7
    assert isinstance(connection.tick(NOW + 7)[0], Hangup)


def test_a_token_is_renewed_before_it_expires() -> None:
    """At four fifths of its life, and again after each renewal."""
    connection = _in(Phase.OPENING)
    connection.welcomed(1, NOW, ping_s=0, expires_in_s=100)
    assert connection.wake_at == NOW + 80
    assert connection.tick(NOW + 80) == [Renew(1)]
    assert connection.tick(NOW + 81) == []
    connection.renewed(1, NOW + 81, expires_in_s=100)
    assert connection.wake_at == NOW + 161


def test_a_clock_set_back_doesnt_stop_it() -> None:
    """An hour back isn't an hour's wait for the next dial, nor an hour without noticing death."""
    waiting = _in(Phase.WAITING)
    assert waiting.tick(NOW - 3600) == [Dial(2)]
    live = _in(Phase.LIVE)
    live.tick(NOW - 3600)
    assert isinstance(live.tick(NOW - 3600 + PING_S + 10)[0], Hangup)


def test_a_hole_while_live_means_not_current() -> None:
    """What is held isn't called current while it is being caught up; nobody is told of a loss."""
    connection = _in(Phase.LIVE)
    connection.unsynced(1, NOW)
    assert connection.state is ConnectionState.SYNCING
    assert connection.synced(1, NOW) == []


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        (Phase.IDLE, ConnectionState.DISCONNECTED), (Phase.DIALING, ConnectionState.CONNECTING),
        (Phase.OPENING, ConnectionState.CONNECTING), (Phase.SYNCING, ConnectionState.SYNCING),
        (Phase.LIVE, ConnectionState.CONNECTED), (Phase.WAITING, ConnectionState.RECONNECTING),
        (Phase.REFUSED, ConnectionState.REFUSED),
    ],
)  # fmt: skip
def test_every_phase_has_a_word(phase: Phase, state: ConnectionState) -> None:
    """People are told one of six words."""
    assert _in(phase).state is state


@given(attempts=st.integers(0, 2000), jitter=st.floats(0, 1))
def test_backoff_stays_in_bounds(attempts: int, jitter: float) -> None:
    """Never below nothing, never above the cap."""
    assert 0 <= Retry().delay_s(attempts, jitter=lambda: jitter) <= 4.0


class _Life(RuleBasedStateMachine):
    """Random facts, current and stale, with a model of the sockets that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.jitters = 0.0
        self.connection = Connection(jitter=lambda: self.jitters)
        self.dialing: set[int] = set()
        self.open: set[int] = set()
        self.generation = 0
        self.news: list[type] = []

    def obey(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Dial):
                assert effect.generation > self.generation, "generations only rise"
                self.generation = effect.generation
                self.dialing = {effect.generation}  # the driver dials one after the other
            elif isinstance(effect, Hangup):
                self.open.discard(effect.generation)
            elif isinstance(effect, Raise):
                self.news.append(type(effect.event))

    def fact(self, call: Callable[[], list[Effect] | None], *, may_start_over: bool = False) -> None:
        before, attempts = self.connection.phase, self.connection.attempts
        try:
            self.obey(call() or [])
        except ProtocolError:
            assert self.connection.phase is before
        assert self.connection.attempts >= attempts or may_start_over, "the backoff starts over only once synced"

    def told(self, generation: int, call: Callable[[], list[Effect] | None], *, may_start_over: bool = False) -> None:
        """Give a fact about a dial; about an older one it changes nothing but the count of such facts."""
        if generation == self.connection.generation:
            self.fact(call, may_start_over=may_start_over)
            return
        before = {**vars(self.connection), "stale_facts": 0}
        self.fact(call)
        assert {**vars(self.connection), "stale_facts": 0} == before

    @rule(seconds=st.floats(-5, 60))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.fact(lambda: self.connection.tick(self.now))

    @rule(jitter=st.floats(0, 1))
    def chance(self, jitter: float) -> None:
        self.jitters = jitter

    @rule(wish=st.sampled_from(["start", "stop", "reconnect", "woke"]))
    def owner(self, wish: str) -> None:
        self.fact(lambda: getattr(self.connection, wish)(self.now), may_start_over=wish in ("start", "woke"))

    @rule(choice=st.sampled_from(["auto", "websocket", "polling"]))
    def choose(self, choice: Choice) -> None:
        self.fact(lambda: self.connection.set_transport(choice, self.now))

    @rule(back=st.integers(0, 2))
    def dialed(self, back: int) -> None:
        generation = self.generation - back
        if generation in self.dialing:
            self.dialing.discard(generation)
            self.open.add(generation)
        self.told(generation, lambda: self.connection.dialed(generation, self.now))

    @rule(back=st.integers(0, 2))
    def dial_failed(self, back: int) -> None:
        generation = self.generation - back
        if generation in self.dialing:
            self.dialing.discard(generation)
            self.told(generation, lambda: self.connection.dial_failed(generation, "no", self.now))

    @rule(
        back=st.integers(0, 2),
        name=st.sampled_from(["welcomed", "synced", "unsynced", "closed", "ended", "refused", "probed"]),
    )
    def gateway(self, back: int, name: str) -> None:
        generation, connection, now = self.generation - back, self.connection, self.now
        calls: dict[str, Callable[[], list[Effect] | None]] = {
            "welcomed": lambda: connection.welcomed(generation, now, ping_s=PING_S),
            "synced": lambda: connection.synced(generation, now),
            "unsynced": lambda: connection.unsynced(generation, now),
            "closed": lambda: connection.closed(generation, now, code=3001),
            "ended": lambda: connection.closed(generation, now, code=3500),
            "probed": lambda: connection.probed(generation, now, is_open=True),
            "refused": lambda: connection.refused(generation, now, code=100, reason="x", is_temporary=True),
        }
        self.told(generation, calls[name], may_start_over=name == "synced")

    @invariant()
    def never_two_live(self) -> None:
        assert len(self.open) <= 1

    @invariant()
    def a_socket_exactly_when_the_phase_says_so(self) -> None:
        has_socket = self.connection.phase in (Phase.OPENING, Phase.SYNCING, Phase.LIVE)
        assert self.open == ({self.connection.generation} if has_socket else set())

    @invariant()
    def people_are_told_of_each_loss_and_each_return_once(self) -> None:
        told, live = self.news, self.connection.phase is Phase.LIVE
        assert told[:1] in ([], [ConnectionEstablished])
        assert told[1::2] == [ConnectionLost] * len(told[1::2])
        assert told[2::2] == [ConnectionRestored] * len(told[2::2])
        assert not live or len(told) % 2 == 1, "live, and people think it is lost"
        is_away = self.connection.phase in (Phase.WAITING, Phase.REFUSED, Phase.IDLE)
        assert not is_away or not told or len(told) % 2 == 0, "away, and nobody was told"

    @invariant()
    def only_a_choice_that_allows_it_is_dialed(self) -> None:
        assert self.connection.phase is not Phase.LIVE or self.connection.route.allows(self.connection.over)

    @invariant()
    def waits_are_in_bounds(self) -> None:
        is_waiting = self.connection.phase is Phase.WAITING
        assert (self.connection.next_dial_at is not None) == is_waiting
        if self.connection.next_dial_at is not None:
            assert self.connection.next_dial_at - self.connection.since <= 4.0


TestLife = _Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
