"""`export` and `import_`: plain SQLite files out and in."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import (
    BadName,
    ConfigurationError,
    DatabaseMissing,
    FileError,
    InsideStore,
    LiveDatabaseTarget,
    WouldOverwrite,
)
from tests.cli.hands import execute, items
from tests.support import ENVIRONMENT, Application, dbhash, is_intact, make_database, raised


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_what_is_exported_and_imported_is_the_same(tmp_path: Path, page_size: int) -> None:
    database = make_database(tmp_path / "db.sqlite3", page_size=page_size, auto_vacuum=2)
    execute(database, "PRAGMA user_version = 9", "PRAGMA application_id = 77")
    out = tmp_path / "out.sqlite3"
    with Snapstore(db=database, store=tmp_path / "store", env=ENVIRONMENT) as snap:
        taken = snap.tag("baseline")
        exported = snap.export("baseline", out)
        assert (exported.snapshot, exported.database, exported.path) == (taken.snapshot, "default", os.fspath(out))
        assert exported.bytes == exported.pages * page_size == out.stat().st_size
        assert (is_intact(out), dbhash(out)) == (True, dbhash(database))
        with closing(sqlite3.connect(out)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (9,)
            assert connection.execute("PRAGMA page_size").fetchone() == (page_size,)
        live = database.read_bytes()
        imported = snap.import_(out, name="theirs", message="from afar")
        assert imported.databases["default"].content == taken.databases["default"].content
        assert (database.read_bytes(), snap.status().verdict) == (live, "clean")
        assert snap.show("theirs").message == "from afar"


def test_a_log_not_yet_checkpointed_is_imported_and_not_lost(snap: Snapstore, database: Path) -> None:
    folder = database.parent
    theirs = make_database(folder / "theirs.sqlite3", journal_mode="wal", rows=10)
    with Application(theirs) as application:
        application.ask("PRAGMA wal_autocheckpoint = 0")
        application.ask("DELETE FROM item WHERE id > 4")
        for suffix in ("", "-wal"):
            shutil.copy(f"{theirs}{suffix}", folder / f"copy.sqlite3{suffix}")
        snap.import_(theirs, name="open")
    assert (folder / "copy.sqlite3-wal").stat().st_size
    snap.import_(folder / "copy.sqlite3", name="copied")
    assert items(folder / "copy.sqlite3") == 4
    for name in ("open", "copied"):
        assert snap.show(name).databases["default"].tables["item"] == 4
    snap.restore("copied")
    assert items(database) == 4
    snap.undo()
    assert items(database) == 500


def test_an_old_backup_made_by_hand_becomes_the_suites_backup(snap: Snapstore, database: Path) -> None:
    by_hand = make_database(database.parent / "db.sqlite3.e2e-backup", rows=12)
    imported = snap.import_(by_hand, name="e2e-backup")
    assert (imported.name, imported.moved_from, list(imported.databases)) == ("e2e-backup", None, ["default"])
    snap.restore()
    assert items(database) == 12


def test_an_import_without_a_name_is_found_by_its_id(snap: Snapstore, database: Path) -> None:
    theirs = make_database(database.parent / "theirs.sqlite3", rows=3)
    id_ = snap.import_(theirs).snapshot
    assert snap.tags() == []
    snap.restore(id_[:8])
    assert items(database) == 3
    raised(ConfigurationError, 13, snap.import_, theirs, only_db="nothing")
    raised(BadName, 12, snap.import_, theirs, name="two words")
    raised(DatabaseMissing, 15, snap.import_, database.parent / "absent.sqlite3")
    assert len(snap.log()) == 1


def test_export_overwrites_only_by_force_and_never_a_log(snap: Snapstore, database: Path) -> None:
    folder = database.parent
    snap.tag("baseline")
    out = folder / "out.sqlite3"
    out.write_text("mine")
    assert raised(WouldOverwrite, 14, snap.export, "baseline", out).path == os.fspath(out)
    assert out.read_text() == "mine"
    log = folder / "out.sqlite3-wal"
    log.write_text("a log")
    assert raised(WouldOverwrite, 14, snap.export, "baseline", out, force=True).path == os.fspath(log)
    assert (out.read_text(), log.read_text()) == ("mine", "a log")
    log.unlink()
    snap.export("baseline", out, force=True)
    assert items(out) == 500
    before = database.read_bytes()
    for path in ("db.sqlite3", "./db.sqlite3"):
        raised(LiveDatabaseTarget, 14, snap.export, "baseline", f"{folder}/{path}", force=True)
    for path in ("store/catalog.db", "store/new.sqlite3"):
        raised(InsideStore, 14, snap.export, "baseline", folder / path, force=True)
    assert database.read_bytes() == before
    (folder / "folder").mkdir()
    raised(FileError, 16, snap.export, "baseline", folder / "folder", force=True)


def test_an_export_over_a_hard_link_leaves_the_live_database_alone(snap: Snapstore, database: Path) -> None:
    snap.tag("baseline")
    execute(database, "DELETE FROM item WHERE id > 10")
    link = database.parent / "link"
    link.hardlink_to(database)
    raised(WouldOverwrite, 14, snap.export, "baseline", link)
    snap.export("baseline", link, force=True)
    assert items(database) == 10


def test_no_copy_goes_over_the_log_of_the_live_database(snap: Snapstore, database: Path) -> None:
    snap.tag("baseline")
    with Application(database) as application:
        application.ask("DELETE FROM item WHERE id > 10")
        raised(LiveDatabaseTarget, 14, snap.export, "baseline", f"{database}-wal", force=True)
        assert application.ask("SELECT count(*) FROM item") == [[10]]
