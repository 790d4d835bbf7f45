"""The session decides alone: facts in, effects out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import CommandError
from realtime.hub import Granted, Joined, OutPublication
from realtime.hub.effects import STEPS, Ask, Effects, Enter, Forward, Hangup, Leave, Limits, Live, Phase, Say
from realtime.hub.outgoing import Outgoing
from realtime.hub.session import Session
from realtime.protocol.codes import DisconnectCode, ErrorCode, hang_up, refuse
from realtime.protocol.frames import PING, Command, decode_commands, encode
from realtime.protocol.positions import Position

LIMITS = Limits(ping_s=25, pong_within_s=8, connect_within_s=10, expired_grace_s=25, channels=3)


def command(text: str) -> Command:
    """Decode one command."""
    return decode_commands(text)[0]


def waiting() -> Session:
    """Make a session nobody has spoken to."""
    return Session("c1", now=0, limits=LIMITS)


def connecting() -> tuple[Session, Ask]:
    """Make a session whose backend is deciding."""
    session = waiting()
    [ask] = session.received(command('{"id":1,"connect":{}}'))
    assert isinstance(ask, Ask)
    return session, ask


def opened(**granted: Any) -> Session:
    """Make a session that was let in at 0."""
    session, ask = connecting()
    session.granted(ask, Granted(**granted), {}, now=0)
    return session


def ask_for(session: Session, text: str) -> Ask:
    """Say a command that the backend has to answer."""
    return next(effect for effect in session.received(command(text)) if isinstance(effect, Ask))


def subscribed(session: Session, channel: str = "a", *, joined: Joined | None = None, **request: Any) -> Effects:
    """Subscribe, and let the backend agree."""
    extra = "".join(f',"{name}":{value}' for name, value in request.items())
    ask = ask_for(session, f'{{"id":9,"subscribe":{{"channel":"{channel}"{extra}}}}}')
    return session.joined(ask, joined or Joined(position=Position("e", 5)), now=0)


def code_of(effects: Effects) -> int:
    """Return the code the session hangs up or refuses with."""
    for effect in effects:
        if isinstance(effect, Hangup):
            return effect.disconnect.code
        if isinstance(effect, Say) and effect.reply.error is not None:
            return effect.reply.error.code
    raise AssertionError(effects)


def reply_of(effects: Effects) -> bytes:
    """Return the first reply, encoded."""
    return encode(next(effect.reply for effect in effects if isinstance(effect, Say)))


@pytest.mark.parametrize("before", Phase)
@pytest.mark.parametrize("after", Phase)
def test_only_the_steps_of_the_table_can_be_taken(before: Phase, after: Phase) -> None:
    """An absent pair raises and changes nothing."""
    told: list[str] = []
    session = Session("c1", now=0, limits=LIMITS, log=told.append)
    session.phase = before
    if after in STEPS[before]:
        session._set_phase(after)
        assert session.phase is after
        assert told == [f"c1: {before.value} -> {after.value}"]
    else:
        with pytest.raises(RuntimeError):
            session._set_phase(after)
        assert session.phase is before


@pytest.mark.parametrize(
    "text",
    [
        '{"id":1,"subscribe":{"channel":"a"}}',
        "{}",
        '{"id":1}',
        '{"connect":{}}',
        '{"id":-1,"connect":{}}',
        '{"send":{}}',
    ],
)
def test_whoever_does_not_connect_first_is_hung_up(text: str) -> None:
    """centrifuge: "unexpected frame before connect"."""
    assert code_of(waiting().received(command(text))) == DisconnectCode.BAD_REQUEST


@pytest.mark.parametrize(
    "text",
    [
        '{"id":2,"connect":{}}',
        "{}",
        '{"id":2}',
        '{"subscribe":{"channel":"a"}}',
        '{"id":4294967296,"rpc":{}}',
        '{"id":-2,"rpc":{}}',
        '{"id":2,"subscribe":{}}',
        '{"id":2,"unsubscribe":{}}',
        '{"id":2,"publish":{"data":1}}',
        '{"id":2,"history":{}}',
        '{"id":2,"presence":{}}',
        '{"id":2,"presence_stats":{}}',
        '{"id":2,"sub_refresh":{"token":"t"}}',
        '{"id":2,"refresh":{}}',
    ],
)
def test_nonsense_on_an_open_session_is_hung_up(text: str) -> None:
    """A second connect, an unasked pong, no id, no channel, no token: 3501."""
    session = opened()
    assert code_of(session.received(command(text))) == DisconnectCode.BAD_REQUEST
    assert session.phase is Phase.CLOSED
    assert session.received(command('{"id":3,"rpc":{}}')) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"id":2,"subscribe":{"channel":"a"}}', ErrorCode.ALREADY_SUBSCRIBED),
        ('{"id":2,"subscribe":{"channel":"%s"}}' % ("x" * 256), ErrorCode.BAD_REQUEST),
        ('{"id":2,"subscribe":{"channel":"b","offset":-1}}', ErrorCode.BAD_REQUEST),
        ('{"id":2,"publish":{"channel":"a"}}', ErrorCode.BAD_REQUEST),
        ('{"id":2,"history":{"channel":"a","limit":-2}}', ErrorCode.BAD_REQUEST),
        ('{"id":2,"presence":{"channel":"b"}}', ErrorCode.PERMISSION_DENIED),
        ('{"id":2,"presence_stats":{"channel":"b"}}', ErrorCode.PERMISSION_DENIED),
        ('{"id":2,"sub_refresh":{"channel":"b","token":"t"}}', ErrorCode.PERMISSION_DENIED),
        ('{"id":2,"sub_refresh":{"channel":"a"}}', ErrorCode.BAD_REQUEST),
    ],
)
def test_a_bad_command_is_refused_and_the_session_lives_on(text: str, code: ErrorCode) -> None:
    """Errors answer the command with its id."""
    session = opened()
    subscribed(session)
    effects = session.received(command(text))
    assert code_of(effects) == code
    assert b'"id":2' in reply_of(effects)
    assert session.phase is Phase.OPEN


def test_no_more_channels_than_allowed() -> None:
    """The fourth of three is refused with 106."""
    session = opened()
    for channel in "abc":
        subscribed(session, channel)
    assert code_of(session.received(command('{"id":2,"subscribe":{"channel":"d"}}'))) == ErrorCode.LIMIT_EXCEEDED


def test_the_connect_reply_says_who_and_how_to_live() -> None:
    """Client id, ping, pong, and the time to live."""
    session, ask = connecting()
    effects = session.granted(ask, Granted(user="u", expires_at=60, data=b'{"a":1}'), {}, now=0)
    assert reply_of(effects) == (
        b'{"id":1,"connect":{"client":"c1","expires":true,"ttl":60,"data":{"a":1},"ping":25,"pong":true}}'
    )


def test_commands_sent_along_with_connect_wait_for_it() -> None:
    """A batch may begin with connect."""
    session, ask = connecting()
    assert session.received(command('{"id":2,"subscribe":{"channel":"a"}}')) == []
    effects = session.granted(ask, Granted(), {}, now=0)
    assert [type(effect) for effect in effects] == [Say, Enter, Ask]


def test_a_refused_connect_leaves_nothing_to_do() -> None:
    """What was sent along is dropped, and the next command is hung up (centrifuge, `unusable`)."""
    session, ask = connecting()
    session.received(command('{"id":2,"rpc":{}}'))
    assert code_of(session.refused(ask, refuse(ErrorCode.TOKEN_EXPIRED))) == ErrorCode.TOKEN_EXPIRED
    assert code_of(session.received(command('{"id":3,"rpc":{}}'))) == DisconnectCode.BAD_REQUEST


def test_a_subscription_starts_at_the_top() -> None:
    """Epoch and offset come with the reply."""
    effects = subscribed(opened())
    assert reply_of(effects) == (b'{"id":9,"subscribe":{"recoverable":true,"epoch":"e","offset":5,"positioned":true}}')
    assert isinstance(effects[-1], Live)


def test_a_recovery_brings_what_was_missed() -> None:
    """The offset in the reply is the one asked for; the publications lead on from it."""
    missed = [OutPublication(b"4", offset=4), OutPublication(b"5", offset=5, tags={"t": "1"}, time_ms=7)]
    joined = Joined(position=Position("e", 5), publications=missed, recovered=True)
    effects = subscribed(opened(), joined=joined, recover="true", epoch='"e"', offset=3)
    assert reply_of(effects) == (
        b'{"id":9,"subscribe":{"recoverable":true,"epoch":"e","publications":[{"data":4,"offset":4},'
        b'{"data":5,"offset":5,"tags":{"t":"1"},"time":7}],"recovered":true,"offset":3,"positioned":true,'
        b'"was_recovering":true}}'
    )


def test_a_failed_recovery_says_so_with_the_new_position() -> None:
    """`recovered` is left out, `was_recovering` is there."""
    effects = subscribed(opened(), recover="true", epoch='"old"', offset=3)
    assert reply_of(effects) == (
        b'{"id":9,"subscribe":{"recoverable":true,"epoch":"e","offset":5,"positioned":true,"was_recovering":true}}'
    )


def test_who_wants_all_or_an_error_gets_112() -> None:
    """Flag bit 2 turns `recovered: false` into an error, and leaves no subscription."""
    session = opened()
    effects = subscribed(session, recover="true", epoch='"old"', offset=3, flag=3)
    assert code_of(effects) == ErrorCode.UNRECOVERABLE_POSITION
    assert next(effect for effect in effects if isinstance(effect, Leave)).was_granted
    assert not session.subscriptions


def test_what_is_broadcast_while_joining_follows_the_reply() -> None:
    """Nothing twice, nothing missing."""
    session = opened()
    ask = ask_for(session, '{"id":9,"subscribe":{"channel":"a"}}')
    for offset in (4, 5, 6, 7):
        session.subscriptions["a"].hold(Outgoing(b"{}", offset=offset), limit_bytes=10_000)
    effects = session.joined(ask, Joined(position=Position("e", 5)), now=0)
    assert [effect.outgoing.offset for effect in effects if isinstance(effect, Forward)] == [6, 7]
    assert isinstance(effects[0], Say)


def test_a_hole_behind_the_reply_ends_the_connection() -> None:
    """Insufficient state: the client comes back and resumes."""
    session = opened()
    ask = ask_for(session, '{"id":9,"subscribe":{"channel":"a"}}')
    session.subscriptions["a"].hold(Outgoing(b"{}", offset=7), limit_bytes=10_000)
    effects = session.joined(ask, Joined(position=Position("e", 5)), now=0)
    assert code_of(effects) == DisconnectCode.INSUFFICIENT_STATE


def test_commands_about_a_channel_wait_while_it_is_joined() -> None:
    """subscribe, unsubscribe, subscribe at once: all answered in order."""
    session = opened()
    ask = ask_for(session, '{"id":2,"subscribe":{"channel":"a"}}')
    assert session.received(command('{"id":3,"unsubscribe":{"channel":"a"}}')) == []
    assert session.received(command('{"id":4,"subscribe":{"channel":"a"}}')) == []
    effects = session.joined(ask, Joined(), now=0)
    replies = [effect.reply.id for effect in effects if isinstance(effect, Say)]
    assert replies == [2, 3]
    again = next(effect for effect in effects if isinstance(effect, Ask))
    assert again.id == 4
    assert code_of(session.refused(again, refuse(ErrorCode.PERMISSION_DENIED))) == ErrorCode.PERMISSION_DENIED
    assert session.waiting == 0
    assert not session.subscriptions


def test_unsubscribing_from_what_one_is_not_in_is_fine() -> None:
    """As with centrifuge."""
    assert (
        reply_of(opened().received(command('{"id":2,"unsubscribe":{"channel":"a"}}'))) == b'{"id":2,"unsubscribe":{}}'
    )


def test_the_server_can_end_a_subscription_even_while_it_is_joined() -> None:
    """The push comes after the reply then."""
    session = opened()
    ask = ask_for(session, '{"id":2,"subscribe":{"channel":"a"}}')
    assert session.unsubscribe("a", 2000, "bye") == []
    effects = session.joined(ask, Joined(), now=0)
    assert encode([effect.reply for effect in effects if isinstance(effect, Say)][-1]) == (
        b'{"push":{"channel":"a","unsubscribe":{"code":2000,"reason":"bye"}}}'
    )
    assert session.unsubscribe("a", 2000, "bye") == []


def test_a_ping_command_is_answered() -> None:
    """An empty ping."""
    assert reply_of(opened().received(command('{"id":2,"ping":{}}'))) == b'{"id":2,"ping":{}}'


def test_who_says_nothing_is_stale() -> None:
    """10 s for the connect command, and no second longer, even when the backend is slow."""
    for session in (waiting(), connecting()[0]):
        assert session.tick(9.9) == []
        assert code_of(session.tick(10)) == DisconnectCode.STALE


def test_pings_go_out_and_pongs_are_expected() -> None:
    """25 s, then 8 s."""
    session = opened()
    assert session.tick(24.9) == []
    assert session.tick(25) == [Say(PING)]
    assert session.next_due == 33
    assert session.received(command("{}")) == []
    assert session.tick(33) == []
    assert session.tick(50) == [Say(PING)]
    assert code_of(session.tick(58)) == DisconnectCode.NO_PONG
    assert session.tick(99) == []


def test_an_expired_connection_gets_some_grace() -> None:
    """25 s to refresh, then 3005."""
    session = opened(expires_at=5)
    assert session.tick(29.9) == [Say(PING)]
    assert code_of(session.tick(30)) == DisconnectCode.EXPIRED


def test_a_refresh_prolongs_the_connection() -> None:
    """With a new time to live; a time in the past is refused with 110."""
    session = opened(expires_at=5)
    effects = session.refreshed(ask_for(session, '{"id":2,"refresh":{"token":"t"}}'), 100, now=4)
    assert reply_of(effects) == b'{"id":2,"refresh":{"client":"c1","expires":true,"ttl":96}}'
    assert session.expires_at == 100
    effects = session.refreshed(ask_for(session, '{"id":3,"refresh":{"token":"t"}}'), 1, now=4)
    assert code_of(effects) == ErrorCode.EXPIRED


def test_an_expired_subscription_is_ended_so_that_it_is_made_again() -> None:
    """2501 after the grace; unless it is refreshed."""
    session = opened()
    subscribed(session, "a", joined=Joined(expires_at=5))
    subscribed(session, "b", joined=Joined(expires_at=5))
    ask = ask_for(session, '{"id":2,"sub_refresh":{"channel":"b","token":"t"}}')
    assert reply_of(session.refreshed(ask, 99, now=4)) == b'{"id":2,"sub_refresh":{"expires":true,"ttl":95}}'
    effects = session.tick(30)
    assert reply_of(effects) == b'{"push":{"channel":"a","unsubscribe":{"code":2501,"reason":"expired"}}}'
    assert set(session.subscriptions) == {"b"}


def test_server_side_subscriptions_come_with_the_connect_reply() -> None:
    """And end the connection when they expire, since the client can't make them again."""
    session, ask = connecting()
    request = command('{"id":1,"subscribe":{"channel":"s"}}').subscribe
    assert request is not None
    assert isinstance(session.enter("s", request)[0], Enter)
    session.enter("t", request)
    assert isinstance(session.abandon("t")[0], Leave)
    assert session.abandon("t") == []
    joins = {"s": Joined(position=Position("e", 1), expires_at=5)}
    assert b'"subs":{"s":{"expires":true,"ttl":5,' in reply_of(session.granted(ask, Granted(), joins, now=0))
    assert session.enter("u", request) == []
    assert code_of(session.tick(31)) == DisconnectCode.SUB_EXPIRED


def test_a_hole_in_a_server_side_subscription_ends_the_connection() -> None:
    """As with any other."""
    session, ask = connecting()
    request = command('{"id":1,"subscribe":{"channel":"s"}}').subscribe
    assert request is not None
    session.enter("s", request)
    session.subscriptions["s"].hold(Outgoing(b"{}", offset=7), limit_bytes=1000)
    effects = session.granted(ask, Granted(), {"s": Joined(position=Position("e", 1))}, now=0)
    assert code_of(effects) == DisconnectCode.INSUFFICIENT_STATE


def test_the_goodbye_says_whether_to_come_back() -> None:
    """A disconnect push before the close frame, and every subscription left."""
    session = opened()
    subscribed(session)
    effects = session.hang_up(hang_up(DisconnectCode.SHUTDOWN))
    assert [type(effect) for effect in effects] == [Leave, Say, Hangup]
    assert reply_of(effects) == b'{"push":{"disconnect":{"code":3001,"reason":"shutdown","reconnect":true}}}'
    assert session.hang_up(hang_up(DisconnectCode.SHUTDOWN)) == []


def test_answers_that_come_too_late_are_dropped() -> None:
    """The session is closed; nothing more comes of it."""
    session = opened()
    asks = [
        ask_for(session, '{"id":2,"subscribe":{"channel":"a"}}'),
        ask_for(session, '{"id":3,"rpc":{}}'),
        ask_for(session, '{"id":4,"refresh":{"token":"t"}}'),
    ]
    session.hang_up(hang_up(DisconnectCode.SLOW))
    assert session.joined(asks[0], Joined(), now=0) == []
    assert session.answered(PING) == []
    assert session.refreshed(asks[2], None, now=0) == []
    assert session.refused(asks[1], refuse(ErrorCode.INTERNAL)) == []
    late, ask = connecting()
    late.hang_up(hang_up(DisconnectCode.SLOW))
    assert late.granted(ask, Granted(), {}, now=0) == []


VERBS = [
    "connect", "subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history", "ping", "send", "rpc",
    "refresh", "sub_refresh",
]  # fmt: skip
REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "channel": st.sampled_from(["", "a", "b", "x" * 300]),
        "token": st.sampled_from(["", "t"]),
        "recover": st.booleans(),
        "offset": st.integers(-1, 3),
        "flag": st.integers(0, 3),
        "data": st.just({}),
        "limit": st.integers(-3, 3),
    },
)
FACTS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(VERBS), st.integers(-1, 9), REQUESTS),
        st.tuples(st.just("pong"), st.just(""), st.just(0), st.just({})),
        st.tuples(st.sampled_from(["agree", "refuse", "tick", "evict"]), st.just(""), st.integers(0, 60), st.just({})),
    ),
    max_size=40,
)


@given(FACTS)
def test_no_order_of_facts_confuses_a_session(facts: list[tuple[str, str, int, dict[str, Any]]]) -> None:
    """Whatever comes: no exception, no count below zero, and a closed session holds nothing and says nothing."""
    session = waiting()
    asks: list[Ask] = []
    now = 0.0
    for kind, verb, number, request in [("say", "connect", 1, {}), *facts]:
        was_closed = session.phase is Phase.CLOSED
        effects: Effects = []
        if kind == "say":
            effects = session.received(command(json.dumps({"id": number, verb: request})))
        elif kind == "pong":
            effects = session.received(command("{}"))
        elif kind == "tick":
            now += number
            effects = session.tick(now)
        elif kind == "evict":
            effects = session.unsubscribe("a", 2000, "")
        elif asks:
            ask = asks.pop(number % len(asks))
            effects = answer(session, ask, is_agreed=kind == "agree", now=now)
        asks += [effect for effect in effects if isinstance(effect, Ask)]
        assert session.waiting >= 0
        if was_closed:
            assert effects == []
        if session.phase is Phase.CLOSED:
            assert not session.subscriptions


def answer(session: Session, ask: Ask, *, is_agreed: bool, now: float) -> Effects:
    """Answer a command as a backend might."""
    if not is_agreed:
        return session.refused(ask, CommandError(100, "no"))
    if ask.verb == "connect":
        return session.granted(ask, Granted(expires_at=now + 50), {}, now=now)
    if ask.verb == "subscribe":
        return session.joined(ask, Joined(position=Position("e", 1), expires_at=now + 30), now=now)
    if ask.verb in ("refresh", "sub_refresh"):
        return session.refreshed(ask, now + 20, now=now)
    return session.answered(None)
