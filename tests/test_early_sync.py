"""Syncing a file while it grows: the file is whole, and the errors of a sync reach the writer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.early_sync import EarlySync, synced_early

MANY = 64 << 20


@pytest.fixture
def cannot_sync() -> Iterator[int]:
    """A descriptor whose sync fails: that of a pipe."""
    reading, writing = os.pipe()
    yield writing
    os.close(reading)
    os.close(writing)


def test_a_large_file_is_whole(tmp_path: Path) -> None:
    piece = os.urandom(1 << 20)
    path = tmp_path / "large"
    with path.open("wb", buffering=0) as file, synced_early(file.fileno()) as early:
        for _ in range(100):
            file.write(piece)
            early.wrote(len(piece))
    assert path.read_bytes() == piece * 100


def test_a_failed_sync_is_raised_at_the_end(cannot_sync: int) -> None:
    with pytest.raises(OSError, match="Invalid argument"), synced_early(cannot_sync) as early:
        early.wrote(MANY)


def test_a_failed_sync_is_raised_by_a_later_write(cannot_sync: int) -> None:
    early = EarlySync(cannot_sync)

    def write_on() -> None:
        while True:
            early.wrote(MANY)

    with pytest.raises(OSError, match="Invalid argument"):
        write_on()
    early.wait()


def test_an_error_of_the_writer_is_not_hidden_by_one_of_a_sync(cannot_sync: int) -> None:
    with pytest.raises(KeyError), synced_early(cannot_sync) as early:
        early.wrote(MANY)
        raise KeyError
