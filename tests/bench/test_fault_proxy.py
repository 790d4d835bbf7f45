"""The fault proxy: each kind of fault is seen by a known stream of bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.bench.test_faults import UPGRADED, frame
from tests.support.faults import Direction, Fault, FaultKind, FaultProxy, make_proxy
from tests.support.waiting import until

__all__ = ["make_proxy"]
SEEN_S = 10.0
Pair = tuple[socket.socket, socket.socket]


class Stage:
    """A server's listener, a proxy before it, and pairs of a client and the connection it got to the server."""

    def __init__(self, proxy: FaultProxy, listener: socket.socket) -> None:
        self.proxy = proxy
        self._listener = listener
        self._sockets: list[socket.socket] = []

    def dial(self) -> socket.socket:
        """Connect to the proxy."""
        client = socket.create_connection(("127.0.0.1", self.proxy.port), timeout=SEEN_S)
        self._sockets.append(client)
        return client

    def pair(self) -> Pair:
        """Connect through the proxy."""
        return self.dial(), self.answer()

    def answer(self) -> socket.socket:
        """Take the next connection that the proxy passes on."""
        server, _ = self._listener.accept()
        server.settimeout(SEEN_S)
        self._sockets.append(server)
        return server

    def upgraded(self) -> Pair:
        """Connect through the proxy, and have the server answer as if to an upgrade."""
        client, server = self.pair()
        server.sendall(UPGRADED)
        assert read(client, len(UPGRADED)) == UPGRADED
        return client, server

    def close(self) -> None:
        """Give every socket back."""
        for one in (*self._sockets, self._listener):
            one.close()


@pytest.fixture
def stage(make_proxy: Callable[[int], FaultProxy]) -> Iterator[Stage]:
    """Give a server with a proxy before it."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(SEEN_S)
    stage = Stage(make_proxy(listener.getsockname()[1]), listener)
    yield stage
    stage.close()


def read(source: socket.socket, size: int) -> bytes:
    """Read exactly so many bytes, fewer at the end of the stream."""
    found = b""
    while len(found) < size and (chunk := source.recv(size - len(found))):
        found += chunk
    return found


def has_something(source: socket.socket) -> bool:
    """Tell whether there is anything to read right now."""
    source.setblocking(False)
    try:
        return bool(source.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        source.settimeout(SEEN_S)


def test_without_a_fault_every_byte_passes_both_ways(stage: Stage) -> None:
    """A megabyte each way, and the end of one direction leaves the other."""
    client, server = stage.pair()
    sent = bytes(range(256)) * 4096

    def write() -> None:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)

    writer = threading.Thread(target=write)
    writer.start()
    assert read(server, len(sent) + 1) == sent
    writer.join()
    server.sendall(b"bye")
    server.close()
    assert read(client, 10) == b"bye"
    until(lambda: stage.proxy.open_links == 0, what="the link's end")
    assert (stage.proxy.carried(Direction.UP), stage.proxy.carried(Direction.DOWN)) == (len(sent), 3)


def test_a_cut_ends_both_sides_with_a_fin(stage: Stage) -> None:
    """Both read the end of the stream, and a new connection can be had."""
    client, server = stage.pair()
    stage.proxy.begin(Fault(0, FaultKind.CUT))
    assert client.recv(1) == b""
    assert server.recv(1) == b""
    client, server = stage.pair()
    client.sendall(b"again")
    assert read(server, 5) == b"again"


def test_a_reset_is_a_rst(stage: Stage) -> None:
    """Reading fails instead of ending."""
    client, server = stage.pair()
    stage.proxy.begin(Fault(0, FaultKind.RESET))
    for side in (client, server):
        with pytest.raises(ConnectionResetError):
            side.recv(1)


def test_a_half_closed_connection_carries_one_way(stage: Stage) -> None:
    """The client reads the end; what it sends arrives all the same."""
    client, server = stage.pair()
    client.sendall(b"a")
    assert read(server, 1) == b"a"
    stage.proxy.begin(Fault(0, FaultKind.HALF_CLOSE))
    assert client.recv(1) == b""
    server.sendall(b"into the void")
    client.sendall(b"still here")
    assert read(server, 10) == b"still here"


def test_a_black_hole_holds_everything_and_gives_it_back(stage: Stage) -> None:
    """Nothing comes while it lasts, not even an end; then all of it, in order."""
    client, server = stage.pair()
    client.sendall(b"1")
    assert read(server, 1) == b"1"
    stage.proxy.begin(Fault(0, FaultKind.HOLE))
    client.sendall(b"23")
    server.sendall(b"down")
    server.shutdown(socket.SHUT_WR)
    other = stage.dial()
    other.sendall(b"x")
    until(lambda: stage.proxy.accepted == 2, what="the second connection to be accepted")
    assert not has_something(server)
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(1)
    stage.proxy.calm()
    client.settimeout(SEEN_S)
    assert read(server, 2) == b"23"
    assert read(client, 5) == b"down"


@pytest.mark.parametrize(("kind", "at_least_s"), [(FaultKind.DELAY, 0.2), (FaultKind.JITTER, 0.0)])
def test_late_bytes_come_in_order(stage: Stage, kind: FaultKind, at_least_s: float) -> None:
    """A delay is one; jitter is one of chance; neither mixes bytes up, and neither outlasts `calm`."""
    client, server = stage.pair()
    stage.proxy.begin(Fault(0, kind, amount=0.2))
    began = time.monotonic()
    sent = bytes(range(100))
    for byte in sent:
        client.sendall(bytes([byte]))
    assert read(server, len(sent)) == sent
    assert time.monotonic() - began >= at_least_s
    stage.proxy.calm()
    client.sendall(b"!")
    assert read(server, 1) == b"!"


def test_a_slow_line_takes_its_time(stage: Stage) -> None:
    """4,000 bytes at 10,000 a second take 0.3 s at the very least."""
    client, server = stage.pair()
    stage.proxy.begin(Fault(0, FaultKind.SLOW, amount=10_000))
    began = time.monotonic()
    client.sendall(b"x" * 4_000)
    assert read(server, 4_000) == b"x" * 4_000
    assert time.monotonic() - began > 0.3


def test_one_frame_is_lost_and_no_other(stage: Stage) -> None:
    """The third from now on; it is counted over what comes down only."""
    client, server = stage.upgraded()
    stage.proxy.begin(Fault(0, FaultKind.DROP_FRAME, amount=3))
    frames = [frame(f'{{"n":{n}}}'.encode()) for n in range(6)]
    server.sendall(b"".join(frames))
    left = b"".join(one for n, one in enumerate(frames) if n != 2)
    assert read(client, len(left)) == left
    assert not stage.proxy.is_armed


def test_one_frame_is_spoilt_and_no_other(stage: Stage) -> None:
    """As long as before, but nobody can take it for JSON."""
    client, server = stage.upgraded()
    stage.proxy.begin(Fault(0, FaultKind.CORRUPT_FRAME, amount=2))
    frames = [frame(f'{{"n":{n}}}'.encode()) for n in range(3)]
    server.sendall(b"".join(frames))
    found = read(client, sum(map(len, frames)))
    assert found[:9] + found[18:] == frames[0] + frames[2]
    assert found[9:11] == frames[1][:2]
    with pytest.raises(UnicodeDecodeError):
        found[11:18].decode()


def test_a_frame_on_its_way_up_can_be_lost_too(stage: Stage) -> None:
    """The direction is the caller's choice."""
    client, server = stage.pair()
    request = b"GET /s HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
    stage.proxy.tamper(frame=1, is_lost=True, direction=Direction.UP)
    frames = [frame(text, mask=b"abcd") for text in (b"one", b"two")]
    client.sendall(request + b"".join(frames))
    assert read(server, len(request) + len(frames[1])) == request + frames[1]


def test_calm_disarms(stage: Stage) -> None:
    """A frame that was to be lost but didn't come in time isn't lost later."""
    client, server = stage.upgraded()
    stage.proxy.begin(Fault(0, FaultKind.DROP_FRAME, amount=1))
    assert stage.proxy.is_armed
    stage.proxy.calm()
    server.sendall(frame(b"{}"))
    assert read(client, 4) == frame(b"{}")


def test_refusing_ends_connections_and_takes_no_new_one(stage: Stage) -> None:
    """Nobody listens until it is over; then the port is the same."""
    client, _ = stage.pair()
    stage.proxy.begin(Fault(0, FaultKind.REFUSE))
    assert client.recv(1) == b""
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            stage.dial()
    stage.proxy.calm()
    client, server = stage.pair()
    client.sendall(b"back")
    assert read(server, 4) == b"back"


@pytest.mark.parametrize("status", [403, 502])
def test_upgrades_are_refused_and_http_passes(stage: Stage, status: int) -> None:
    """The WebSocket is answered with the status; a plain request reaches the server, byte for byte."""
    before, _ = stage.pair()
    stage.proxy.begin(Fault(0, FaultKind.REFUSE_UPGRADES, amount=status))
    assert before.recv(1) == b""
    client = stage.dial()
    client.sendall(b"GET /s HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n\r\n")
    assert client.recv(100).startswith(f"HTTP/1.1 {status} ".encode())
    assert stage.proxy.upgrades_refused == 1
    request = b"POST /api/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    client = stage.dial()
    client.sendall(request)
    assert read(stage.answer(), len(request)) == request
    stage.proxy.calm()
    stage.upgraded()


def test_a_gateway_that_is_gone_breaks_the_connection(stage: Stage, make_proxy: Callable[[int], FaultProxy]) -> None:
    """A client whose connection can't be passed on is hung up on, whatever it had sent."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address = ("127.0.0.1", make_proxy(port).port)
    with contextlib.suppress(ConnectionResetError), socket.create_connection(address, timeout=SEEN_S) as client:
        assert client.recv(1) == b""


def test_a_reset_by_the_server_arrives_as_one(stage: Stage) -> None:
    """The proxy makes nothing prettier than it was."""
    client, server = stage.pair()
    client.sendall(b"a")
    read(server, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_what_isnt_of_the_wire_is_refused(stage: Stage) -> None:
    """Processes aren't the proxy's to kill."""
    with pytest.raises(ValueError, match="kill gateway"):
        stage.proxy.begin(Fault(0, FaultKind.KILL_GATEWAY))


def test_leaving_gives_everything_back() -> None:
    """Thread and sockets are gone, and so is the port."""
    before = threading.active_count()
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        FaultProxy(listener.getsockname()[1]) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port)),
    ):
        until(lambda: proxy.accepted == 1, what="the connection")
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port))
