"""The command line without a process: for what it reads and prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.damage.here import SnapHere
from tests.support import Snap, make_database


@pytest.fixture
def here(tmp_path: Path) -> Snap:
    """Return the command, run in this process, for a folder with a database in WAL mode."""
    return SnapHere(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode="wal"))
