"""The hub speaks the Centrifuge protocol on real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realtime.hub import Granted, OutPublication
from realtime.hub.outgoing import outgoing_reply
from realtime.protocol.codes import DisconnectCode, ErrorCode, UnsubscribeCode, hang_up, refuse
from realtime.protocol.frames import Reply
from tests.hub.making import Served, Wire, dialled, eventually, in_loop, serving


@in_loop
async def test_every_command_is_answered() -> None:
    """One of each, in the words of the protocol."""
    async with serving() as served, dialled(served.url) as wire:
        served.backend.renewed = time.time() + 100
        reply = await wire.ask("subscribe", channel="a")
        assert reply["subscribe"] == {"recoverable": True, "positioned": True, "epoch": "first"}
        assert (await wire.ask("publish", channel="a", data={"x": 1}))["publish"] == {}
        assert await wire.publication() == {"data": {"x": 1}, "offset": 1}
        assert (await wire.ask("history", channel="a"))["history"] == {"epoch": "first", "offset": 1}
        presence = (await wire.ask("presence", channel="a"))["presence"]["presence"]
        [(client, info)] = presence.items()
        assert info == {"user": "ann", "client": client, "conn_info": {"name": "Ann"}}
        assert (await wire.ask("presence_stats", channel="a"))["presence_stats"] == {"num_clients": 1, "num_users": 1}
        assert (await wire.ask("rpc", method="echo", data=[1]))["rpc"] == {"data": [1]}
        assert (await wire.ask("ping"))["ping"] == {}
        assert 98 <= (await wire.ask("refresh", token="t"))["refresh"]["ttl"] <= 100
        assert 98 <= (await wire.ask("sub_refresh", channel="a", token="t"))["sub_refresh"]["ttl"] <= 100
        assert (await wire.ask("unsubscribe", channel="a"))["unsubscribe"] == {}
        await wire.say({"send": {"data": {"hi": 1}}})
        await eventually(lambda: served.backend.heard == [b'{"hi": 1}'])
        assert served.backend.left == ["a"]


@in_loop
async def test_every_refusal_has_the_protocols_code() -> None:
    """And the connection lives on after each."""
    async with serving() as served, dialled(served.url) as wire:
        await wire.ask("subscribe", channel="a")

        async def code(verb: str, **request: object) -> object:
            return (await wire.ask(verb, **request))["error"]["code"]

        assert await code("subscribe", channel="a") == ErrorCode.ALREADY_SUBSCRIBED
        assert await code("subscribe", channel="nowhere") == ErrorCode.UNKNOWN_CHANNEL
        assert await code("subscribe", channel="secret") == ErrorCode.PERMISSION_DENIED
        assert await code("subscribe", channel="b", recover=True, epoch="x", flag=2) == ErrorCode.UNRECOVERABLE_POSITION
        assert await code("rpc", method="nothing") == ErrorCode.METHOD_NOT_FOUND
        assert await code("publish", channel="a") == ErrorCode.BAD_REQUEST
        assert await code("presence", channel="b") == ErrorCode.PERMISSION_DENIED
        served.backend.renewed = 1.0
        assert await code("refresh", token="t") == ErrorCode.EXPIRED
        served.backend.fails = ZeroDivisionError()
        reply = await wire.ask("rpc", method="echo")
        assert reply["error"] == {"code": 100, "message": "internal server error", "temporary": True}
        served.backend.fails = refuse(ErrorCode.NOT_AVAILABLE)
        assert await code("history", channel="a") == ErrorCode.NOT_AVAILABLE
        assert served.backend.left == ["b"]


@in_loop
async def test_a_batch_is_answered_as_a_batch() -> None:
    """Several commands in a frame, connect first; the replies share a frame too."""
    async with serving() as served, dialled(served.url, is_open=False) as wire:
        asks = [{"id": n, "rpc": {"method": "echo", "data": n}} for n in range(2, 42)]
        await wire.say({"id": 1, "connect": {}}, {"id": 42, "subscribe": {"channel": "a"}}, *asks)
        for number in range(1, 43):
            assert "error" not in await wire.answer(number)
        assert len(wire.messages) < 10


@in_loop
async def test_more_commands_than_may_wait_are_all_answered() -> None:
    """The socket isn't read meanwhile, and nothing is lost."""
    async with serving() as served, dialled(served.url) as wire:
        served.backend.may_answer.clear()
        await wire.say(*({"id": n, "rpc": {"method": "echo"}} for n in range(100, 400)))
        served.backend.asked.clear()
        await served.backend.asked.wait()
        served.backend.may_answer.set()
        for number in range(100, 400):
            await wire.answer(number)


@pytest.mark.parametrize(
    "garbage",
    ["nonsense", "", "\n", "[]", "null", '{"id":1,"rpc":{}', '{"id":"x"}', "[" * 100_000, '{"id":1e400}',
     b"\x00\xff\xfe", b'{"id":7,"rpc":{"data":"\xff"}}', '{"id":8,"rpc":{"data":"%s"}}' % ("x" * 70_000)],
)  # fmt: skip
@in_loop
async def test_a_malformed_frame_closes_only_its_own_connection(garbage: str | bytes) -> None:
    """3501, don't come back; the neighbour notices nothing."""
    async with (
        serving(max_frame_bytes=65_536) as served,
        dialled(served.url) as neighbour,
        dialled(served.url) as wire,
    ):
        await neighbour.ask("subscribe", channel="a")
        await wire.socket.send(garbage)
        assert await wire.end() == (DisconnectCode.BAD_REQUEST, "bad request")
        await neighbour.ask("publish", channel="a", data=1)
        assert (await neighbour.publication())["data"] == 1


@in_loop
async def test_bytes_that_are_json_are_taken() -> None:
    """A binary message is no crime."""
    async with serving() as served, dialled(served.url) as wire:
        await wire.socket.send(b'{"id":50,"rpc":{"method":"echo","data":"\xc3\xa9"}}')
        assert (await wire.answer(50))["rpc"]["data"] == "é"


@in_loop
async def test_text_that_is_not_utf8_closes_only_its_own_connection() -> None:
    """The WebSocket protocol itself has a code for it."""
    async with serving() as served, dialled(served.url) as neighbour, dialled(served.url) as wire:
        await wire.socket.send(b"\xff\xfe", text=True)
        assert (await wire.end())[0] == 1007
        assert "rpc" in await neighbour.ask("rpc", method="echo")
        await eventually(lambda: len(served.hub.members) == 1)


@in_loop
async def test_who_does_not_connect_in_time_is_stale() -> None:
    """3502."""
    async with serving(connect_within_s=0.05) as served, dialled(served.url, is_open=False) as wire:
        assert await wire.end() == (DisconnectCode.STALE, "stale")


@in_loop
async def test_a_missing_pong_ends_the_connection_and_a_pong_keeps_it() -> None:
    """3012 for the one that is silent."""
    async with (
        serving(ping_s=0.1) as served,
        dialled(served.url) as silent,
        dialled(served.url) as alive,
    ):

        async def answer_pings() -> None:
            while True:
                assert await alive.hear() == {}
                await alive.say({})

        answering = asyncio.create_task(answer_pings())
        assert await silent.end() == (DisconnectCode.NO_PONG, "no pong")
        await eventually(lambda: len(served.hub.members) == 1)
        assert not answering.done()
        answering.cancel()


@in_loop
async def test_a_pong_we_did_not_read_is_not_missing() -> None:
    """While the backend is behind, the socket isn't read; that isn't the peer's fault."""
    now, looks = 1000.0, 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return now

    async with serving(ping_s=0.2, clock=clock) as served, dialled(served.url) as wire:
        [member] = served.hub.members
        now += 1
        assert await wire.hear() == {}
        served.backend.may_answer.clear()
        await wire.say(*({"id": n, "rpc": {"method": "echo"}} for n in range(100, 200)), {})
        served.backend.asked.clear()
        await served.backend.asked.wait()
        now += 100
        await eventually(lambda: member.session.waiting == 64)  # type: ignore[attr-defined]
        seen = looks
        await eventually(lambda: looks > seen + 5)  # the hub has looked at the time, and at the member
        assert not member.is_closed
        served.backend.may_answer.set()
        for number in range(100, 200):
            await wire.answer(number)
        assert not member.is_closed


@in_loop
async def test_an_expired_connection_ends() -> None:
    """3005, told beforehand."""
    async with serving(ping_s=0.2, expired_grace_s=0) as served:
        served.backend.granted = Granted(expires_at=time.time() + 0.01)
        async with dialled(served.url, is_open=False) as wire:
            reply = await wire.ask("connect")
            assert reply["connect"]["expires"]
            assert reply["connect"]["ttl"] == 1
            assert await wire.end() == (DisconnectCode.EXPIRED, "connection expired")


@in_loop
async def test_an_expired_subscription_is_taken_away() -> None:
    """With the code that makes the client subscribe again."""
    async with serving(ping_s=0.4, expired_grace_s=0) as served, dialled(served.url) as wire:
        served.backend.sub_expires_at = time.time() + 0.01
        await wire.ask("subscribe", channel="plain")
        while "push" not in (line := await wire.hear()):
            await wire.say({})
        assert line["push"] == {"channel": "plain", "unsubscribe": {"code": 2501, "reason": "expired"}}
        assert served.backend.left == ["plain"]


@in_loop
async def test_shutdown_tells_everybody_to_come_back() -> None:
    """A push and a close frame with 3001, in under two seconds; nobody is let in afterwards."""
    async with serving() as served:
        wires = [await opened(served) for _ in range(20)]
        started = time.monotonic()
        await served.hub.shutdown()
        assert time.monotonic() - started < 2
        for wire in wires:
            assert await wire.hear() == {
                "push": {"disconnect": {"code": 3001, "reason": "shutdown", "reconnect": True}}
            }
            assert await wire.end() == (DisconnectCode.SHUTDOWN, "shutdown")
        with pytest.raises(InvalidStatus):
            await connect(served.url, proxy=None)
        assert len(served.backend.gone) == 20


@in_loop
async def test_a_foreign_page_is_refused() -> None:
    """403, before there is a connection at all; our own page is let in."""
    async with serving() as served:
        with pytest.raises(InvalidStatus) as refused:
            await connect(served.url, proxy=None, origin="https://evil.example")  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
        own = served.url.removesuffix("/ws").replace("ws://", "http://")
        async with dialled(served.url, origin=own):
            assert served.backend.peers[0].headers["origin"] == own
            assert served.backend.peers[0].address == "127.0.0.1"


@in_loop
async def test_the_subprotocol_is_negotiated() -> None:
    """JSON when offered; Protobuf alone is refused with 3506."""
    async with serving() as served:
        offered = ["centrifuge-protobuf", "centrifuge-json"]
        async with dialled(served.url, subprotocols=offered) as wire:
            assert wire.socket.subprotocol == "centrifuge-json"
        async with dialled(served.url, is_open=False, subprotocols=offered[:1]) as wire:
            assert (await wire.end())[0] == DisconnectCode.INAPPROPRIATE_PROTOCOL


@in_loop
async def test_a_backend_can_refuse_or_hang_up_at_connect() -> None:
    """An error leaves the socket open for a moment, a disconnect doesn't."""
    async with serving() as served:
        served.backend.fails = refuse(ErrorCode.TOKEN_EXPIRED)
        async with dialled(served.url, is_open=False) as wire:
            assert (await wire.ask("connect"))["error"]["code"] == ErrorCode.TOKEN_EXPIRED
        served.backend.fails = hang_up(DisconnectCode.INVALID_TOKEN)
        async with dialled(served.url, is_open=False) as wire:
            await wire.say({"id": 1, "connect": {}})
            assert await wire.end() == (DisconnectCode.INVALID_TOKEN, "invalid token")
        await eventually(lambda: not served.hub.members)
        assert served.backend.gone == []


@in_loop
async def test_joins_and_leaves_are_told_to_who_asked() -> None:
    """To others and to oneself, as Centrifugo does; not to who didn't ask."""
    async with serving() as served, dialled(served.url) as watcher, dialled(served.url) as plain:
        await plain.ask("subscribe", channel="a")
        await watcher.ask("subscribe", channel="a", join_leave=True)
        assert "join" in (await watcher.hear())["push"]
        async with dialled(served.url) as other:
            await other.ask("subscribe", channel="a")
            joined = (await watcher.hear())["push"]
            assert joined["join"]["info"]["user"] == "ann"
        left = (await watcher.hear())["push"]
        assert left["leave"]["info"]["client"] == joined["join"]["info"]["client"]
        await plain.ask("ping")
        assert all("join" not in message and "leave" not in message for message in plain.messages)


@in_loop
async def test_server_side_subscriptions_come_with_connect() -> None:
    """What the backend grants is subscribed at once; what it then refuses is left out."""
    async with serving() as served:
        served.backend.granted = Granted(user="ann", channels=("a", "secret"))
        async with dialled(served.url, is_open=False) as wire:
            reply = await wire.ask("connect", subs={"a": {"recover": True, "epoch": "first", "offset": 0}})
            assert set(reply["connect"]["subs"]) == {"a"}
            assert reply["connect"]["subs"]["a"]["recovered"]
            served.backend.add("a", b"1")
            assert (await wire.publication())["offset"] == 1


@in_loop
async def test_what_comes_while_joining_follows_the_reply_without_a_hole() -> None:
    """The backend read the top first and took its time."""
    async with serving() as served, dialled(served.url) as wire:
        served.backend.add("a", b"1")
        served.backend.asked.clear()
        served.backend.may_answer.clear()
        await wire.say({"id": 5, "subscribe": {"channel": "a"}})
        await served.backend.asked.wait()
        served.backend.add("a", b"2")
        served.backend.add("a", b"3")
        assert served.hub.subscribers("a") == []
        served.backend.may_answer.set()
        assert (await wire.answer(5))["subscribe"]["offset"] == 1
        assert [(await wire.publication())["offset"] for _ in range(2)] == [2, 3]


@in_loop
async def test_joining_under_fire_never_leaves_a_hole() -> None:
    """Everybody who joins while others publish sees an unbroken run from the position they were given."""
    async with serving() as served:
        is_done = False

        async def fire() -> None:
            while not is_done:
                for _ in range(3):
                    served.backend.add("a", b'"shot"')
                await asyncio.sleep(0)

        firing = asyncio.create_task(fire())

        async def join(number: int) -> None:
            async with dialled(served.url) as wire:
                for _ in range(3):
                    is_resuming = bool(number % 2)
                    start = max(0, len(served.backend.streams["a"]) - 20) if is_resuming else 0
                    request = {"recover": True, "epoch": "first", "offset": start} if is_resuming else {}
                    reply = (await wire.ask("subscribe", channel="a", **request))["subscribe"]
                    assert reply.get("recovered", False) is is_resuming
                    seen = [one["offset"] for one in reply.get("publications", [])]
                    seen += [(await wire.publication())["offset"] for _ in range(50)]
                    first = reply.get("offset", 0) + 1
                    assert seen == list(range(first, first + len(seen)))
                    await wire.ask("unsubscribe", channel="a")
                    wire._lines.clear()

        await asyncio.gather(*(join(number) for number in range(6)))
        is_done = True
        await firing


@in_loop
async def test_a_member_can_be_spoken_to_alone() -> None:
    """push, message, unsubscribe and disconnect are for one connection."""
    async with serving() as served, dialled(served.url) as wire:
        [member] = served.hub.members
        member.push("a", OutPublication(b"0"))
        member.slot = "mine"
        await wire.ask("subscribe", channel="a")
        assert (list(member.channels), member.user, member.backlog_bytes) == (["a"], "ann", 0)
        assert list(served.hub.channels()) == ["a"]
        assert list(served.hub.presence("a")) == [member.client]
        member.push("a", OutPublication(b'{"a":\n1}'))
        assert (await wire.hear())["push"]["pub"] == {"data": {"a": 1}}
        member.message(b'{"news":1}')
        assert await wire.hear() == {"push": {"message": {"data": {"news": 1}}}}
        member.unsubscribe("a", UnsubscribeCode.INSUFFICIENT_STATE, "again")
        assert (await wire.hear())["push"]["unsubscribe"] == {"code": 2500, "reason": "again"}
        assert member.expires_at is None
        member.disconnect(hang_up(DisconnectCode.FORCE_RECONNECT))
        assert member.is_closed
        member.message(b"1")
        assert (await wire.end())[0] == DisconnectCode.FORCE_RECONNECT


@in_loop
async def test_a_push_to_one_that_is_joining_waits_for_the_reply() -> None:
    """It is buffered like a broadcast."""
    async with serving() as served, dialled(served.url) as wire:
        served.backend.asked.clear()
        served.backend.may_answer.clear()
        await wire.say({"id": 5, "subscribe": {"channel": "plain"}})
        await served.backend.asked.wait()
        [member] = served.hub.members
        member.push("plain", OutPublication(b"7"))
        served.backend.may_answer.set()
        assert (await wire.answer(5))["subscribe"]["data"] == {"now": 1}
        assert (await wire.publication())["data"] == 7


@in_loop
async def test_a_connection_that_leaves_early_leaves_no_trace() -> None:
    """Gone while the backend was deciding: what it granted is taken back."""
    async with serving() as served:
        served.backend.granted = Granted(channels=("a",))
        served.backend.may_answer.clear()
        async with dialled(served.url, is_open=False) as wire:
            await wire.say({"id": 1, "connect": {}})
            await served.backend.asked.wait()
        await eventually(lambda: not served.hub.members)
        served.backend.may_answer.set()
        await eventually(lambda: len(served.backend.gone) == 1)
        async with dialled(served.url) as wire:
            served.backend.asked.clear()
            served.backend.may_answer.clear()
            await wire.say({"id": 9, "subscribe": {"channel": "b"}})
            await served.backend.asked.wait()
        await eventually(lambda: not served.hub.members)
        served.backend.may_answer.set()
        await eventually(lambda: served.backend.left[-1] == "b")
        assert list(served.hub.channels()) == []


async def opened(served: Served) -> Wire:
    """Dial without a context; the hub will hang up."""
    wire = Wire(await connect(served.url, proxy=None, ping_interval=None))
    await wire.ask("connect")
    return wire


def test_an_empty_reply_is_the_ping() -> None:
    """`{}` on the wire."""
    assert outgoing_reply(Reply()).line == b"{}"
