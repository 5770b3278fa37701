"""Which pages a write-ahead log names."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from snapstore.database.wal import FRAME_HEADER_BYTES, HEADER_BYTES, pages_named, wal_path
from tests.support import connect, make_database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_database(tmp_path / "db", journal_mode="wal")


def test_no_log_names_no_page(tmp_path: Path) -> None:
    assert pages_named(str(tmp_path / "db")) == set()


def test_frames_of_the_current_log_are_named_and_older_ones_are_not(path: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute("UPDATE item SET body = 'x'")
        many = pages_named(str(path))
        assert len(many) > 10
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("UPDATE item SET body = 'y' WHERE id = 1")
        few = pages_named(str(path))
        assert 0 < len(few) < len(many)
        page_size = connection.execute("PRAGMA page_size").fetchone()[0]
        frames = (Path(wal_path(str(path))).stat().st_size - HEADER_BYTES) // (FRAME_HEADER_BYTES + page_size)
        assert frames > len(few), "old frames lie behind the new ones"


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 55, 56, 4000])
def test_a_log_cut_anywhere_is_read_as_far_as_it_goes(path: Path, size: int) -> None:
    with closing(connect(path)) as connection:
        connection.execute("UPDATE item SET body = 'x'")
        whole = pages_named(str(path))
        data = Path(wal_path(str(path))).read_bytes()
    cut = path.with_name("cut-wal")
    cut.write_bytes(data[:size])
    found = pages_named(str(path.with_name("cut")))
    assert found <= whole
    assert bool(found) == (size >= HEADER_BYTES + FRAME_HEADER_BYTES)


def test_a_log_of_garbage_names_no_page(tmp_path: Path) -> None:
    (tmp_path / "db-wal").write_bytes(b"\xff" * 10_000)
    assert pages_named(str(tmp_path / "db")) == set()
