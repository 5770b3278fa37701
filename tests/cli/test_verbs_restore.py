"""`snap restore`: its options, what it prints, and the copy of `--to`. tests/api/test_restore.py has the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.hands import error_of, execute, files_beside_the_store, hint_of, items
from tests.damage.here import run_here
from tests.support import Snap, is_intact, make_database


@pytest.fixture
def kept(here: Snap) -> Snap:
    """Return a command with the states 400 (work) and 300 (other), and a live state of 200 items."""
    for rows, name in ((400, "work"), (300, "other")):
        execute(here.database, f"DELETE FROM item WHERE id > {rows}")
        here("tag", name)
    execute(here.database, "DELETE FROM item WHERE id > 200")
    return here


def test_restore_says_what_it_wrote_and_how_to_go_back(kept: Snap) -> None:
    assert "would restore work" in kept("restore", "work", "--dry-run").stdout
    assert kept.json("restore", "work", "-n")["safety"] is None
    assert items(kept.database) == 200
    first, second = kept("restore", "work").stdout.splitlines()
    assert first.startswith("restored work (")
    assert " undo' brings it back" in second
    assert "nothing to write" in kept("restore", "work").stdout
    assert kept("undo").stdout.startswith("restored the state before the restore of ")
    assert items(kept.database) == 200


def test_restore_takes_no_safety_and_force(kept: Snap) -> None:
    (said,) = kept("restore", "work", "--no-safety").stdout.splitlines()
    assert said.startswith("restored work (")
    kept.database.write_bytes(b"gone" * 1000)
    assert "--force" in hint_of(kept("restore", "work", code=15))
    whole, moved = kept("restore", "work", "--force").stdout.splitlines()
    assert whole.startswith("restored work as a whole file (")
    assert "the damaged file is kept as" in moved
    assert items(kept.database) == 400


def test_an_unknown_revision_is_named_with_one_that_is_near(kept: Snap) -> None:
    done = kept("restore", "wrok", code=12)
    assert "'wrok'" in error_of(done)
    assert "'work'" in hint_of(done)


def test_a_copy_leaves_the_live_database_and_its_history_alone(kept: Snap) -> None:
    before, moved = files_beside_the_store(kept), kept.json("reflog")
    result = kept.json("restore", "work", "--to", "copy.sqlite3")
    copy = kept.folder / "copy.sqlite3"
    assert (result["changed"], result["to"]) == (False, os.fspath(copy))
    assert (items(copy), is_intact(copy)) == (400, True)
    error_of(kept("restore", "other", "--to", "copy.sqlite3", code=14))
    assert items(copy) == 400
    assert kept("restore", "other", "--to", "copy.sqlite3", "--force").stdout.startswith(f"wrote {copy} (")
    assert items(copy) == 300
    copy.unlink()
    assert files_beside_the_store(kept) == before
    assert kept.json("reflog") == moved
    error_of(kept("restore", "work", "--to", os.fspath(kept.store / "x"), code=14))


def test_several_databases_have_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("main", "queue"):
        make_database(tmp_path / f"{name}.sqlite3", rows=10)
    (tmp_path / "snapstore.yaml").write_text("databases: {default: main.sqlite3, queue: queue.sqlite3}\nstore: .snap\n")
    assert run_here(["tag", "both"]).code == 0
    execute(tmp_path / "queue.sqlite3", "DELETE FROM item")
    default, queue, _ = run_here(["restore", "both"]).out.splitlines()
    assert default.startswith("default: already both (")
    assert queue.startswith("queue: restored both (")
    execute(tmp_path / "queue.sqlite3", "DELETE FROM item")
    assert run_here(["restore", "both", "--only-db", "queue"]).out.startswith("restored both (")
    assert run_here(["restore", "both", "--to", "copy.sqlite3"]).code == 13
    assert run_here(["restore", "both", "--to", "copy.sqlite3", "--only-db", "queue"]).code == 0
    assert items(tmp_path / "copy.sqlite3") == 10
