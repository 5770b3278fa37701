"""The SQLite library: an old one, whose checkpoints can corrupt a database, reads live databases and never writes them.

`sqlean.py`, which is archived, installs the same package as `arize-phoenix-sqlean`. Some tests run with a real one in
front; the others have the engine believe that its library is old, which shows that every way to write is guarded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from snapstore import Session, engine
from snapstore.database.live import LiveDatabases
from snapstore.errors import SqliteTooOld
from snapstore.locks import Deadline
from snapstore.objects.catalog import Catalog
from snapstore.project import Project
from snapstore.store import Store
from snapstore.suite.cleanup import FAILED, CleanupRunner
from snapstore.suite.policy import CleanupStep
from tests.cli.hands import call, error_of, execute, fails, hint_of, items
from tests.damage.here import SnapHere
from tests.support import JOURNAL_MODES, Snap, dbhash, make_database

OLD = "sqlean.py==3.50.4.5"
WRITING = (["restore", "baseline"], ["clean", "baseline"], ["reset", "-y"])
READING = (["tag", "again"], ["status"], ["diff", "--stat"], ["log"], ["query", "live", "SELECT 1"], ["fsck"])


@pytest.fixture(scope="module")
def old_library(pytestconfig: pytest.Config) -> str:
    """Return a folder with a real old library, to be put in front of the installed one."""
    folder = pytestconfig.cache.mkdir("old-sqlite") / f"{OLD}-{sys.implementation.cache_tag}"
    if not folder.exists():
        _install(folder)
    return os.fspath(folder)


def _install(folder: Path) -> None:
    """Install beside the folder and rename, since another worker may do the same."""
    new = tempfile.mkdtemp(dir=folder.parent)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "10"]
    command = [*pip, "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--target", new, OLD]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        shutil.rmtree(new)
        pytest.skip(f"{OLD} cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    try:
        os.rename(new, folder)
    except OSError:  # it is there by now
        shutil.rmtree(new)


@pytest.fixture
def left(snap: Snap) -> Snap:
    """Return a command for a database in WAL mode that has a row more than its snapshot."""
    snap("tag", "baseline")
    execute(snap.database, "INSERT INTO item (name) VALUES ('left behind')")
    return snap


def is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "HAS_WAL_RESET_BUG", True)


# --- the library that is installed -----------------------------------------------------------


def test_the_installed_libraries_have_the_fix_and_write_pages() -> None:
    assert not engine.HAS_WAL_RESET_BUG
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= tuple(map(int, engine.WAL_RESET_FIX.split(".")))
    with closing(engine.Connection("file::memory:", lambda *_: None, Deadline(0))) as connection:
        assert ("ENABLE_DBPAGE_VTAB",) in connection.rows("PRAGMA compile_options")
        assert connection.value("PRAGMA wal_autocheckpoint") > 0


# --- a real old one --------------------------------------------------------------------------


def test_an_old_library_writes_to_no_database_in_wal_mode(left: Snap, old_library: str) -> None:
    before = dbhash(left.database)
    for command in WRITING:
        done = fails(left, *command, code=14, PYTHONPATH=old_library)
        assert "SQLite 3.50.4 can corrupt" in error_of(done)
        assert "WAL-reset bug, fixed in 3.51.3" in error_of(done)
        assert "pip uninstall sqlean.py" in hint_of(done)
        assert "pip install --force-reinstall arize-phoenix-sqlean" in hint_of(done)
    assert dbhash(left.database) == before
    left("restore", "baseline")
    fails(left, "undo", code=14, PYTHONPATH=old_library)


def test_an_old_library_reads(left: Snap, old_library: str) -> None:
    before = dbhash(left.database)
    for command in READING:
        call(left, *command, PYTHONPATH=old_library)
    assert left.json("verify", "baseline", code=1, PYTHONPATH=old_library)["verdict"] == "leaked"
    assert dbhash(left.database) == before
    left("restore", "again")
    assert left.json("verify", "again")["verdict"] == "clean"


@pytest.mark.parametrize("journal_mode", [mode for mode in JOURNAL_MODES if mode != "wal"])
def test_an_old_library_restores_in_a_rollback_mode(tmp_path: Path, old_library: str, journal_mode: str) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode))
    snap("tag", "baseline", PYTHONPATH=old_library)
    execute(snap.database, "DELETE FROM item")
    snap("restore", "baseline", PYTHONPATH=old_library)
    assert items(snap.database) == 500


def test_doctor_says_that_the_library_is_old_and_why_it_matters(left: Snap, old_library: str) -> None:
    found = left.json("doctor", code=1, PYTHONPATH=old_library)["findings"]
    (said,) = [one for one in found if one["level"] == "failure"]
    assert said["check"] == "engine"
    assert "SQLite 3.50.4 has the WAL-reset bug" in said["detail"]
    assert "pip uninstall sqlean.py" in said["remedy"]
    (libraries,) = [one["detail"] for one in found if one["check"] == "libraries"]
    assert "sqlean.py 3.50.4.5" in libraries


def test_a_session_with_an_old_library_reads_and_leaves_the_log_alone(left: Snap, old_library: str) -> None:
    environment = {**os.environ, "PYTHONPATH": old_library}
    with (
        closing(engine.Connection(f"file:{left.database}", lambda *_: None, Deadline(1))) as application,
        Session(db=left.database, store=left.store, env=environment) as session,
    ):
        application.rows("UPDATE item SET body = body || 'more'")
        log = left.database.with_name("db.sqlite3-wal").stat().st_size
        assert session.verify("baseline").verdict == "damaged"
        with pytest.raises(SqliteTooOld) as raised:
            session.restore("baseline")
        assert (raised.value.found, raised.value.fixed) == ("3.50.4", "3.51.3")
        session.tag("changed")
        assert session.info().databases["default"].tracking == "off"
        assert left.database.with_name("db.sqlite3-wal").stat().st_size == log


# --- one that the engine believes to be old --------------------------------------------------


def test_no_pages_are_written_in_wal_mode(snap: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    is_old(monkeypatch)
    with LiveDatabases({"default": os.fspath(snap.database)}, Deadline(1)) as live:
        with pytest.raises(SqliteTooOld, match="WAL-reset bug"):
            live.write({})
        assert live.read()["default"].page(1)


def test_no_cleanup_script_runs_in_wal_mode(snap: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    is_old(monkeypatch)
    (snap.folder / "cleanup.sql").write_text("DELETE FROM item")
    runner = CleanupRunner(Project.of({"default": snap.database}), {}, os.fspath(snap.folder))
    attempt = runner.run(CleanupStep("delete", sql="cleanup.sql"), 1)
    assert attempt.status == FAILED
    assert "WAL-reset bug" in attempt.detail
    assert items(snap.database) == 500


def test_doctor_fails_with_the_remedy(snap: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    here = SnapHere(snap.folder)
    here("tag", "baseline")
    is_old(monkeypatch)
    (said,) = [one for one in here.json("doctor", code=1)["findings"] if one["level"] == "failure"]
    assert (said["check"], said["remedy"]) == ("engine", SqliteTooOld.hint)


def test_a_database_that_is_missing_is_restored(snap: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has it open, and no log is written."""
    here = SnapHere(snap.folder)
    here("tag", "baseline")
    for path in snap.folder.glob("db.sqlite3*"):
        path.unlink()
    is_old(monkeypatch)
    here("restore", "baseline")
    assert items(snap.database) == 500


def test_no_commit_checkpoints_the_catalog(snap: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes with an old library write to the catalog side by side: its log goes into the file with the last."""
    is_old(monkeypatch)
    with Store.create(snap.store) as store, Store.open(snap.store) as other:
        for one in (store, other):
            assert one.catalog.value("PRAGMA wal_autocheckpoint") == 0
        fill(store.catalog)
        file, log = (snap.store / name for name in ("catalog.db", "catalog.db-wal"))
        size = file.stat().st_size
        assert log.stat().st_size > size
        assert store.catalog.shrink() == 0
        other.catalog.rows("DELETE FROM filling")
        assert file.stat().st_size == size
    assert not log.exists()
    assert file.stat().st_size > size


def test_the_catalog_is_checkpointed_otherwise(snap: Snap) -> None:
    with Store.create(snap.store) as store:
        size = (snap.store / "catalog.db").stat().st_size
        fill(store.catalog)
        assert (snap.store / "catalog.db").stat().st_size > size


def fill(catalog: Catalog) -> None:
    """Write more pages than SQLite's own automatic checkpoint lets the log grow to."""
    catalog.rows("CREATE TABLE filling (data)")
    for _ in range(3):
        with catalog.transaction():
            catalog.rows(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)"
                " INSERT INTO filling SELECT randomblob(4000) FROM n"
            )
