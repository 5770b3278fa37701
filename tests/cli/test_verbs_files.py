"""`export` and `import`: plain SQLite files out and in."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.hands import error_of, execute, items, json_keys
from tests.support import Snap, connect, dbhash, is_intact, make_database


@pytest.mark.parametrize("page_size", [512, 4096, 65536])
def test_what_is_exported_and_imported_is_the_same(tmp_path: Path, page_size: int) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", page_size=page_size, auto_vacuum=2))
    execute(snap.database, "PRAGMA user_version = 9", "PRAGMA application_id = 77")
    taken = snap.json("tag", "baseline")
    exported = snap.json("export", "baseline", "out.sqlite3")
    out = tmp_path / "out.sqlite3"
    json_keys(exported, "snapshot", "database", "path", "pages", "bytes", "seconds")
    assert exported["bytes"] == out.stat().st_size
    assert (is_intact(out), dbhash(out)) == (True, dbhash(snap.database))
    with closing(sqlite3.connect(out)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (9,)
        assert connection.execute("PRAGMA page_size").fetchone() == (page_size,)
    live = snap.database.read_bytes()
    imported = snap.json("import", "out.sqlite3", "--tag", "theirs", "-m", "from afar")
    assert imported["databases"]["default"]["content"] == taken["databases"]["default"]["content"]
    assert (snap.database.read_bytes(), snap.json("status")["clean"]) == (live, True)
    assert snap.json("show", "theirs")["message"] == "from afar"


def test_a_log_not_yet_checkpointed_is_imported_and_not_lost(snap: Snap) -> None:
    theirs = make_database(snap.folder / "theirs.sqlite3", journal_mode="wal", rows=10)
    with closing(connect(theirs)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("DELETE FROM item WHERE id > 4")
        for suffix in ("", "-wal"):
            shutil.copy(f"{theirs}{suffix}", snap.folder / f"copy.sqlite3{suffix}")
        snap("import", "theirs.sqlite3", "--tag", "open")
    assert (snap.folder / "copy.sqlite3-wal").stat().st_size
    snap("import", "copy.sqlite3", "--tag", "copied")
    assert items(snap.folder / "copy.sqlite3") == 4
    for name in ("open", "copied"):
        assert snap.json("show", name)["databases"]["default"]["tables"]["item"] == 4
    snap("restore", "copied")
    assert items(snap.database) == 4
    snap("undo")
    assert items(snap.database) == 500


def test_an_old_backup_made_by_hand_becomes_the_suites_backup(snap: Snap) -> None:
    make_database(snap.folder / "db.sqlite3.e2e-backup", rows=12)
    document = snap.json("import", "db.sqlite3.e2e-backup", "--tag", "e2e-backup")
    json_keys(document, "snapshot", "name", "created", "moved_from", "databases", "seconds")
    snap("restore")
    assert items(snap.database) == 12


def test_an_import_without_a_name_is_found_by_its_id(snap: Snap) -> None:
    make_database(snap.folder / "theirs.sqlite3", rows=3)
    id_ = snap.json("import", "theirs.sqlite3")["snapshot"]
    assert snap.json("tags") == []
    snap("restore", id_[:8])
    assert items(snap.database) == 3
    error_of(snap("import", "theirs.sqlite3", "--only-db", "nothing", code=13))
    error_of(snap("import", "theirs.sqlite3", "--tag", "two words", code=12))
    error_of(snap("import", "absent.sqlite3", code=15))
    assert len(snap.json("log")) == 1


def test_export_overwrites_by_force_only_and_never_a_log(snap: Snap) -> None:
    snap("tag", "baseline")
    out = snap.folder / "out.sqlite3"
    out.write_text("mine")
    error_of(snap("export", "baseline", "out.sqlite3", code=14))
    assert out.read_text() == "mine"
    log = snap.folder / "out.sqlite3-wal"
    log.write_text("a log")
    error_of(snap("export", "baseline", "out.sqlite3", "--force", code=14))
    assert (out.read_text(), log.read_text()) == ("mine", "a log")
    log.unlink()
    snap("export", "baseline", "out.sqlite3", "--force")
    assert items(out) == 500
    before = snap.database.read_bytes()
    for path in ("db.sqlite3", "./db.sqlite3", "store/catalog.db", "store/new.sqlite3"):
        error_of(snap("export", "baseline", path, "--force", code=14))
    assert snap.database.read_bytes() == before
    (snap.folder / "folder").mkdir()
    error_of(snap("export", "baseline", "folder", "--force", code=16))


def test_an_export_over_a_hard_link_leaves_the_live_database_alone(snap: Snap) -> None:
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item WHERE id > 10")
    (snap.folder / "link").hardlink_to(snap.database)
    error_of(snap("export", "baseline", "link", code=14))
    snap("export", "baseline", "link", "--force")
    assert items(snap.database) == 10


def test_no_copy_goes_over_the_log_of_the_live_database(snap: Snap) -> None:
    snap("tag", "baseline")
    with closing(connect(snap.database)) as connection:
        connection.execute("DELETE FROM item WHERE id > 10")
        for verb in (("export", "baseline"), ("restore", "baseline", "--to")):
            error_of(snap(*verb, "db.sqlite3-wal", "--force", code=14))
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (10,)
