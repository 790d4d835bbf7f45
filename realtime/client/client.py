"""The client as the app sees it: connect, listen, emit. The loop is `driver`'s, deciding `connection`'s and `sync`'s.

Threads: any. `connect` starts one daemon thread, `disconnect` ends it.
"""

from __future__ import annotations

import random
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec

from realtime.client.calls import Ack
from realtime.client.channels import Channels
from realtime.client.connection import Connection
from realtime.client.criticals import Criticals
from realtime.client.dialing import Dialing
from realtime.client.driver import Driver
from realtime.client.emits import document_of, envelope_of, ingest_of
from realtime.client.handlers import Handler, Handlers
from realtime.client.loading import Api
from realtime.client.outbox import Outbox
from realtime.client.phases import Effect
from realtime.client.polling import Polling
from realtime.client.posting import Poster
from realtime.client.route import Choice
from realtime.client.telling import Telling
from realtime.client.tops import TOPS_S
from realtime.client.wire import Wire, offline
from realtime.protocol.channels import SYSTEM, USERS
from realtime.protocol.events import Envelope
from realtime.protocol.positions import Position
from realtime.store import ConnectionState, Store

_JOIN_S = 12.0


class WebSocketClient:
    """Feeds a store from a gateway, and sends events to it (DESIGN.md section 5).

    `url` is the gateway's socket (ws://host:port/connection/websocket), `http_url` its root. `token` is asked
    before every dial; `api_key` goes with HTTP requests, for a server that takes no tokens there (Centrifugo).
    `now` is Unix seconds, `steady` a clock that is never set, `jitter` returns 0..1. `top_check_s` is how often the
    gateway is asked where its streams end. `resume_from` says up to where an earlier process had each channel's
    events: the feed goes back to there, within bounds. `on_message` is given the gateway's messages first, on the
    client's thread, and tells whether one was for it. With an `outbox`, emits wait in it until they are
    acknowledged; its owner closes it after `disconnect`.
    """

    def __init__(
        self,
        url: str,
        *,
        http_url: str,
        store: Store,
        channels: Sequence[str] = (USERS, SYSTEM),
        token: Callable[[], str] | None = None,
        api_key: str | None = None,
        now: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        announce: bool = True,
        top_check_s: float = TOPS_S,
        resume_from: Mapping[str, Position] | None = None,
        outbox: Outbox | None = None,
        consumer: str | None = None,
        transport: Choice = "auto",
        on_message: Callable[[bytes], bool] = lambda _data: False,
    ) -> None:
        self._url = url
        self._http_url = http_url
        self._store = store
        self._channel_names = tuple(channels)
        self._token = token
        self._api_key = api_key
        self._now = now
        self._steady = steady
        self._jitter = jitter
        self._announce = announce
        self._top_check_s = top_check_s
        self._resume_from = dict(resume_from or {})
        self._outbox = outbox
        self._on_message = on_message
        self._handlers = Handlers()
        self._criticals = Criticals(consumer, store=store, handlers=self._handlers, now=now)
        self._connection = Connection(jitter=jitter, transport=transport)
        self._source = f"/tideboard/app/{socket.gethostname() or 'host'}"
        self._lock = threading.Lock()
        self._followed: Counter[str] = Counter()
        self._running: _Running | None = None

    # The connection

    def connect(self) -> None:
        """Begin to connect, and stay connected until `disconnect`. Returns at once."""
        with self._lock:
            if self._running is None:
                self._running = self._start()
            running = self._running
        running.driver.wish(self._connection.start)

    def disconnect(self) -> None:
        """End the connection and the thread; returns when both are gone, after a dial's patience at the latest."""
        with self._lock:
            running, self._running = self._running, None
        if running is None:
            return
        if self._outbox is not None:
            self._outbox.detach()
        running.driver.wish(self._connection.stop)
        running.driver.wish(None)
        if running.thread is not threading.current_thread():
            running.thread.join(_JOIN_S)

    def reconnect(self) -> None:
        """Dial now: ends a wait for the next dial, and replaces a connection there is."""
        with self._lock:
            if self._running is None:
                self._running = self._start()
            running = self._running
        running.driver.wish(self._connection.reconnect)

    @property
    def http_url(self) -> str:
        """Return the root of the gateway's HTTP API. Threads: any."""
        return self._http_url

    def http_headers(self) -> dict[str, str]:
        """Return the headers with which this client may ask over HTTP; a fresh token at each call. Threads: any."""
        bearer = {} if self._token is None else {"Authorization": f"Bearer {self._token()}"}
        return bearer if self._api_key is None else {**bearer, "X-API-Key": self._api_key}

    @property
    def outbox(self) -> Outbox | None:
        """Return what keeps emits until they are acknowledged, if anything does. Threads: any."""
        return self._outbox

    @property
    def is_connected(self) -> bool:
        """Tell whether what the store holds is current."""
        return self.connection_state is ConnectionState.CONNECTED

    @property
    def connection_state(self) -> ConnectionState:
        """Return where the connection is in its life."""
        return self._connection.state

    @property
    def last_connected(self) -> float | None:
        """Return when it was last brought in sync (Unix seconds), None if never."""
        return self._connection.last_connected_at

    def set_reconnect_options(
        self, *, base_s: float | None = None, cap_s: float | None = None, slack_s: float | None = None
    ) -> None:
        """Set how to come back: full jitter below `base_s`, doubled up to `cap_s`; dead after ping + `slack_s`.

        Raises ValueError when one isn't positive.
        """
        named = {"base_s": base_s, "cap_s": cap_s, "slack_s": slack_s}
        given = {name: value for name, value in named.items() if value is not None}
        if any(value <= 0 for value in given.values()):
            raise ValueError("Give seconds above 0.")
        self._change_retry(**given)

    def enable_heartbeat(self, interval: float | None) -> None:
        """Provoke a sign of life after `interval` seconds of silence; None leaves it to the gateway's pings.

        Raises ValueError when it isn't positive.
        """
        if interval is not None and interval <= 0:
            raise ValueError("Give seconds above 0, or None to leave it to the gateway.")
        self._change_retry(heartbeat_s=interval)

    def set_transport(self, choice: Choice) -> None:
        """Connect by `websocket`, by `polling`, or `auto`: polling where the socket can't be had."""
        with self._lock:
            running = self._running
            if running is None:
                self._connection.route.choice = choice
        if running is not None:
            running.driver.wish(partial(self._connection.set_transport, choice))

    def look_for_socket(self) -> None:
        """Look now whether a socket can be had, while polling: there is reason to think so."""
        with self._lock:
            running = self._running
        if running is not None:
            running.driver.wish(self._connection.hurry)

    def follow(self, channel: str) -> Callable[[], None]:
        """Follow a channel beside those named at the start, such as a person's inbox; return how to stop.

        It comes into sync like any other, now or with the next connection. Followed several times, it is left when the
        last has stopped. Threads: any.
        """
        with self._lock:
            self._followed[channel] += 1
            if self._followed[channel] == 1 and self._running is not None:
                self._running.follow(channel)
        is_over = threading.Event()

        def stop() -> None:
            if not is_over.is_set():
                is_over.set()
                self._unfollow(channel)

        return stop

    # Events

    def subscribe(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call `handler` with the envelope of every event of this type (`*`: all), live or resumed, after the store.

        Handlers run on the client's thread: be quick, and never wait for an emit there. Returns how to unsubscribe.
        """
        return self._handlers.add(event, handler)

    def unsubscribe(self, event: str, handler: Handler | None = None) -> None:
        """Stop calling `handler` for this type; all handlers of it if None."""
        self._handlers.remove(event, handler)

    def emit(self, event: str, data: Any, *, critical: bool = False, actor: str | None = None) -> Future[Ack]:
        """Send an event of this type; see `send`."""
        envelope = envelope_of(
            event,
            data,
            identifier=str(uuid.uuid4()),
            source=self._source,
            now=self._now(),
            critical=critical,
            actor=actor,
        )
        return self.send(envelope)

    def send(
        self, envelope: Envelope, *, expected_offset: int | None = None, follows: int | None = None
    ) -> Future[Ack]:
        """Send an event; the future holds where it was stored.

        `expected_offset` is the version of the document the caller saw (0: it mustn't exist); if it changed since, the
        future fails with ConflictError. It fails with EventError when the event is refused.
        Without an outbox it is written to the socket before this returns, and fails with NotConnected when there is
        no connection or it is lost before the answer: sending the same envelope again is safe then. With one it is on
        the disk when this returns, and waits for a connection; the future fails at once with OutboxFull or
        OutboxError when it can't be kept. `follows` is the number of an entry of the outbox: see `Outbox.put`.
        """
        if self._outbox is not None:
            return self._outbox.put(envelope, expected_offset=expected_offset, follows=follows)
        events = ingest_of(envelope, expected_offset=expected_offset)
        running = self._running
        if running is None:
            return offline()
        document = None if expected_offset is None else document_of(envelope)
        return running.wire.emit(events, expected_offset=expected_offset, document=document)

    # Inside

    def _unfollow(self, channel: str) -> None:
        with self._lock:
            self._followed[channel] -= 1
            if self._followed[channel] > 0:
                return
            del self._followed[channel]
            if self._running is not None:
                self._running.unfollow(channel)

    def _change_retry(self, **changes: float | None) -> None:
        """Swap the options whole: the driver reads them at any moment."""
        with self._lock:
            self._connection.retry = msgspec.structs.replace(self._connection.retry, **changes)
            if self._running is not None:
                self._running.wire.transport.ring()

    def _start(self) -> _Running:
        api = Api(self._http_url, headers=self.http_headers)
        wire = Wire(
            now=self._now,
            polling=Polling(api, consumer=self._criticals.consumer, now=self._now),
            poster=Poster(api, version_of=self._version_of),
        )
        if self._outbox is not None:
            wire.on_open = self._outbox.opened
            self._outbox.attach(wire)
        channels = Channels(
            (*self._channel_names, *self._followed), wire=wire, api=api, store=self._store, handlers=self._handlers,
            criticals=self._criticals, now=self._now, jitter=self._jitter,
            top_check_s=self._top_check_s, resume_from=self._resume_from,
        )  # fmt: skip
        greeting = partial(self._criticals.greeting, announce=self._announce)
        driver = Driver(
            connection=self._connection, channels=channels, wire=wire,
            dialing=Dialing(self._url, wire=wire, token=self._token, greeting=greeting),
            telling=Telling(connection=self._connection, wire=wire, store=self._store, handlers=self._handlers),
            version_of=self._version_of, on_message=self._on_message, now=self._now, steady=self._steady,
        )  # fmt: skip
        return _Running(driver, wire, api, channels)

    def _version_of(self, collection: str, identifier: str) -> int | None:
        state = self._store.document(collection, identifier)
        return None if state is None else state.offset


class _Running:
    """A driver on its thread, and what has to be given back when it ends."""

    def __init__(self, driver: Driver, wire: Wire, api: Api, channels: Channels) -> None:
        self.driver = driver
        self.wire = wire
        self._api = api
        self._channels = channels
        self.thread = threading.Thread(target=self._run, name="tideboard-client", daemon=True)
        self.thread.start()

    def follow(self, channel: str) -> None:
        """Have the driver join a channel. Threads: any."""
        self.driver.wish(partial(_done, self._channels.follow, channel))

    def unfollow(self, channel: str) -> None:
        """Have the driver leave a channel. Threads: any."""
        self.driver.wish(partial(_done, self._channels.unfollow, channel))

    def _run(self) -> None:
        try:
            self.driver.run()
        finally:
            self.wire.close()
            self._api.close()


def _done(act: Callable[[str], None], channel: str, _now: float) -> list[Effect]:
    act(channel)
    return []
