"""Answers the commands that need nothing but the backend's word, or the list of who is there. Decides nothing.

Threads: the event loop's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from realtime.hub.effects import Ask
from realtime.hub.outgoing import raw_line
from realtime.hub.ports import Backend, Member
from realtime.protocol.frames import (
    ChannelRequest,
    ClientInfo,
    Empty,
    HistoryRequest,
    PresenceResult,
    PresenceStatsResult,
    PublishRequest,
    Reply,
    RpcRequest,
    RpcResult,
    SendRequest,
)


async def reply_to(
    ask: Ask, *, member: Member, backend: Backend, infos: Callable[[str], Awaitable[Sequence[ClientInfo]]]
) -> Reply | None:
    """Carry a command out; None where nobody waits for an answer. `infos` tells who is subscribed to a channel."""
    match ask.request:
        case PublishRequest() as request:
            await backend.publish(member, request)
            return Reply(id=ask.id, publish=Empty())
        case HistoryRequest() as request:
            return Reply(id=ask.id, history=await backend.history(member, request))
        case RpcRequest(data=data, method=method):
            answer = await backend.rpc(member, method, bytes(data))
            return Reply(id=ask.id, rpc=RpcResult(data=raw_line(answer)))
        case ChannelRequest(channel=channel) if ask.verb == "presence":
            there = {one.client: one for one in await infos(channel)}
            return Reply(id=ask.id, presence=PresenceResult(presence=there))
        case ChannelRequest(channel=channel):
            listed = await infos(channel)
            users = len({one.user for one in listed})
            return Reply(id=ask.id, presence_stats=PresenceStatsResult(num_clients=len(listed), num_users=users))
        case SendRequest(data=data):
            backend.message(member, bytes(data))
    return None
