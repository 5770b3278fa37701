"""A database and the façade for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from tests.support import ENVIRONMENT, make_database


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database in WAL mode with 500 items."""
    return make_database(tmp_path / "db.sqlite3", journal_mode="wal")


@pytest.fixture
def snap(database: Path) -> Iterator[Snapstore]:
    """Return the façade for the database, and for a store that does not exist yet."""
    with Snapstore(db=database, store=database.parent / "store", env=ENVIRONMENT) as snap:
        yield snap
