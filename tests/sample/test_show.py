"""Claims about what the sample does next."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from realtime.protocol.events import CollectionCreated
from realtime.protocol.positions import Position
from realtime.sample.day import NEW_YORK
from realtime.sample.memory import Memory
from realtime.sample.producer import Outcome, Sighting
from realtime.sample.show import LOOK_EVERY_S, REST_S, Clear, Look, Post, SampleState, Show, Wait
from realtime.sample.timeline import Moment

_START = datetime(2013, 2, 8, 5, tzinfo=NEW_YORK)
_FRESH = Memory(run="fresh")
_NOTHING = Sighting(False, {})
_REAL = Sighting(True, {})


def _moments(*offsets: float) -> tuple[Moment, ...]:
    return tuple(
        Moment(offset, _START, CollectionCreated(collection="flights", document={"id": str(index)}))
        for index, offset in enumerate(offsets)
    )


def _show(*, memory: Memory = _FRESH, sighting: Sighting | None = _NOTHING) -> Show:
    show = Show(_moments(0.0, 0.0, 60.0), memory, fresh=lambda: _FRESH, speed=60, now=0.0)
    if sighting is not None:
        show.looked(sighting, now=0.0)
    return show


def _play(show: Show, *, count: int, now: float) -> None:
    show.posted(Outcome(count, 0, 0), count=count, now=now)


def _finished() -> Show:
    show = _show()
    _play(show, count=3, now=0.0)
    assert show.step(1.0) == Wait(0.0)
    assert show.status(1.0).state is SampleState.FINISHED
    return show


def test_looks_before_it_plays() -> None:
    """Nothing is posted before it is known that there is no real data."""
    show = _show(sighting=None)
    assert show.step(0.0) == Look()
    assert show.status(0.0).state is SampleState.OFF
    show.looked(_NOTHING, now=0.0)
    assert show.step(0.0) == Post("fresh-1", range(2))
    assert show.status(0.0).state is SampleState.PLAYING


def test_waits_until_the_next_moment() -> None:
    """A minute of the day is a second at sixty times life; two posts keep a little apart."""
    show = _show()
    _play(show, count=2, now=0.0)
    assert show.step(0.0) == Wait(0.05)
    assert show.step(0.25) == Wait(0.75)
    assert show.step(1.0) == Post("fresh-1", range(2, 3))


def test_real_data_at_the_beginning_keeps_it_off() -> None:
    """A data folder with someone's data never sees the sample, not even when asked for."""
    show = _show(sighting=_REAL)
    show.start(0.0)
    assert show.step(0.0) == Wait(None)
    status = show.status(0.0)
    assert (status.state, status.has_real_data, status.clock) == (SampleState.OFF, True, None)
    assert show.memory.has_real_data


def test_real_data_during_the_day_lets_it_end_and_not_begin_again() -> None:
    """Whoever watches keeps the day; there is no other one after it."""
    show = _show()
    show.looked(_REAL, now=0.0)
    assert show.status(0.0).note.startswith("Real data has come")
    _play(show, count=3, now=0.0)
    assert show.step(1.0) == Wait(0.0)
    assert show.step(1.0 + 2 * REST_S) == Wait(None)
    show.start(1.0)
    assert show.status(1.0).state is SampleState.FINISHED
    assert show.status(1.0).note == "The sample day is over."


def test_looks_again_every_few_seconds() -> None:
    """Real data is noticed while playing."""
    show = _show()
    _play(show, count=2, now=0.0)
    show.set_speed(1, now=0.1)
    assert show.step(5.0) == Wait(LOOK_EVERY_S)
    assert show.step(LOOK_EVERY_S) == Look()


def test_a_finished_day_rests_then_clears_and_begins_again() -> None:
    """After a minute, and a last look, the old documents go and the next round has ids of its own."""
    show = _finished()
    assert show.step(11.0) == Wait(REST_S - 10.0)
    assert show.step(1.0 + REST_S) == Look()
    show.looked(_NOTHING, now=1.0 + REST_S)
    assert show.step(1.0 + REST_S) == Clear("fresh-1")
    show.cleared(62.0)
    assert show.step(62.0) == Post("fresh-2", range(2))
    assert show.status(62.0).round == 2


def test_start_ends_the_rest() -> None:
    """Asked to play, a finished day begins again at once."""
    show = _finished()
    show.start(2.0)
    assert show.step(2.0) == Clear("fresh-1")


def test_stop_holds_the_day_where_it_is() -> None:
    """An hour's stop doesn't let an hour's events come in a burst."""
    show = _show()
    _play(show, count=2, now=0.0)
    show.stop()
    assert show.memory.is_stopped
    assert show.step(3600.0) == Wait(None)
    assert show.status(3600.0).clock == _START
    show.start(3600.0)
    assert show.memory == Memory(run="fresh", next_index=2)
    assert show.step(3600.0) == Look()
    show.looked(_NOTHING, now=3600.0)
    assert show.step(3600.0) == Post("fresh-1", range(2, 3))


def test_stop_is_remembered_over_a_restart() -> None:
    """A stopped day comes up stopped, at the event where it was."""
    show = _show(memory=Memory(run="r", next_index=2, is_stopped=True))
    assert show.step(0.0) == Wait(None)
    assert show.status(0.0).state is SampleState.STOPPED
    assert show.status(0.0).posted == 2
    show.start(0.0)
    assert show.step(0.0) == Post("r-1", range(2, 3))


def test_stop_before_the_first_look_holds() -> None:
    """A stop that comes while the gateway doesn't answer yet is kept."""
    show = _show(sighting=None)
    show.stop()
    show.looked(_NOTHING, now=0.0)
    assert show.status(0.0).state is SampleState.STOPPED


def test_clear_stops_and_begins_anew() -> None:
    """After clearing, start plays the day from its beginning, with other ids."""
    show = _show()
    _play(show, count=2, now=0.0)
    show.clear()
    assert show.step(1.0) == Clear("fresh-1")
    show.cleared(1.0)
    status = show.status(1.0)
    assert (status.state, status.posted, status.round) == (SampleState.STOPPED, 0, 2)
    assert status.note == "The sample's documents are deleted."
    show.start(2.0)
    assert show.step(2.0) == Post("fresh-2", range(2))


def test_what_is_left_beside_real_data_stays_labelled_until_cleared() -> None:
    """After a restart in mid-day with real data the sample is stopped for good, and says what to do."""
    show = _show(memory=Memory(run="r", next_index=2), sighting=_REAL)
    status = show.status(0.0)
    assert status.state is SampleState.STOPPED
    assert "Clear removes what is left" in status.note
    show.start(0.0)
    assert show.step(0.0) == Wait(None)
    show.clear()
    assert show.step(0.0) == Clear("r-1")
    show.cleared(0.0)
    assert show.status(0.0).state is SampleState.OFF


def test_stop_beside_real_data_is_for_good() -> None:
    """The note says why play does nothing."""
    show = _show()
    _play(show, count=2, now=0.0)
    show.looked(_REAL, now=0.0)
    show.stop()
    show.start(0.0)
    assert show.status(0.0).state is SampleState.STOPPED
    assert "isn't played any more" in show.status(0.0).note


def test_clear_works_when_real_data_keeps_it_off() -> None:
    """What is left of the sample can be swept out beside real data."""
    show = _show(sighting=_REAL)
    show.clear()
    assert show.step(0.0) == Clear("fresh-1")


def test_an_outage_neither_loses_nor_bursts() -> None:
    """The step is tried again, less and less often; then the day goes on from there."""
    show = _show()
    waits = []
    now = 0.0
    for _ in range(8):
        show.failed("The gateway doesn't answer.", now=now)
        step = show.step(now)
        assert isinstance(step, Wait)
        assert step.timeout_s is not None
        waits.append(round(step.timeout_s, 3))
        now += step.timeout_s
    assert waits == [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
    assert show.status(now).note == "The gateway doesn't answer."
    show.looked(_NOTHING, now=now)
    assert show.step(now) == Post("fresh-1", range(2))
    _play(show, count=2, now=now)
    assert show.status(now).note == ""


def test_a_gateway_that_asked_for_time_gets_it() -> None:
    """Where it wants longer than we would have waited."""
    show = _show()
    show.failed("too many requests", now=0.0, wait_s=7.0)
    assert show.step(0.0) == Wait(7.0)


def test_another_log_is_another_story() -> None:
    """Where the gateway's data isn't what the memory is about, the day begins with a new memory."""
    memory = Memory(run="old", next_index=2, is_stopped=True, seen={"collection:flights": Position("e1", 9)})
    assert _show(memory=memory).memory.run == "fresh"
    same = Sighting(False, {"collection:flights": Position("e1", 12)})
    assert _show(memory=memory, sighting=same).memory.run == "old"


def test_a_restart_after_the_last_event_finishes() -> None:
    """A day that was over is over, and begins again after its rest."""
    show = _show(memory=Memory(run="r", next_index=3))
    assert show.step(0.0) == Wait(0.0)
    assert show.status(0.0).state is SampleState.FINISHED


def test_start_of_a_day_stopped_after_its_end_begins_the_next() -> None:
    """Stopped while resting, then started: the next day comes."""
    show = _finished()
    show.stop()
    show.start(5.0)
    assert show.step(5.0) == Clear("fresh-1")


@pytest.mark.parametrize(("asked", "got"), [(0.0, 1.0), (60.0, 60.0), (1e9, 3600.0)])
def test_speed_is_kept_within_reason(asked: float, got: float) -> None:
    """Speeds outside 1 to 3600 become the nearest of these."""
    show = _show()
    show.set_speed(asked, now=0.0)
    assert show.status(0.0).speed == got


def test_the_clock_tells_the_days_time() -> None:
    """Half a second at sixty times life is half a minute."""
    show = _show()
    _play(show, count=2, now=0.0)
    assert show.status(0.5).clock == _START + timedelta(seconds=30)


def test_refusals_are_counted() -> None:
    """What the gateway refuses is not posted again, and shows."""
    show = _show()
    show.posted(Outcome(1, 0, 1), count=2, now=0.0)
    assert show.status(0.0).refused == 1
    assert show.memory.next_index == 2


_PLAYING, _STOPPED, _FINISHED, _OFF = (
    SampleState.PLAYING, SampleState.STOPPED, SampleState.FINISHED, SampleState.OFF,
)  # fmt: skip
_PAIRS = {
    (_OFF, _PLAYING), (_OFF, _STOPPED), (_PLAYING, _STOPPED), (_PLAYING, _FINISHED), (_STOPPED, _PLAYING),
    (_STOPPED, _OFF),
    (_FINISHED, _PLAYING), (_FINISHED, _STOPPED),
}  # fmt: skip


@pytest.mark.parametrize("before", SampleState)
@pytest.mark.parametrize("after", SampleState)
def test_only_known_changes_of_state_happen(before: SampleState, after: SampleState) -> None:
    """Any other pair raises and changes nothing."""
    show = _show(sighting=None)
    show._state = before
    if (before, after) in _PAIRS:
        show._enter(after, note="")
        assert show.status(0.0).state is after
    else:
        with pytest.raises(AssertionError, match="can't go"):
            show._enter(after, note="")
        assert show.status(0.0).state is before
