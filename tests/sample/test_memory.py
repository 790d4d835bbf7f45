"""Claims about what outlives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.protocol.positions import Position
from realtime.sample.memory import FILE_NAME, Memory, new_memory, recall, remember


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    """Every field survives, in a folder that needn't exist."""
    memory = Memory(
        run="r", round=3, next_index=7, is_stopped=True, has_real_data=True, seen={"users": Position("e", 4)}
    )
    folder = tmp_path / "data"
    remember(memory, folder)
    assert recall(folder) == memory
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


def test_each_new_memory_is_another_run(tmp_path: Path) -> None:
    """Two data folders never use the same event ids."""
    assert recall(tmp_path).run != new_memory().run


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b'{"run": 1}', b"{" * 2000])
def test_a_broken_file_is_an_empty_memory(tmp_path: Path, raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What can't be read is said in the log, and the day begins anew."""
    (tmp_path / FILE_NAME).write_bytes(raw)
    assert recall(tmp_path).next_index == 0
    assert "can't be read" in caplog.text


def test_a_folder_that_cant_be_written_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The play goes on; only a restart would repeat a part."""
    (tmp_path / "file").write_text("")
    remember(new_memory(), tmp_path / "file")
    assert "can't be written" in caplog.text
