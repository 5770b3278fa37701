"""`restore`, by every way to say which state, and what it leaves alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore.actions.take import TakeOptions, take
from snapstore.project import Project
from snapstore.store import Store
from tests.cli.hands import error_of, execute, files_beside_the_store, hint_of, items
from tests.support import Application, Snap, dbhash, is_intact, make_database, run


@pytest.fixture
def kept(snap: Snap) -> Snap:
    """Return a command with the states 500 (work@{1}), 400 (work), 300 (other), and a live state of 200 items."""
    for rows, name in ((500, "work"), (400, "work"), (300, "other")):
        execute(snap.database, f"DELETE FROM item WHERE id > {rows}")
        snap("tag", name)
    execute(snap.database, "DELETE FROM item WHERE id > 200")
    return snap


def test_every_kind_of_revision_finds_its_state(kept: Snap) -> None:
    id_ = kept.json("show", "work@{1}")["snapshot"]
    moves = [("HEAD", 300), ("work", 400), ("latest", 300), ("work@{1}", 500), ("@{1}", 300), ("other", 300)]
    with Application(kept.database) as application:
        for revision, rows in [*moves, (id_, 500), ("other@{0}", 300), (id_[:4], 500)]:
            kept("restore", revision)
            assert application.ask("SELECT count(*) FROM item") == [[rows]], revision
    assert is_intact(kept.database)


def test_an_unknown_revision_changes_nothing(kept: Snap) -> None:
    for revision in ("nothing", "work@{9}", "@{9}", "@{x}", "ffff", "abc", "zzzz", "work@{-1}", "live", "work@"):
        done = kept("restore", revision, code=12)
        assert f"'{revision}'" in error_of(done)
    assert "'work'" in hint_of(kept("restore", "wrok", code=12))
    assert items(kept.database) == 200


def test_an_ambiguous_prefix_is_refused_with_its_candidates(tmp_path: Path) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", rows=1))
    one, other = two_ids_that_begin_alike(snap)
    message = error_of(snap("restore", one[:4], code=12))
    assert "ambiguous" in message
    assert one[:10] in message
    assert other[:10] in message
    assert snap.json("restore", one[:4], code=12)["error"]["code"] == "ambiguous-revision"


def two_ids_that_begin_alike(snap: Snap) -> tuple[str, str]:
    """Take snapshots, without a process for each, until two share four digits: some 300 of them."""
    seen: dict[str, str] = {}
    project = Project.of({"default": os.fspath(snap.database)})
    with Store.create(os.fspath(snap.store)) as store:
        for number in range(3000):
            execute(snap.database, "PRAGMA synchronous = OFF", f"UPDATE item SET name = 'name {number}'")
            id_ = take(store, project, TakeOptions("many")).snapshot
            if id_[:4] in seen:
                return seen[id_[:4]], id_
            seen[id_[:4]] = id_
    raise AssertionError("no two ids begin alike")


def test_a_dry_run_changes_nothing(kept: Snap) -> None:
    before, listed, moved = files_beside_the_store(kept), kept.json("log", "--all"), kept.json("reflog")
    result = kept.json("restore", "work", "-n")
    assert result["databases"]["default"]["pages_written"] > 0
    assert result["safety"] is None
    assert "would restore" in kept("restore", "work", "--dry-run").stdout
    assert files_beside_the_store(kept) == before
    assert (kept.json("log", "--all"), kept.json("reflog")) == (listed, moved)


def test_a_copy_leaves_the_live_database_and_its_history_alone(kept: Snap) -> None:
    before, moved = files_beside_the_store(kept), kept.json("reflog")
    result = kept.json("restore", "work", "--to", "copy.sqlite3")
    assert not result["changed"]
    copy = kept.folder / "copy.sqlite3"
    assert (items(copy), is_intact(copy)) == (400, True)
    error_of(kept("restore", "other", "--to", "copy.sqlite3", code=14))
    assert items(copy) == 400
    kept("restore", "other", "--to", "copy.sqlite3", "--force")
    assert items(copy) == 300
    copy.unlink()
    assert files_beside_the_store(kept) == before
    assert kept.json("reflog") == moved
    error_of(kept("restore", "work", "--to", os.fspath(kept.store / "x"), code=14))


def test_without_safety_there_is_no_way_back(kept: Snap) -> None:
    before = len(kept.json("log", "--all"))
    assert kept.json("restore", "work", "--no-safety")["safety"] is None
    assert len(kept.json("log", "--all")) == before
    error_of(kept("undo", code=14))
    assert items(kept.database) == 400


def test_what_is_there_already_is_not_written(kept: Snap) -> None:
    kept("restore", "work")
    before = files_beside_the_store(kept)
    result = kept.json("restore", "work")
    assert (result["changed"], result["databases"]["default"]["method"]) == (False, "none")
    assert files_beside_the_store(kept) == before


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Return a folder whose snapstore.yaml names two databases, with a snapshot of 10 and 20 items."""
    make_database(tmp_path / "main.sqlite3", rows=10, journal_mode="wal")
    make_database(tmp_path / "queue.sqlite3", rows=20)
    (tmp_path / "snapstore.yaml").write_text(
        "databases:\n  default: main.sqlite3\n  queue: queue.sqlite3\nstore: .snap\n"
    )
    run(["tag", "both"], tmp_path)
    return tmp_path


def numbers(folder: Path) -> tuple[int, int]:
    return items(folder / "main.sqlite3"), items(folder / "queue.sqlite3")


def test_several_databases_go_back_together_or_one_alone(two: Path) -> None:
    for name in ("main", "queue"):
        execute(two / f"{name}.sqlite3", "DELETE FROM item WHERE id > 5")
    whole = dbhash(two / "main.sqlite3")
    run(["restore", "both", "--only-db", "queue"], two)
    assert numbers(two) == (5, 20)
    assert dbhash(two / "main.sqlite3") == whole
    run(["undo"], two)
    assert numbers(two) == (5, 5)
    run(["restore", "both"], two)
    assert numbers(two) == (10, 20)
    run(["undo"], two)
    assert numbers(two) == (5, 5)
    assert "nothing" in error_of(run(["restore", "both", "--only-db", "nothing"], two, 13))
    error_of(run(["restore", "both", "--to", "copy.sqlite3"], two, 13))
    run(["restore", "both", "--to", "copy.sqlite3", "--only-db", "queue"], two)
    assert items(two / "copy.sqlite3") == 20


def test_one_unreadable_database_of_two_leaves_the_other_alone(two: Path) -> None:
    execute(two / "main.sqlite3", "DELETE FROM item WHERE id > 5")
    (two / "queue.sqlite3").write_bytes(b"gone" * 1000)
    error_of(run(["restore", "both"], two, 15))
    error_of(run(["tag", "next"], two, 15))
    assert items(two / "main.sqlite3") == 5
    run(["reset"], two)
    assert numbers(two) == (10, 20)
