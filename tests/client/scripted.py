"""A small gateway in a thread that does what a test tells it, wrong things included."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from realtime.notifications.commands import read_command
from realtime.notifications.inbox import apply_all, inbox_value
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.events import Envelope, encode_envelope
from realtime.protocol.frames import (
    Command,
    ConnectRequest,
    ConnectResult,
    DisconnectPush,
    Empty,
    ErrorFrame,
    HistoryResult,
    MessagePush,
    Publication,
    Push,
    RefreshResult,
    Reply,
    RpcResult,
    SubscribeRequest,
    SubscribeResult,
    decode_commands,
    encode,
    encode_all,
)

Raw = msgspec.Raw


class ScriptedGateway:
    """Channels in memory over the Centrifuge protocol; its knobs make it lose, lie, fall silent or cut."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.epochs: dict[str, str] = {}
        self.streams: dict[str, list[Publication]] = {}
        self.connects: list[ConnectRequest] = []
        self.subscribes: list[SubscribeRequest] = []
        self.commands: list[Command] = []
        self.pongs = 0
        self.ping_s = 0
        self.expires_in_s = 0
        self.trimmed_to = 0
        self.refusal: ErrorFrame | None = None  # the answer to connect
        self.refused_channels: dict[str, ErrorFrame] = {}
        self.rpc_error: ErrorFrame | None = None
        self.lies = False  # claims to have recovered what it doesn't send
        self.is_mute = False  # answers nothing
        self.http_status: dict[str, HTTPStatus] = {}
        self.ingest: Any = {"results": [{"status": "stored", "channel": "users", "offset": 7, "epoch": "u"}]}
        self.members: dict[ServerConnection, set[str]] = {}
        self._server: Server | None = None

    # What happens

    @property
    def address(self) -> str:
        """Return host and port."""
        assert self._server is not None
        host, port = self._server.socket.getsockname()[:2]
        return f"{host}:{port}"

    def publish(self, channel: str, *envelopes: Envelope, is_lost: bool = False, announce: bool = False) -> None:
        """Append events and send them as one message, unless they get lost."""
        with self.lock:
            is_new = channel not in self.streams
            stream = self.stream(channel)
            fresh = []
            for one in envelopes:
                offset = len(stream) + 1
                stream.append(Publication(data=Raw(encode_envelope(one)), offset=offset, time=1_700_000_000_000))
                fresh.append(Reply(push=Push(channel=channel, pub=stream[-1])))
            if is_new and announce:
                news = msgspec.json.encode({"channel": channel, "epoch": self.epochs[channel]})
                self._tell(Reply(push=Push(message=MessagePush(data=Raw(news)))))
            if not is_lost:
                for member, channels in list(self.members.items()):
                    if channel in channels:
                        self._send(member, encode_all(fresh))

    def stream(self, channel: str) -> list[Publication]:
        """Return a channel's stream; it begins when first asked for."""
        self.epochs.setdefault(channel, "e1")
        return self.streams.setdefault(channel, [])

    def begin_anew(self, channel: str) -> None:
        """Lose a stream and begin another epoch."""
        with self.lock:
            self.epochs[channel] += "x"
            self.streams[channel] = []

    def push(self, push: Push) -> None:
        """Send any push to everyone."""
        self._tell(Reply(push=push))

    def say(self, message: bytes) -> None:
        """Send any bytes to everyone."""
        for member in list(self.members):
            self._send(member, message)

    def ping(self) -> None:
        """Send the protocol's heartbeat."""
        self.say(b"{}")

    def close(self, code: int, *, announced: bool = False) -> None:
        """Close every connection with a code, perhaps told by a push before."""
        if announced:
            self.push(Push(disconnect=DisconnectPush(code=code, reason="told before")))
        for member in list(self.members):
            member.close(code, "because")

    def cut(self) -> None:
        """Cut every connection without a word."""
        for member in list(self.members):
            with contextlib.suppress(OSError):
                member.socket.shutdown(socket.SHUT_RDWR)

    # The server

    @contextlib.contextmanager
    def running(self, *, port: int = 0) -> Iterator[ScriptedGateway]:
        """Serve while the block lasts."""
        with serve(self._talk, "127.0.0.1", port, process_request=self._answer, ping_interval=None) as server:
            self._server = server
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()
                for member in list(self.members):
                    member.close()

    def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if not path.startswith("/api/"):
            return None
        status = self.http_status.get(path, HTTPStatus.OK)
        with self.lock:
            body = msgspec.json.encode(self._answer_to(path))
        return Response(
            status.value, status.phrase, Headers({"Content-Length": str(len(body)), "Connection": "close"}), body
        )

    def _answer_to(self, path: str) -> Any:
        if path == "/api/collections":
            return self._collections()
        return self._inbox(path) if path.startswith("/api/inbox/") else self._documents(path)

    def _inbox(self, path: str) -> Any:
        channel = f"inbox#{unquote(path.rpartition('/')[2])}"
        stream = self.stream(channel)
        commands = [read_command(msgspec.json.decode(one.data)["data"]["command"]) for one in stream]
        position = {"epoch": self.epochs[channel], "offset": len(stream)}
        return {"inbox": inbox_value(apply_all(Inbox(), commands)), "position": position}

    def _collections(self) -> Any:
        names = [channel.partition(":")[2] for channel in self.streams if channel.startswith("collection:")]
        return {"collections": [{"name": name} for name in names]}

    def _documents(self, path: str) -> Any:
        channel = "collection:" + path.split("/")[3]
        stream = self.stream(channel)
        documents: dict[str, tuple[Any, int]] = {}
        for one in stream:
            content = msgspec.json.decode(one.data)["data"]
            if "document" in content:
                documents[content["document"]["id"]] = (content["document"], one.offset)
            else:
                documents.pop(content["id"], None)
        return {
            "documents": [document for document, _ in documents.values()],
            "offsets": [offset for _, offset in documents.values()],
            "cursor": None,
            "position": {"epoch": self.epochs[channel], "offset": len(stream)},
        }

    def _talk(self, member: ServerConnection) -> None:
        try:
            for message in member:
                for command in decode_commands(message):
                    with self.lock:
                        self.commands.append(command)
                        reply = None if self.is_mute else self._reply(member, command)
                        if reply is not None:
                            self._send(member, encode(msgspec.structs.replace(reply, id=command.id)))
        except (ConnectionClosed, OSError):
            pass
        finally:
            self.members.pop(member, None)

    def _reply(self, member: ServerConnection, command: Command) -> Reply | None:
        if command.connect is not None:
            self.connects.append(command.connect)
            if self.refusal is not None:
                return Reply(error=self.refusal)
            self.members[member] = set()
            return Reply(
                connect=ConnectResult(
                    client="c", ping=self.ping_s, pong=True, expires=self.expires_in_s > 0, ttl=self.expires_in_s
                )
            )
        if command.subscribe is not None:
            return self._join(member, command.subscribe)
        if command.unsubscribe is not None:
            self.members[member].discard(command.unsubscribe.channel)
            return Reply(unsubscribe=Empty())
        if command.history is not None:
            stream = self.stream(command.history.channel)
            newest = stream[::-1][: command.history.limit]
            return Reply(history=HistoryResult(newest, self.epochs[command.history.channel], len(stream)))
        if command.rpc is not None and self.rpc_error is not None:
            return Reply(error=self.rpc_error)
        if command.rpc is not None:
            return Reply(rpc=RpcResult(data=Raw(msgspec.json.encode(self.ingest))))
        if command.refresh is not None:
            return Reply(refresh=RefreshResult(expires=True, ttl=3600))
        self.pongs += 1
        return None

    def _join(self, member: ServerConnection, request: SubscribeRequest) -> Reply:
        self.subscribes.append(request)
        if request.channel in self.refused_channels:
            return Reply(error=self.refused_channels[request.channel])
        self.members[member].add(request.channel)
        stream, epoch = self.stream(request.channel), self.epochs[request.channel]
        is_good = request.recover and request.epoch == epoch and self.trimmed_to <= request.offset <= len(stream)
        missed = stream[request.offset :] if is_good and not self.lies else []
        return Reply(
            subscribe=SubscribeResult(
                epoch=epoch, offset=len(stream), recoverable=True, recovered=is_good, publications=missed
            )
        )

    def _tell(self, reply: Reply) -> None:
        for member in list(self.members):
            self._send(member, encode(reply))

    def _send(self, member: ServerConnection, message: bytes) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            member.send(message.decode(errors="surrogateescape") if _is_text(message) else message)


def _is_text(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
