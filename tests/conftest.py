"""Fixtures that many tests share."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.signals import ENDING
from snapstore.store import Store
from tests.support import Snap, make_database


@pytest.fixture(autouse=True)
def _usual_signals() -> Iterator[None]:
    """Let each test begin with the usual handlers, and listen to what a background job or `nohup` ignores.

    A command that a test runs in this process leaves its handlers behind, and they pass over what comes later.
    """
    before, hook = {number: signal.getsignal(number) for number in ENDING}, sys.unraisablehook
    for number in ENDING:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
    sys.unraisablehook = hook


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "store") as store:
        yield store


@pytest.fixture
def snap(tmp_path: Path) -> Snap:
    """Return the command for a folder with a database in WAL mode."""
    make_database(tmp_path / "db.sqlite3", journal_mode="wal")
    return Snap(tmp_path)
