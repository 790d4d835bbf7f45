"""The caster: once per change, at once and then at most ten times a second, the newest last, diffs where smaller."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from realtime.live.caster import CASTINGS_KEPT, Caster
from realtime.live.changes import changed
from realtime.live.tickets import Tickets
from realtime.views.registry import View
from tests.live.support import SECRET, Clock, FakeStore, broken, caster_of, one_number, the_time

NONE: frozenset[str] = frozenset()


class Stage:
    """A caster with a told clock whose publications are recorded instead of sent."""

    def __init__(self, **keywords: Any) -> None:
        self.store, self.clock = FakeStore(), Clock()
        self.sent: list[dict[str, Any]] = []
        self.caster = caster_of(self.store, self.clock, **keywords)
        self.caster._send = lambda channel, data, _began: self.sent.append({"channel": channel, **json.loads(data)})

    def follow(self, view: View, **parameters: Any) -> str:
        """Show a view in one more tab, as joining does."""
        channel = self.caster.follow(view, parameters)
        self.caster.full(view, parameters)
        self.sent.clear()
        return channel

    def put(self, number: Any, *, topic: str = "a", after_s: float = 0.0) -> float:
        """Change a topic `after_s` from now and let the caster make a pass."""
        self.clock.now += after_s
        return self.caster.step(self.store.put(topic, number), now=self.clock.now)

    def wait(self, seconds: float) -> float:
        """Let time pass, then a pass of the caster with nothing new."""
        self.clock.now += seconds
        return self.caster.step(NONE, now=self.clock.now)

    def numbers(self) -> list[Any]:
        """Return the numbers sent, newest last."""
        return [each["full"]["number"] if "full" in each else each["patch"][0][2] for each in self.sent]


def test_the_first_change_is_cast_at_once() -> None:
    """Nobody waits for a beat."""
    stage = Stage()
    channel = stage.follow(one_number)
    stage.put(1, after_s=1.0)
    assert [(each["channel"], each["full"]) for each in stage.sent] == [(channel, {"number": 1, "pad": ""})]


def test_a_burst_is_cast_ten_times_a_second_with_the_newest_last() -> None:
    """A hundred changes within a second become some ten publications, and the last shows the last change."""
    stage = Stage()
    stage.follow(one_number)
    stage.clock.now += 1.0
    for number in range(100):
        stage.put(number, after_s=0.01)
    stage.wait(0.1)
    assert 9 <= len(stage.sent) <= 12
    assert stage.numbers()[-1] == 99
    assert [each["v"] for each in stage.sent] == sorted(each["v"] for each in stage.sent)


def test_a_pass_says_when_the_next_is_due() -> None:
    """What is held back is remembered: the caster wakes for it without another change."""
    stage = Stage()
    stage.follow(one_number)
    stage.put(1, after_s=1.0)
    assert stage.put(2, after_s=0.03) == pytest.approx(0.07)
    stage.wait(0.07)
    assert stage.numbers() == [1, 2]


def test_unchanged_bytes_are_not_sent() -> None:
    """A change that doesn't show costs nobody anything."""
    stage = Stage()
    stage.put(1)
    stage.follow(one_number)
    stage.put(1, after_s=1.0)
    assert stage.sent == []


def test_another_topic_does_not_render_a_view() -> None:
    """Cost follows what changed."""
    stage = Stage()
    stage.follow(one_number)
    stage.put(1, topic="b", after_s=1.0)
    assert stage.sent == []
    assert stage.caster.current(one_number).version == 1


def test_what_nobody_sees_is_not_rendered() -> None:
    """After the last visible tab left, changes cost nothing until someone asks."""
    stage = Stage()
    channel = stage.follow(one_number)
    stage.follow(one_number)
    stage.caster.unfollow(channel)
    stage.put(1, after_s=1.0)
    assert len(stage.sent) == 1
    stage.caster.unfollow(channel)
    stage.caster.unfollow(channel)
    stage.put(2, after_s=1.0)
    assert len(stage.sent) == 1
    assert stage.caster.current(one_number).value["number"] == 2
    assert stage.caster.followed == {}


def test_a_small_change_is_cast_as_a_patch_on_the_version_before() -> None:
    """A diff goes out when it is less than half of the full value, and says what it is a diff of."""
    stage = Stage()
    stage.follow(one_number, pad=200)
    stage.put(1, after_s=1.0)
    stage.put(2, after_s=1.0)
    first, second = stage.sent
    assert first["patch"] == [["s", ["number"], 1]]
    assert (second["base"], second["patch"]) == (first["v"], [["s", ["number"], 2]])


def test_a_page_gets_the_cached_value_while_it_is_current() -> None:
    """Ten reruns render once, and the value's version stays."""
    stage = Stage()
    stage.store.put("a", 7)
    casts = [stage.caster.current(one_number, {"topic": "a"}) for _ in range(10)]
    assert {cast.version for cast in casts} == {1}
    assert casts[0].value == {"number": 7, "pad": ""}
    assert casts[0].epoch == stage.caster.epoch


def test_a_page_gets_what_changed_since_nobody_followed() -> None:
    """Without followers a page's own call renders what is stale."""
    stage = Stage()
    stage.caster.current(one_number)
    stage.store.put("a", 8)
    assert stage.caster.current(one_number).value["number"] == 8


def test_a_stale_value_given_to_a_page_is_followed_by_the_newest() -> None:
    """A page that asks within the beat gets the last paint; the caster's next pass brings the change."""
    stage = Stage()
    stage.follow(one_number)
    stage.put(1, after_s=1.0)
    stage.store.put("a", 2)
    assert stage.caster.current(one_number).value["number"] == 1
    assert stage.wait(0.0) == pytest.approx(0.1)
    stage.wait(0.1)
    assert stage.numbers() == [1, 2]


def test_the_clock_renders_only_what_is_followed() -> None:
    """A view of the time is made anew every five seconds while someone sees it."""
    stage = Stage()
    channel = stage.follow(the_time)
    assert stage.wait(4.9) == pytest.approx(0.1)
    assert stage.sent == []
    stage.wait(0.1)
    assert len(stage.sent) == 1
    stage.caster.unfollow(channel)
    stage.wait(60.0)
    assert len(stage.sent) == 1


def test_a_dear_view_is_rendered_less_often() -> None:
    """A view that costs 100 ms takes no more than a fifth of a core."""
    ticks = iter(number * 0.1 for number in range(1_000))
    stage = Stage(timer=lambda: next(ticks))
    stage.follow(one_number)
    stage.put(1, after_s=1.0)
    for number in range(2, 40):
        stage.put(number, after_s=0.05)
    stage.wait(0.5)
    assert len(stage.sent) <= 1 + 1.9 / 0.5 + 1
    assert stage.numbers()[-1] == 39


def test_a_broken_view_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """Its tabs keep what they have; it comes back with the next good value."""
    stage = Stage()
    stage.follow(broken)
    stage.follow(one_number)
    stage.put("bad", after_s=1.0)
    assert stage.numbers() == ["bad"]
    assert "broken failed" in caplog.text
    stage.put(3, after_s=1.0)
    assert stage.numbers() == ["bad", 3, 3]


def test_a_broken_view_raises_to_the_page_that_asks() -> None:
    """A page shows its own error."""
    stage = Stage()
    stage.store.put("a", "bad")
    with pytest.raises(ValueError, match="broken"):
        stage.caster.current(broken)


def test_a_clock_set_back_does_not_hold_a_view_up() -> None:
    """Time that jumps an hour back costs nothing but the beat."""
    stage = Stage()
    stage.follow(one_number)
    stage.put(1, after_s=1.0)
    stage.put(2, after_s=-3_600.0)
    assert stage.numbers() == [1, 2]


def test_unused_castings_are_forgotten() -> None:
    """Memory doesn't grow with every set of parameters ever asked for, and versions go on rising."""
    stage = Stage()
    before = stage.caster.current(one_number).version
    for number in range(CASTINGS_KEPT + 50):
        stage.caster.current(one_number, {"topic": f"t{number}"})
    stage.wait(5.0)
    assert len(stage.caster._castings) <= CASTINGS_KEPT
    stage.wait(200.0)
    assert stage.caster._castings == {}
    assert stage.caster.current(one_number).version > before


def test_parameters_that_are_not_json_are_refused() -> None:
    """A ticket has to be able to carry them."""
    with pytest.raises(TypeError):
        caster_of(FakeStore(), Clock()).current(one_number, {"topic": object()})


async def _heard(caster: Caster, store: FakeStore) -> list[dict[str, Any]]:
    heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    caster.follow(one_number, {})
    caster.full(one_number, {})
    caster.start(asyncio.get_running_loop(), publish=lambda _channel, data: heard.put_nowait(json.loads(data)))
    try:
        store.put("a", 1)
        first = await asyncio.wait_for(heard.get(), 5)
        store.put("a", 2)
        return [first, await asyncio.wait_for(heard.get(), 5)]
    finally:
        await asyncio.to_thread(caster.stop)


def test_the_thread_hears_the_store_and_speaks_on_the_loop() -> None:
    """A change comes out on the event loop, with nobody calling a pass."""
    store = FakeStore()
    ticks = iter(range(10_000))
    caster = caster_of(store, lambda: 1_000.0 + next(ticks))
    heard = asyncio.run(_heard(caster, store))
    assert [each["full"]["number"] for each in heard] == [1, 2]


def test_charts_are_handed_over_before_anything_else_is_rendered() -> None:
    """A browser draws them longest, so they don't wait for small panels."""
    stage, handed_over = Stage(), list[int]()
    stage.caster._hand_over = lambda: handed_over.append(len(stage.sent))
    drawn = View(
        name="drawn", kind="chart", render=lambda _store, *, now: {"number": now}, topics=lambda: ("a",)
    )  # fmt: skip
    channels = [stage.follow(one_number), stage.follow(drawn)]
    stage.put(1, after_s=1.0)
    assert [each["channel"] for each in stage.sent] == channels[::-1]
    assert handed_over == [1]


def test_the_publications_of_a_pass_are_handed_over_together() -> None:
    """In one turn of the loop, so that a tab with several panels is sent one message, not one for each."""
    asyncio.run(_one_turn())


async def _one_turn() -> None:
    store, loop = FakeStore(), asyncio.get_running_loop()
    ticks = iter(range(10_000))
    caster = caster_of(store, lambda: 1_000.0 + next(ticks))
    channels = [caster.follow(one_number, {"pad": size}) for size in range(4)]
    for size in range(4):
        caster.full(one_number, {"pad": size})
    turns: list[list[str]] = [[]]
    done = asyncio.Event()

    def publish(channel: str, _data: bytes) -> None:
        if not turns[-1]:
            loop.call_soon(turns.append, [])
        turns[-1].append(channel)
        if len(turns[-1]) == len(channels):
            done.set()

    caster.start(loop, publish=publish)
    try:
        store.put("a", 1)
        await asyncio.wait_for(done.wait(), 5)
    finally:
        await asyncio.to_thread(caster.stop)
    assert sorted(turns[0]) == sorted(channels)


def test_the_thread_survives_a_stumble(caplog: pytest.LogCaptureFixture) -> None:
    """One exception in a pass is logged, and the next pass comes."""
    store = FakeStore()
    ticks = iter(range(10_000))
    caster = caster_of(store, lambda: 1_000.0 + next(ticks))
    original, stumbles = caster.step, iter([True])

    def step(topics: frozenset[str], *, now: float) -> float:
        if next(stumbles, False):
            raise RuntimeError("a stumble")
        return original(topics | {"a"}, now=now)

    caster.step = step  # type: ignore[method-assign]
    asyncio.run(_heard(caster, store))
    assert "a stumble" in caplog.text


def test_a_live_fragments_view_changes_with_its_topics_alone() -> None:
    """It says that something changed, not what."""
    stage = Stage()
    stage.follow(changed, topics=["a", "b"])
    stage.put(1, after_s=1.0)
    stage.put(1, topic="c", after_s=1.0)
    stage.put(1, topic="b", after_s=1.0)
    assert len(stage.sent) == 2


def test_a_closed_loop_ends_the_caster() -> None:
    """When the loop is gone nobody is left to send to."""
    stage = Stage()
    loop = asyncio.new_event_loop()
    stage.caster.start(loop, publish=lambda _channel, _data: None)
    loop.close()
    stage.caster.follow(one_number, {})
    stage.caster.full(one_number, {})
    assert stage.caster._thread is not None
    stage.caster._thread.join(5)
    assert not stage.caster._thread.is_alive()
    stage.caster.stop()


def test_epochs_sort_by_age() -> None:
    """So that a rerun's value from before a restart is known to be older."""
    clock = Clock()
    older = Caster(FakeStore().as_store, tickets=Tickets(SECRET), settings=_settings(), clock=clock).epoch
    clock.now += 1.0
    newer = Caster(FakeStore().as_store, tickets=Tickets(SECRET), settings=_settings(), clock=clock).epoch
    assert older < newer


def _settings() -> Any:
    from realtime.config import Settings

    return Settings()
