"""A transaction that was cut off, beside a database that may not be written: every verb says which of the two it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.hands import error_of, hint_of
from tests.limits import without_powers
from tests.support import ENVIRONMENT, Snap, make_database

CUT_OFF = """
import os, shutil, sqlite3, sys
c = sqlite3.connect("made.db", isolation_level=None)
c.execute("PRAGMA cache_size = 5")
c.execute("BEGIN")
c.execute("UPDATE item SET body = 'broken'")
for end in ("", "-journal"):
    shutil.copy("made.db" + end, "there/db.sqlite3" + end)
os._exit(0)
"""


@pytest.fixture
def cut_off(tmp_path: Path) -> Snap:
    """Return a database with a journal to roll back."""
    make_database(tmp_path / "made.db", rows=2000)
    (tmp_path / "there").mkdir()
    subprocess.run([sys.executable, "-c", CUT_OFF], cwd=tmp_path, check=True, timeout=60)
    assert os.path.getsize(tmp_path / "there" / "db.sqlite3-journal") > 512
    return Snap(tmp_path, tmp_path / "there" / "db.sqlite3")


@pytest.mark.parametrize("verb", [("tag", "a"), ("backup",), ("status",)], ids=lambda verb: verb[0])
def test_what_has_to_be_rolled_back_is_named(cut_off: Snap, verb: tuple[str, ...]) -> None:
    there = cut_off.database.parent
    shutil.copytree(there, cut_off.folder / "kept")
    cut_off("tag", "before")  # which rolls back, and makes a store for verbs that need one
    shutil.copytree(cut_off.folder / "kept", there, dirs_exist_ok=True)
    folder = cut_off.database.parent
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    places = ["--db", str(cut_off.database), "--store", str(cut_off.store)]
    try:
        done = subprocess.run(
            [*without_powers(), sys.executable, "-m", "snapstore", *verb, *places],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        folder.chmod(0o755)
    assert done.returncode == 15
    message = error_of(done)
    assert "to roll it back" in message
    assert "db.sqlite3-journal" in message
    assert "read-only" not in message
    assert "copy both files" in hint_of(done)


def test_a_user_who_may_write_rolls_it_back(cut_off: Snap) -> None:
    cut_off("tag", "a")
    assert cut_off.json("query", "live", "SELECT count(*) FROM item WHERE body = 'broken'")["rows"] == [[0]]
