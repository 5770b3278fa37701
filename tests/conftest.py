"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.store import Store
from tests.support import Snap, make_database


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store") as store:
        yield store


@pytest.fixture
def snap(tmp_path: Path) -> Snap:
    """Return the command for a folder with a database in WAL mode."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    return Snap(tmp_path)
