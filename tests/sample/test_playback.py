"""Claims about the play head."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.sample.playback import Playback

_OFFSETS = st.lists(st.floats(0, 1e5), min_size=1, max_size=30).map(sorted)
_STEPS = st.lists(
    st.tuples(st.floats(0, 1000), st.sampled_from(["take", "speed", "hold"]), st.floats(1, 3600)), max_size=30
)


def test_plays_at_speed() -> None:
    """At sixty times life, a minute of the day passes in a second."""
    playback = Playback((0.0, 60.0, 120.0), speed=60, now=100.0)
    assert playback.due(100.0, most=9) == range(1)
    playback.take(1)
    assert playback.wait_s(100.25) == 0.75
    assert playback.due(101.0, most=9) == range(1, 2)
    assert playback.due(500.0, most=1) == range(1, 2)
    assert playback.clock_s(500.0) == 120.0


def test_a_change_of_speed_doesnt_jump() -> None:
    """The clock is at the same place before and after."""
    playback = Playback((0.0, 1000.0), speed=60, now=0.0)
    playback.set_speed(10, now=5.0)
    assert playback.clock_s(5.0) == 300.0
    assert playback.clock_s(6.0) == 310.0
    assert playback.speed == 10


def test_a_hold_turns_the_clock_back_to_what_comes_next() -> None:
    """After an outage of an hour the next moment is due, and only that one."""
    playback = Playback((0.0, 60.0, 120.0), speed=60, now=0.0)
    playback.take(1)
    playback.hold(3600.0)
    assert playback.due(3600.0, most=9) == range(1, 2)
    assert not playback.is_over


def test_a_restart_begins_where_it_was() -> None:
    """With an index given, the moments before it are never due again."""
    playback = Playback((0.0, 60.0, 120.0), speed=60, now=0.0, index=2)
    assert playback.due(0.0, most=9) == range(2, 3)
    assert Playback((0.0,), speed=1, now=0.0, index=7).is_over


def test_nothing_to_play_is_over() -> None:
    """An empty timeline waits for nothing."""
    playback = Playback((), speed=60, now=0.0)
    assert playback.wait_s(0.0) is None
    assert playback.due(1.0, most=9) == range(0)
    assert playback.clock_s(5.0) == 0.0


@given(_OFFSETS, _STEPS)
def test_every_moment_comes_once_in_order(offsets: list[float], steps: list[tuple[float, str, float]]) -> None:
    """Whatever is done to it, the play head passes each moment once, never early."""
    playback, now, taken = Playback(offsets, speed=60, now=0.0), 0.0, list[int]()
    for passed, action, speed in [*steps, (1e9, "take", 1.0)]:
        now += passed
        if action == "speed":
            playback.set_speed(speed, now=now)
        elif action == "hold":
            playback.hold(now)
        due = playback.due(now, most=7 if passed < 1e9 else 99)
        assert all(offsets[index] <= playback.clock_s(now) for index in due)
        taken.extend(due)
        playback.take(len(due))
    assert taken == list(range(len(offsets)))
