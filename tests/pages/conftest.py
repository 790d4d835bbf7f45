"""A Tideboard without gateway: pages read a store that the test fills, and write through a recording client."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from realtime.config import Settings
from realtime.live import Live
from realtime.live.runtime import Runtime, install, uninstall
from realtime.protocol.events import Envelope
from realtime.ui import ASSETS_FOLDER
from tests.views.support import Filler

SHELL = Path(__file__).parents[2] / "pages" / "shell.py"


@dataclass
class RecordingClient:
    """Takes what pages send and answers as told."""

    sent: list[tuple[Envelope, int | None]] = field(default_factory=list)
    answer: BaseException | None = None
    is_silent: bool = False
    reconnects: int = 0
    http_url: str = "http://127.0.0.1:9"
    outbox: Any = None

    def http_headers(self) -> dict[str, str]:
        """Return what a client with a token sends."""
        return {"Authorization": "Bearer let-me-in"}

    def send(
        self, envelope: Envelope, *, expected_offset: int | None = None, follows: int | None = None
    ) -> Future[str]:
        """Record a write and answer it at once, unless told to be silent."""
        self.sent.append((envelope, expected_offset))
        future: Future[str] = Future()
        if self.answer is not None:
            future.set_exception(self.answer)
        elif not self.is_silent:
            future.set_result("stored")
        return future

    def reconnect(self) -> None:
        """Count a wish to dial again."""
        self.reconnects += 1


class _State(Enum):
    PLAYING = "playing"
    STOPPED = "stopped"


@dataclass
class _Status:
    state: _State = _State.PLAYING
    speed: float = 60.0
    clock: Any = None
    note: str = ""


@dataclass
class RecordingSample:
    """Remembers which of its buttons was pressed."""

    calls: list[str] = field(default_factory=list)
    now: _Status = field(default_factory=_Status)

    def status(self) -> _Status:
        """Tell what it does."""
        return self.now

    def stop(self) -> None:
        """Stop playing."""
        self.calls.append("stop")
        self.now.state = _State.STOPPED

    def start(self) -> None:
        """Play on."""
        self.calls.append("start")

    def clear(self) -> None:
        """Delete its documents."""
        self.calls.append("clear")

    def set_speed(self, speed: float) -> None:
        """Play faster or slower."""
        self.calls.append(f"speed {speed:g}")


@dataclass
class Board:
    """A running Tideboard as a test holds it."""

    filler: Filler
    client: RecordingClient
    sample: RecordingSample | None

    def open(self, page: str = "", **query: str) -> AppTest:
        """Open a page as a browser would, the shell first."""
        test = AppTest.from_file(str(SHELL), default_timeout=20)
        for name, value in query.items():
            test.query_params[name] = value
        test.run()
        if page:
            test.switch_page(page)
            for name, value in query.items():
                test.query_params[name] = value
            test.run()
        assert not test.exception, test.exception
        return test


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """Yield an empty, connected Tideboard without sample."""
    yield from _boards(tmp_path, None)


@pytest.fixture
def sampled(tmp_path: Path) -> Iterator[Board]:
    """Yield a Tideboard on which the sample day is playing."""
    yield from _boards(tmp_path, RecordingSample())


def _boards(folder: Path, sample: RecordingSample | None) -> Iterator[Board]:
    filler, client = Filler(), RecordingClient()
    filler.connected()
    settings = Settings(data_dir=folder)
    live = Live(filler.store, settings=settings, assets_folder=ASSETS_FOLDER)
    install(
        Runtime(
            settings=settings, store=filler.store, caster=live.caster, assets=live.assets, client=client, sample=sample,  # type: ignore[arg-type]  # a stand-in
        )
    )  # fmt: skip
    yield Board(filler, client, sample)
    uninstall()
