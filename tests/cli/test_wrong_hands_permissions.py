"""What may not be read or written: take works where it can, restore refuses before it changes anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.hands import call, error_of, execute, fails, items, without_powers
from tests.support import Snap, make_database


@pytest.fixture(params=["wal", "delete"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Snap]:
    yield from in_own_folder(tmp_path, request.param)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Snap]:
    yield from in_own_folder(tmp_path, "wal")


def in_own_folder(tmp_path: Path, journal_mode: str) -> Iterator[Snap]:
    """Yield a command whose database has a folder of its own and 400 items, 100 fewer than its snapshot."""
    folder = tmp_path / "application"
    folder.mkdir()
    snap = Snap(tmp_path, make_database(folder / "db.sqlite3", journal_mode=journal_mode))
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item WHERE id > 400")
    yield snap
    for path in (folder, snap.store, snap.store / "packs"):
        path.chmod(0o755)


def test_a_file_without_permission_is_said_to_be_so(kept: Snap) -> None:
    program = without_powers()
    kept.database.chmod(0)
    for verb in (("tag", "next"), ("restore", "baseline"), ("status",), ("import", os.fspath(kept.database))):
        assert "permission denied" in error_of(call(kept, *verb, code=15, program=program))
    kept.database.chmod(0o644)
    assert items(kept.database) == 400


def test_a_folder_without_permission_does_not_look_like_a_missing_database(kept: Snap) -> None:
    program = without_powers()
    kept.database.parent.chmod(0)
    for verb in (("tag", "next"), ("restore", "baseline"), ("status",)):
        assert "permission denied" in error_of(call(kept, *verb, code=15, program=program))
    kept.database.parent.chmod(0o755)
    assert items(kept.database) == 400


def test_a_read_only_file_is_taken_and_not_restored(either: Snap) -> None:
    program = without_powers()
    either.database.chmod(0o444)
    call(either, "tag", "next", program=program)
    call(either, "status", program=program)
    for verb in (("restore", "baseline"), ("restore", "baseline", "--force"), ("reset",)):
        assert "read-only" in error_of(fails(either, *verb, code=14, program=program))
    assert items(either.database) == 400
    assert either.json("show", "next")["databases"]["default"]["tables"]["item"] == 400


def test_a_read_only_folder_is_taken_from_and_not_restored_to(either: Snap) -> None:
    program = without_powers()
    either.database.parent.chmod(0o555)
    call(either, "tag", "next", program=program)
    call(either, "status", program=program)
    for verb in (("restore", "baseline"), ("restore", "baseline", "--force")):
        assert os.fspath(either.database) in error_of(fails(either, *verb, code=14, program=program))
    assert items(either.database) == 400


def test_a_read_only_file_in_a_read_only_folder_is_taken(either: Snap) -> None:
    program = without_powers()
    either.database.chmod(0o444)
    either.database.parent.chmod(0o555)
    call(either, "tag", "next", program=program)
    fails(either, "restore", "baseline", code=14, program=program)
    assert either.json("show", "next")["databases"]["default"]["tables"]["item"] == 400


def test_a_missing_database_in_a_read_only_folder_is_not_written(kept: Snap) -> None:
    program = without_powers()
    kept.database.unlink()
    kept.database.parent.chmod(0o555)
    fails(kept, "restore", "baseline", code=16, program=program)


def test_a_store_without_permission_is_said_to_be_so(kept: Snap) -> None:
    program = without_powers()
    kept.store.chmod(0)
    for verb in (("tag", "next"), ("restore", "baseline"), ("log",)):
        assert "permission denied" in error_of(fails(kept, *verb, code=16, program=program))


def test_a_read_only_store_is_read_and_not_written(kept: Snap) -> None:
    program = without_powers()
    for path in kept.store.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    kept.store.chmod(0o555)
    for verb in (("log",), ("tags",), ("show", "baseline"), ("export", "baseline", "out.sqlite3")):
        call(kept, *verb, program=program)
    for verb in (("tag", "next"), ("pin", "baseline"), ("rm", "baseline")):
        assert os.fspath(kept.store) in error_of(fails(kept, *verb, code=16, program=program))
    assert items(kept.folder / "out.sqlite3") == 500


def test_restore_from_a_read_only_store_changes_nothing(kept: Snap) -> None:
    program = without_powers()
    for path in kept.store.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    kept.store.chmod(0o555)
    fails(kept, "restore", "baseline", code=16, program=program)
    assert items(kept.database) == 400


def test_export_and_import_name_the_path_they_may_not_use(kept: Snap) -> None:
    program = without_powers()
    closed = kept.folder / "closed"
    closed.mkdir(0o555)
    assert "closed" in error_of(fails(kept, "export", "baseline", "closed/out.sqlite3", code=16, program=program))
    assert "absent" in error_of(fails(kept, "export", "baseline", "absent/out.sqlite3", code=16, program=program))
    assert list(closed.iterdir()) == []
