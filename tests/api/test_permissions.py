"""Missing permissions: snapshots are taken where possible, and a restore refuses before it changes anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.errors import DatabaseReadOnly, DatabaseUnreadable, FileError
from tests.api.folders import Single
from tests.api.tied import fails, works
from tests.contents import execute, items
from tests.limits import without_powers
from tests.support import make_database


@pytest.fixture(params=["wal", "delete"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Single]:
    yield from in_own_folder(tmp_path, request.param)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Single]:
    yield from in_own_folder(tmp_path, "wal")


def in_own_folder(tmp_path: Path, journal_mode: str) -> Iterator[Single]:
    """Yield the façade for a database in a folder of its own, with 400 items, 100 fewer than its snapshot has."""
    folder = tmp_path / "application"
    folder.mkdir()
    with Single(tmp_path, make_database(folder / "db.sqlite3", journal_mode=journal_mode)) as snap:
        snap.tag("baseline")
        execute(snap.database, "DELETE FROM item WHERE id > 400")
        yield snap
        for path in (folder, snap.store_folder, snap.store_folder / "packs"):
            path.chmod(0o755)


def make_read_only(store: Path) -> None:
    for path in (store, *store.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def taken_items(snap: Single) -> int | None:
    return snap.show("next").databases["default"].tables["item"]


def test_a_file_without_permission_is_reported_as_such(kept: Single) -> None:
    program = without_powers()
    kept.database.chmod(0)
    calls = "tag('next')", "restore('baseline')", "status()", f"import_({os.fspath(kept.database)!r})"
    for message in fails(kept, program, DatabaseUnreadable, 15, *calls):
        assert "permission denied" in message
    kept.database.chmod(0o644)
    assert items(kept.database) == 400


def test_a_folder_without_permission_does_not_look_like_a_missing_database(kept: Single) -> None:
    program = without_powers()
    kept.database.parent.chmod(0)
    for message in fails(kept, program, DatabaseUnreadable, 15, "tag('next')", "restore('baseline')", "status()"):
        assert "permission denied" in message
    kept.database.parent.chmod(0o755)
    assert items(kept.database) == 400


def test_a_read_only_file_is_taken_and_not_restored(either: Single) -> None:
    program = without_powers()
    either.database.chmod(0o444)
    works(either, program, "tag('next')", "status()")
    calls = "restore('baseline')", "restore('baseline', force=True)", "reset()"
    for message in fails(either, program, DatabaseReadOnly, 14, *calls):
        assert "read-only" in message
    assert items(either.database) == 400
    assert taken_items(either) == 400


def test_a_read_only_folder_is_taken_from_and_not_restored_to(either: Single) -> None:
    program = without_powers()
    either.database.parent.chmod(0o555)
    works(either, program, "tag('next')", "status()")
    for message in fails(
        either, program, DatabaseReadOnly, 14, "restore('baseline')", "restore('baseline', force=True)"
    ):
        assert os.fspath(either.database) in message
    assert items(either.database) == 400


def test_a_read_only_file_in_a_read_only_folder_is_taken(either: Single) -> None:
    program = without_powers()
    either.database.chmod(0o444)
    either.database.parent.chmod(0o555)
    works(either, program, "tag('next')")
    fails(either, program, DatabaseReadOnly, 14, "restore('baseline')")
    assert taken_items(either) == 400


def test_clean_does_not_write_a_read_only_file(either: Single) -> None:
    program = without_powers()
    either.database.chmod(0o444)
    fails(either, program, DatabaseReadOnly, 14, "clean()")
    (planned,) = works(either, program, "clean(dry_run=True)")
    assert planned.count("INSERT INTO ") > 1
    either.database.chmod(0o644)
    assert either.clean().changed
    assert either.verify().ok


def test_a_missing_database_in_a_read_only_folder_is_not_written(kept: Single) -> None:
    program = without_powers()
    kept.database.unlink()
    kept.database.parent.chmod(0o555)
    fails(kept, program, FileError, 16, "restore('baseline')")


def test_a_store_without_permission_is_reported_as_such(kept: Single) -> None:
    program = without_powers()
    kept.store_folder.chmod(0)
    for message in fails(kept, program, FileError, 16, "tag('next')", "restore('baseline')", "log()"):
        assert "permission denied" in message


def test_a_read_only_store_is_read_and_not_written(kept: Single) -> None:
    program = without_powers()
    make_read_only(kept.store_folder)
    works(kept, program, "log()", "tags()", "show('baseline')", "export('baseline', 'out.sqlite3')")
    calls = "tag('next')", "pin('baseline')", "rm('baseline')", "restore('baseline')"
    for message in fails(kept, program, FileError, 16, *calls):
        assert os.fspath(kept.store_folder) in message
    assert items(kept.folder / "out.sqlite3") == 500
    assert items(kept.database) == 400


def test_export_names_the_path_that_it_may_not_use(kept: Single) -> None:
    program = without_powers()
    closed = kept.folder / "closed"
    closed.mkdir(0o555)
    calls = [f"export('baseline', '{name}/out.sqlite3')" for name in ("closed", "absent")]
    for name, message in zip(("closed", "absent"), fails(kept, program, FileError, 16, *calls), strict=True):
        assert name in message
    assert list(closed.iterdir()) == []
