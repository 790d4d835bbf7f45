"""Claims about the thread, over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from realtime.config import Settings
from realtime.protocol.events import CollectionCreated
from realtime.sample import Sample, SampleState
from realtime.sample.day import NEW_YORK
from realtime.sample.memory import recall
from realtime.sample.producer import Producer, Sighting
from realtime.sample.timeline import Moment
from tests.support.waiting import until

from .stand_in import StandIn, stand_in

_START = datetime(2013, 2, 8, 5, tzinfo=NEW_YORK)


def _moments(*offsets: float) -> tuple[Moment, ...]:
    return tuple(
        Moment(offset, _START, CollectionCreated(collection="flights", document={"id": str(index)}))
        for index, offset in enumerate(offsets)
    )


def _settings(folder: Path, *, speed: float = 60.0) -> Settings:
    return Settings(data_dir=folder, sample_speed=speed)


@contextmanager
def _playing(url: str, folder: Path, *offsets: float, speed: float = 60.0) -> Iterator[Sample]:
    sample = Sample(url, settings=_settings(folder, speed=speed), moments=_moments(*offsets))
    sample.open()
    try:
        yield sample
    finally:
        sample.close()


def _count(gateway: StandIn, count: int) -> None:
    gateway.wait_until(lambda: len(gateway.documents.get("flights", {})) == count)


def test_plays_the_real_day(tmp_path: Path) -> None:
    """Opened on an empty gateway, the board and the first departure are there with one post."""
    with stand_in() as (gateway, url):
        sample = Sample(url, settings=_settings(tmp_path))
        sample.open()
        sample.open()  # a second time does nothing
        gateway.wait_until(lambda: len(gateway.events.get("collection:flights", ())) > 50)
        status = sample.status()
        sample.close()
    assert status.state is SampleState.PLAYING
    assert status.total > 2316
    assert status.clock is not None
    assert status.clock.isoformat().startswith("2013-02-08T0")
    assert set(gateway.documents) == {"flights", "airports"}
    envelope = gateway.events["collection:flights"][0]
    assert envelope["source"] == "/tideboard/sample"
    assert envelope["time"].endswith("Z")


def test_a_restart_goes_on_without_doubling(tmp_path: Path) -> None:
    """What was posted before the restart isn't posted again, and the rest follows."""
    with stand_in() as (gateway, url):
        with _playing(url, tmp_path, 0.0, 0.0, 1e6):
            _count(gateway, 2)
        with _playing(url, tmp_path, 0.0, 0.0, 0.0, 1e6):
            _count(gateway, 3)
    assert gateway.duplicates == 0
    assert recall(tmp_path).next_index == 3


def test_a_lost_memory_doubles_nothing_of_its_round(tmp_path: Path) -> None:
    """A process killed before it remembered posts the same ids, which the gateway knows."""
    with stand_in() as (gateway, url):
        with _playing(url, tmp_path, 0.0, 1e6):
            _count(gateway, 1)
            kept = recall(tmp_path)
        assert kept.next_index == 0
        (tmp_path / "sample.json").write_text(f'{{"run": "{kept.run}"}}')
        with _playing(url, tmp_path, 0.0, 0.0, 1e6):
            _count(gateway, 2)
    assert gateway.duplicates == 1


def test_survives_a_gateway_that_is_away(tmp_path: Path) -> None:
    """It says what is wrong, keeps trying, and goes on when the gateway is back."""
    with stand_in() as (gateway, url):
        gateway.down_with = 503
        with _playing(url, tmp_path, 0.0, 1e6) as sample:
            gateway.wait_until(lambda: len(gateway.requests) >= 2)
            assert "503" in sample.status().note
            gateway.down_with = None
            _count(gateway, 1)


def test_stop_faster_start_clear(tmp_path: Path) -> None:
    """Under a person's hands: stopped it posts nothing; faster it comes sooner; cleared its documents are gone."""
    with stand_in() as (gateway, url), _playing(url, tmp_path, 0.0, 3600.0, 1e7, speed=1.0) as sample:
        _count(gateway, 1)
        sample.stop()
        assert sample.status().state is SampleState.STOPPED
        sample.start()
        sample.set_speed(1e6)
        assert sample.status().speed == 3600.0
        _count(gateway, 2)
        gateway.take(
            {
                "source": "/s",
                "id": "1",
                "type": "collection:created",
                "data": {"collection": "flights", "document": {"id": "mine"}},
            }
        )
        sample.clear()
        _count(gateway, 1)
        assert set(gateway.documents["flights"]) == {"mine"}
        assert sample.status().state is SampleState.STOPPED
    assert recall(tmp_path).is_stopped


@pytest.mark.parametrize("settings", [Settings(sample="off"), Settings(gateway_url="http://elsewhere")])
def test_switched_off_it_does_nothing(settings: Settings) -> None:
    """Off, or with a gateway elsewhere: no thread, no file, and its buttons do nothing."""
    sample = Sample("http://127.0.0.1:9", settings=settings)
    before = threading.active_count()
    sample.open()
    for action in (sample.start, sample.stop, sample.clear, lambda: sample.set_speed(2)):
        action()
    assert threading.active_count() == before
    assert sample.status().state is SampleState.OFF
    assert sample.status().note
    sample.close()


def test_real_data_keeps_it_off_over_a_restart(tmp_path: Path) -> None:
    """Once someone's event was there, no restart begins the sample again, even when the event is gone."""
    event = {"source": "/shop", "id": "1", "type": "collection:created"}
    with stand_in() as (gateway, url):
        gateway.take({**event, "data": {"collection": "orders", "document": {"id": "1"}}})
        with _playing(url, tmp_path, 0.0):
            until(lambda: recall(tmp_path).has_real_data)
        gateway.documents.pop("orders")
        with _playing(url, tmp_path, 0.0) as sample:
            gateway.wait_until(lambda: "POST /api/history" in gateway.requests)
            sample.start()
        assert sample.status().has_real_data
        assert "flights" not in gateway.documents


def test_a_stumble_is_logged_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault nobody thought of doesn't end the thread."""
    look, calls = Producer.look_around, list[int]()

    def stumble(self: Producer, *args: object) -> Sighting:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("unthought of")
        return look(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Producer, "look_around", stumble)
    with stand_in() as (gateway, url), _playing(url, tmp_path, 0.0):
        _count(gateway, 1)
    assert "stumbles" in caplog.text
