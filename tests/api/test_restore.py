"""`restore`, by every way to name a state, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import (
    AmbiguousRevision,
    ConfigurationError,
    NotADatabase,
    NothingToUndo,
    UnknownRevision,
)
from tests.cli.hands import execute, items
from tests.support import ENVIRONMENT, Application, dbhash, is_intact, make_database, raised


@pytest.fixture
def kept(snap: Snapstore, database: Path) -> Snapstore:
    """Return a façade with the states 500 (work@{1}), 400 (work), 300 (other), and a live state of 200 items."""
    for rows, name in ((500, "work"), (400, "work"), (300, "other")):
        execute(database, f"DELETE FROM item WHERE id > {rows}")
        snap.tag(name)
    execute(database, "DELETE FROM item WHERE id > 200")
    return snap


def files_of(database: Path) -> dict[str, bytes]:
    """Return the database file and its log, with what they hold."""
    return {path.name: path.read_bytes() for path in database.parent.glob(f"{database.name}*") if path.suffix != "-shm"}


def test_every_kind_of_revision_finds_its_state(kept: Snapstore, database: Path) -> None:
    id_ = kept.show("work@{1}").snapshot
    moves = [("HEAD", 300), ("work", 400), ("latest", 300), ("work@{1}", 500), ("@{1}", 300), ("other", 300)]
    with Application(database) as application:
        for revision, rows in [*moves, (id_, 500), ("other@{0}", 300), (id_[:4], 500)]:
            kept.restore(revision)
            assert application.ask("SELECT count(*) FROM item") == [[rows]], revision
    assert is_intact(database)


def test_an_unknown_revision_changes_nothing(kept: Snapstore, database: Path) -> None:
    for revision in ("nothing", "work@{9}", "@{9}", "@{x}", "ffff", "abc", "zzzz", "work@{-1}", "live", "work@", ""):
        error = raised(UnknownRevision, 12, kept.restore, revision)
        assert error.revision == revision
        assert f"'{revision}'" in str(error)
    error = raised(UnknownRevision, 12, kept.restore, "wrok")
    assert error.nearest == ("work",)
    assert "'work'" in str(error.hint)
    assert items(database) == 200


def test_an_ambiguous_prefix_is_refused_with_its_candidates(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite3", rows=1)
    with Snapstore(db=database, store=tmp_path / "store", env=ENVIRONMENT) as snap:
        one, other = two_ids_that_begin_alike(snap, database)
        error = raised(AmbiguousRevision, 12, snap.restore, one[:4])
    assert error.code == "ambiguous-revision"
    assert set(error.candidates) == {one[:10], other[:10]}
    assert all(candidate in str(error) for candidate in error.candidates)


def two_ids_that_begin_alike(snap: Snapstore, database: Path) -> tuple[str, str]:
    """Take snapshots until two of them share four digits: some 300 of them."""
    seen: dict[str, str] = {}
    for number in range(3000):
        execute(database, "PRAGMA synchronous = OFF", f"UPDATE item SET name = 'name {number}'")
        id_ = snap.tag("many").snapshot
        if id_[:4] in seen:
            return seen[id_[:4]], id_
        seen[id_[:4]] = id_
    raise AssertionError("no two ids begin alike")


def test_a_dry_run_changes_nothing(kept: Snapstore, database: Path) -> None:
    before, listed, moved = files_of(database), kept.log(everything=True), kept.reflog()
    result = kept.restore("work", dry_run=True)
    assert result.dry_run
    assert result.databases["default"].pages_written > 0
    assert result.safety is None
    assert files_of(database) == before
    assert (kept.log(everything=True), kept.reflog()) == (listed, moved)


def test_without_safety_there_is_no_way_back(kept: Snapstore, database: Path) -> None:
    before = len(kept.log(everything=True))
    assert kept.restore("work", safety=False).safety is None
    assert len(kept.log(everything=True)) == before
    raised(NothingToUndo, 14, kept.undo)
    assert items(database) == 400


def test_a_state_that_is_already_there_is_not_written(kept: Snapstore, database: Path) -> None:
    kept.restore("work")
    before = files_of(database)
    result = kept.restore("work")
    assert (result.changed, result.databases["default"].method) == (False, "none")
    assert files_of(database) == before


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Snapstore]:
    """Return a façade whose configuration names two databases, with a snapshot of 10 and 20 items."""
    make_database(tmp_path / "main.sqlite3", rows=10, journal_mode="wal")
    make_database(tmp_path / "queue.sqlite3", rows=20)
    (tmp_path / "snapstore.yaml").write_text(
        "databases:\n  default: main.sqlite3\n  queue: queue.sqlite3\nstore: .snap\n"
    )
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as snap:
        snap.tag("both")
        yield snap


def numbers(folder: Path) -> tuple[int, int]:
    return items(folder / "main.sqlite3"), items(folder / "queue.sqlite3")


def test_several_databases_go_back_together_or_one_alone(two: Snapstore, tmp_path: Path) -> None:
    for name in ("main", "queue"):
        execute(tmp_path / f"{name}.sqlite3", "DELETE FROM item WHERE id > 5")
    whole = dbhash(tmp_path / "main.sqlite3")
    two.restore("both", only_db="queue")
    assert numbers(tmp_path) == (5, 20)
    assert dbhash(tmp_path / "main.sqlite3") == whole
    two.undo()
    assert numbers(tmp_path) == (5, 5)
    two.restore("both")
    assert numbers(tmp_path) == (10, 20)
    two.undo()
    assert numbers(tmp_path) == (5, 5)
    assert "nothing" in str(raised(ConfigurationError, 13, two.restore, "both", only_db="nothing"))
    raised(ConfigurationError, 13, two.export, "both", tmp_path / "copy.sqlite3")
    two.export("both", tmp_path / "copy.sqlite3", only_db="queue")
    assert items(tmp_path / "copy.sqlite3") == 20


def test_one_unreadable_database_of_two_leaves_the_other_alone(two: Snapstore, tmp_path: Path) -> None:
    execute(tmp_path / "main.sqlite3", "DELETE FROM item WHERE id > 5")
    (tmp_path / "queue.sqlite3").write_bytes(b"gone" * 1000)
    raised(NotADatabase, 15, two.restore, "both")
    raised(NotADatabase, 15, two.tag, "next")
    assert items(tmp_path / "main.sqlite3") == 5
    two.reset()
    assert numbers(tmp_path) == (10, 20)
