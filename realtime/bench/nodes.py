"""Measures two gateways over one Redis in faults: how soon both sides show everything again, and what is lost.

At each gateway a producer posts, and posts again what wasn't answered; a follower (the app's client and store) listens.
Threads: the caller's, and one for each producer.
"""

from __future__ import annotations

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import Any, Final

from rich.table import Table

from realtime.bench import report
from realtime.bench.events import as_array
from realtime.bench.fault_proxy import FaultProxy
from realtime.bench.faults import Fault, FaultKind
from realtime.bench.launch import start_gateway, temporary_folder
from realtime.bench.posting import PostFailed, Producer
from realtime.bench.process import Process
from realtime.bench.recovery_follower import FollowerProcess
from realtime.bench.redis_server import running_redis
from realtime.bench.spread import Spread, spread_of
from realtime.config import variable_of
from realtime.errors import StartError
from realtime.protocol.events import Envelope

NODES: Final = ("a", "b")
COLLECTION: Final = "shared"
PERSON: Final = "ann"
_DOCUMENTS: Final = 50
_BEAT_S: Final = 0.02
_AGAIN_S: Final = 0.02
_LOOK_S: Final = 0.02
_CALM_S: Final = 0.3
_LASTS_S: Final = 2.0
_WITHIN_S: Final = 60.0
_STORED: Final = 200
_LATER: Final = frozenset({429, 503})
_FAILURES: Final = (OSError, http.client.HTTPException, PostFailed)


@dataclass(frozen=True)
class Struck:
    """One kind of fault: how long until all was right again at both, in milliseconds after its end."""

    name: str
    times: Spread | None


@dataclass(frozen=True)
class Nodes:
    """What `bench nodes` found. `lost`: documents that aren't as they were last acknowledged, at either follower."""

    acknowledged: int
    lost: int
    struck: tuple[Struck, ...]


class _Poster:
    """Posts changes of documents of its own to one gateway, one after the other, each until it is acknowledged."""

    def __init__(self, name: str, base_url: str) -> None:
        self._name = name
        self._base_url = base_url
        self._stopping = threading.Event()
        self._given_up = threading.Event()
        self.truth: dict[str, Any] = {}
        self.count = 0
        self._thread = threading.Thread(target=self._run, name="bench-poster", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End once what is under way is acknowledged. Raises StartError when nobody acknowledges it."""
        self._stopping.set()
        self._thread.join(_WITHIN_S)
        if self._thread.is_alive():
            raise StartError(f"After {_WITHIN_S:.0f} s nobody has acknowledged what {self._name} sent.")

    def give_up(self) -> None:
        """End at once, acknowledged or not: what has failed may leave gateways behind that never answer."""
        self._stopping.set()
        self._given_up.set()

    def _run(self) -> None:
        for number in itertools.count():
            if self._stopping.wait(_BEAT_S):
                return
            # The first are left alone from then on: nothing that comes later puts them right.
            kept = number if number < _DOCUMENTS else _DOCUMENTS + number % _DOCUMENTS
            document: dict[str, Any] = {"id": f"{self._name}{kept}", "value": number}
            data = {"collection": COLLECTION, "document": document}
            if not post(self._base_url, "collection:created", data, is_given_up=self._given_up.is_set):
                return
            self.truth = {**self.truth, document["id"]: document}
            self.count = number + 1


class _Stage:
    """A Redis, two gateways of which one reaches it by a proxy, and at each a producer and a follower."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.redis = stack.enter_context(running_redis())
        self.proxy = stack.enter_context(FaultProxy(self.redis.port))
        self.folders = {name: stack.enter_context(temporary_folder()) for name in NODES}
        self.gateways = {name: self._serve(name, None) for name in NODES}
        self.followers: dict[str, FollowerProcess] = {}
        self.told = 0
        for name in NODES:
            follower = FollowerProcess(self.gateways[name].base_url, self.folders[name])
            self.followers[name] = stack.enter_context(follower)
        meet: dict[str, Any] = {"do": "meet", "id": f"meet:{PERSON}", "at": 0.0, "name": "Ann"}
        post(self.gateways["a"].base_url, "inbox:command", {"user": PERSON, "command": meet}, identifier=meet["id"])
        self.posters = {name: _Poster(name, self.gateways[name].base_url) for name in NODES}

    def kill_gateway(self) -> None:
        self.gateways["a"].kill()
        self.gateways["a"] = self._serve("a", self.gateways["a"].port)

    def kill_redis(self) -> None:
        self.redis.kill()
        self.redis.start()

    def freeze_redis(self) -> None:
        self.redis.freeze()
        time.sleep(_LASTS_S)
        self.redis.thaw()

    def cut_one_off(self) -> None:
        self.proxy.begin(Fault(0.0, FaultKind.HOLE))
        time.sleep(_LASTS_S * 2)
        self.proxy.calm()

    def tell(self, number: int) -> None:
        """Have something happen that a person is told of, and somebody come in."""
        self.told += 1
        url = self.gateways["b"].base_url
        post(url, "system:error", {"error": f"Till {number} is on fire.", "severity": "high"})
        post(url, "user:login", {"userId": f"guest{number}", "timestamp": "2026-01-01T12:00:00Z"})

    def is_right(self, truth: Mapping[str, Any]) -> bool:
        """Tell whether both sides show every document, everybody who is here, and all that a person was told."""
        guests = {f"guest{number}" for number in range(self.told)}
        for name in NODES:
            held = self.followers[name].ask()
            documents = held["documents"].get(COLLECTION, {})
            if not held["isConnected"] or not guests <= set(held["online"]):
                return False
            if any(documents.get(key, {}).get("value", -1) < one["value"] for key, one in truth.items()):
                return False
        return all(_told(gateway.base_url) == self.told for gateway in self.gateways.values())

    def unlike(self) -> int:
        """Count the documents that aren't everywhere as they were last acknowledged."""
        truth = self.truth()
        held = [self.followers[name].ask()["documents"].get(COLLECTION, {}) for name in NODES]
        return sum(documents.get(key) != one for documents in held for key, one in truth.items())

    def truth(self) -> dict[str, Any]:
        """Return all documents as acknowledged."""
        return {**self.posters["a"].truth, **self.posters["b"].truth}

    def _serve(self, name: str, port: int | None) -> Process:
        to = self.redis.port if name == "a" else self.proxy.port
        extra = {variable_of("redis_url"): f"redis://127.0.0.1:{to}/0"}
        gateway = self._stack.enter_context(start_gateway(self.folders[name] / "data", port=port, extra=extra))
        gateway.wait_ready()
        return gateway


FAULTS: Final[dict[str, Callable[[_Stage], None]]] = {
    "kill a gateway": _Stage.kill_gateway,
    "kill Redis": _Stage.kill_redis,
    "flush Redis": lambda stage: stage.redis.flush(),
    "freeze Redis for 2 s": _Stage.freeze_redis,
    "cut a gateway off for 4 s": _Stage.cut_one_off,
}


def measure_nodes(*, rounds: int, say: Callable[[str], None]) -> Nodes:
    """Let each fault happen `rounds` times, with a calm before each, and time what follows its end.

    Raises StartError when something can't be started, or isn't right again within a minute.
    """
    times: dict[str, list[float]] = {name: [] for name in FAULTS}
    with ExitStack() as stack:
        stage = _Stage(stack)
        for poster in stage.posters.values():
            stack.callback(poster.give_up)
        _until_right(stage, "at the start")
        for number, (_, (name, strike)) in enumerate(itertools.product(range(rounds), FAULTS.items())):
            say(f"{number + 1} of {rounds * len(FAULTS)}: {name}")
            stage.tell(number)
            time.sleep(_CALM_S)
            strike(stage)
            ended = time.monotonic()
            _until_more_is_acknowledged(stage)
            _until_right(stage, name)
            times[name].append((time.monotonic() - ended) * 1000)
        for poster in stage.posters.values():
            poster.stop()
        _until_right(stage, "at the end")
        return Nodes(
            acknowledged=sum(poster.count for poster in stage.posters.values()),
            lost=stage.unlike(),
            struck=tuple(Struck(name, spread_of(found)) for name, found in times.items()),
        )


def post(
    base_url: str,
    kind: str,
    data: dict[str, Any],
    *,
    identifier: str = "",
    is_given_up: Callable[[], bool] = lambda: False,
) -> bool:
    """Post an event until it is acknowledged, or given up: False. Raises PostFailed when it isn't wanted."""
    event = Envelope(
        id=identifier or f"n{next(_numbers)}", source="/tideboard/bench/nodes", type=kind, specversion="1.0", data=data
    )
    body = as_array([event])
    while not is_given_up():
        with suppress(OSError, http.client.HTTPException), closing(Producer(base_url)) as producer:
            status, answer = producer.request("POST", "/api/events", body=body)
            if status == _STORED:
                return True
            if status not in _LATER:
                raise PostFailed(f"/api/events answered {status}: {answer[:300].decode(errors='replace')}")
        time.sleep(_AGAIN_S)
    return False


_numbers = itertools.count(1)


def _told(base_url: str) -> int:
    with suppress(*_FAILURES), closing(Producer(base_url)) as producer:
        rows = producer.get(f"/api/inbox/{PERSON}")["inbox"].get("rows", {})
        return sum(row.get("count", 1) for row in rows.values())
    return -1


def _until_more_is_acknowledged(stage: _Stage) -> None:
    before = {name: poster.count for name, poster in stage.posters.items()}
    _wait(lambda: all(stage.posters[name].count > count for name, count in before.items()), "nothing is stored")


def _until_right(stage: _Stage, name: str) -> None:
    truth = stage.truth()
    _wait(lambda: stage.is_right(truth), f"not everything is shown again ({name})")


def _wait(claim: Callable[[], bool], words: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not claim():
        if time.monotonic() > deadline:
            raise StartError(f"After {_WITHIN_S:.0f} s {words}.")
        time.sleep(_LOOK_S)


def table_of(outcome: Nodes) -> Table:
    """Lay the outcome out for people."""
    return report.table_of(
        "Two gateways over one Redis · until all is right again at both",
        columns=["", "times", "p50 ms", "max ms"],
        rows=[
            (one.name, str(one.times.count), report.milliseconds(one.times.p50), report.milliseconds(one.times.max))
            for one in outcome.struck
            if one.times is not None
        ],
        caption=(
            f"{outcome.acknowledged:,} changes acknowledged, {outcome.lost} documents lost. "
            "Counted from the fault's end until both followers show every acknowledged document and everybody who is "
            "here, and both gateways the same inbox."
        ),
    )
