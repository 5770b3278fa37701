"""Edge cases of a restore: sizes, guards, other processes, files replaced as a whole."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import files
from snapstore.actions.capture import Capture
from snapstore.actions.reset import reset
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.database.live import LiveDatabases
from snapstore.errors import (
    DatabaseInUse,
    DatabaseLocked,
    NoSnapshot,
    NotADatabase,
    NothingToUndo,
    StoreDamaged,
    WrongDatabase,
)
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store
from tests.support import (
    Application,
    Snap,
    add_rows,
    change_page_size,
    connect,
    count,
    dbhash,
    is_intact,
    make_database,
    run,
)

MODES = pytest.mark.parametrize("journal_mode", ["delete", "wal"])


@pytest.fixture
def at_step() -> Iterator[Callable[[str, Callable[[], object]], None]]:
    """Run a function once, when a durable step is reached."""

    def install(step: str, action: Callable[[], object]) -> None:
        def on_step(reached: str) -> None:
            if reached == step:
                files.on_step = files._nothing
                action()

        files.on_step = on_step

    yield install
    files.on_step = files._nothing


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.of({"default": make_database(tmp_path / "db")})


@MODES
@pytest.mark.parametrize("schema_changes", [False, True])
def test_a_file_that_had_grown_shrinks_again(
    tmp_path: Path, store: Store, journal_mode: str, schema_changes: bool
) -> None:
    path = make_database(tmp_path / "db", journal_mode=journal_mode)
    project = Project.of({"default": path})
    size = path.stat().st_size
    with closing(connect(path)) as application:
        baseline = take(store, project, TakeOptions("baseline"))
        add_rows(application, 5000)
        if schema_changes:
            application.execute("CREATE TABLE added (a)")
        restore(store, project, RestoreOptions(baseline.snapshot))
        assert count(application) == 500
    assert path.stat().st_size == size
    assert is_intact(path)


def test_undo_after_no_safety_is_refused(store: Store, project: Project) -> None:
    baseline = take(store, project, TakeOptions("baseline"))
    with closing(connect(project.databases["default"])) as application:
        application.execute("DELETE FROM item")
    restore(store, project, RestoreOptions(baseline.snapshot, safety=False))
    with pytest.raises(NothingToUndo):
        undo(store, project)


def test_a_restore_that_changes_nothing_does_not_block_undo(store: Store, project: Project) -> None:
    baseline = take(store, project, TakeOptions("baseline"))
    with closing(connect(project.databases["default"])) as application:
        application.execute("DELETE FROM item")
        restore(store, project, RestoreOptions(baseline.snapshot))
        assert not restore(store, project, RestoreOptions(baseline.snapshot)).changed
        undo(store, project)
        assert count(application) == 0


@MODES
def test_undo_restores_every_state_even_one_without_a_tag(tmp_path: Path, store: Store, journal_mode: str) -> None:
    path = make_database(tmp_path / "db", journal_mode=journal_mode)
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    baseline_hash = dbhash(path)
    with closing(connect(path)) as application:
        add_rows(application, 30)
        application.execute("CREATE TABLE added AS SELECT * FROM note")
        untagged_hash = dbhash(path)
        restore(store, project, RestoreOptions(baseline.snapshot))
        assert dbhash(path) == baseline_hash
        for wanted in (untagged_hash, baseline_hash, untagged_hash, baseline_hash):
            assert undo(store, project).changed
            assert dbhash(path) == wanted
            assert application.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_another_databases_snapshot_is_refused(tmp_path: Path, store: Store, project: Project) -> None:
    baseline = take(store, project, TakeOptions("baseline"))
    other = Project.of({"default": make_database(tmp_path / "other", rows=3)})
    before = dbhash(tmp_path / "other")
    with pytest.raises(WrongDatabase):
        restore(store, other, RestoreOptions(baseline.snapshot))
    with pytest.raises(WrongDatabase):
        take(store, other, TakeOptions("baseline"))
    with pytest.raises(NoSnapshot):
        reset(store, other, "e2e-backup")
    assert dbhash(tmp_path / "other") == before
    assert restore(store, other, RestoreOptions(baseline.snapshot, foreign=True)).changed
    undo(store, other)
    undo(store, other)
    assert dbhash(tmp_path / "other") == dbhash(tmp_path / "db")


def test_a_project_that_moved_keeps_its_snapshots(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    path = make_database(tmp_path / "old" / "db.sqlite3")
    with Store.create(tmp_path / "old" / "store") as store:
        take(store, Project.of({"default": path}), TakeOptions("baseline"))
    (tmp_path / "old").rename(tmp_path / "new")
    snap = Snap(tmp_path / "new")
    with closing(connect(snap.database)) as application:
        application.execute("DELETE FROM item")
    assert snap.json("restore", "baseline")["changed"]


@MODES
def test_a_restore_under_way_is_not_settled_by_another_process(
    tmp_path: Path, journal_mode: str, at_step: Callable[[str, Callable[[], object]], None]
) -> None:
    path = make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\ntimeout: 0.2\n")
    project = Project.of({"default": path})
    with Store.create(tmp_path / "store") as store:
        baseline = take(store, project, TakeOptions("baseline"))
        with closing(connect(path)) as application:
            application.execute("DELETE FROM item WHERE id > 7")
        for step in ("pages-written", "live-committed"):
            at_step(step, lambda: run(["status"], tmp_path, code=11))
            assert restore(store, project, RestoreOptions(baseline.snapshot)).changed
            undo(store, project)
            assert dbhash(path) != ""
            with closing(connect(path)) as application:
                assert count(application) == 7


def test_a_snapshot_forgotten_meanwhile_is_entered_again(store: Store, project: Project) -> None:
    """Between finding that HEAD holds the state and writing the name, another process may forget it."""
    first = take(store, project, TakeOptions("first"))
    with store.writer() as writer:
        capture = Capture(store, writer, project)
        with LiveDatabases(project.databases, Deadline(1)) as live:
            capture.read("default", live.read()["default"])
        known = capture.known(anywhere=False)
        assert known is not None
        assert known.id == first.snapshot
        store.snapshots.drop(bytes.fromhex(first.snapshot))
        with store.catalog.transaction():
            capture.record(known)
    assert store.snapshots.exists(first.snapshot)


def test_several_databases_are_all_restored_or_none(tmp_path: Path, store: Store) -> None:
    paths = {name: make_database(tmp_path / name) for name in ("first", "second")}
    project = Project.of(paths)
    baseline = take(store, project, TakeOptions("baseline"))
    with Application(paths["second"]) as reader, closing(connect(paths["first"])) as writer:
        writer.execute("DELETE FROM item")
        reader.ask("DELETE FROM item")
        hashes = {name: dbhash(path) for name, path in paths.items()}
        reader.ask("BEGIN")
        reader.ask("SELECT * FROM item")
        with pytest.raises(DatabaseLocked):
            restore(store, project, RestoreOptions(baseline.snapshot, timeout=0.2))
        assert {name: dbhash(path) for name, path in paths.items()} == hashes
        reader.ask("COMMIT")
        restore(store, project, RestoreOptions(baseline.snapshot, only=("second",)))
        assert (count(writer), reader.ask("SELECT count(*) FROM item")) == (0, [[500]])
        undo(store, project)
        assert (count(writer), reader.ask("SELECT count(*) FROM item")) == (0, [[0]])
        done = restore(store, project, RestoreOptions(baseline.snapshot))
        assert {one.method for one in done.databases.values()} == {"in-place"}
    assert status(store, project).verdict == "clean"


def test_one_of_several_databases_missing_is_written_and_recorded(tmp_path: Path, store: Store) -> None:
    paths = {name: make_database(tmp_path / name) for name in ("first", "second")}
    project = Project.of(paths)
    baseline = take(store, project, TakeOptions("baseline"))
    paths["second"].unlink()
    done = restore(store, project, RestoreOptions(baseline.snapshot))
    assert {name: one.method for name, one in done.databases.items()} == {"first": "none", "second": "replaced"}
    assert status(store, project).verdict == "clean"


@MODES
def test_a_file_of_another_page_size_is_replaced(tmp_path: Path, store: Store, journal_mode: str) -> None:
    path = make_database(tmp_path / "db", journal_mode=journal_mode, page_size=1024)
    os.chmod(path, 0o666)
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    change_page_size(path, 4096)
    with closing(connect(path)) as application:
        application.execute("DELETE FROM item WHERE id > 3")
    with Application(path) as application:
        application.ask("SELECT 1 FROM item")
        with pytest.raises((DatabaseInUse, DatabaseLocked)):
            restore(store, project, RestoreOptions(baseline.snapshot, timeout=0.2))
        assert application.ask("SELECT count(*) FROM item") == [[3]]
    assert restore(store, project, RestoreOptions(baseline.snapshot)).databases["default"].method == "replaced"
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == (journal_mode,)
        assert connection.execute("PRAGMA page_size").fetchone() == (1024,)
        assert count(connection) == 500
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    undo(store, project)
    with closing(connect(path)) as connection:
        assert count(connection) == 3
    assert not list(tmp_path.glob("db.damaged*"))


@MODES
def test_a_write_while_a_file_is_replaced_is_not_lost(
    tmp_path: Path, store: Store, journal_mode: str, at_step: Callable[[str, Callable[[], object]], None]
) -> None:
    path = make_database(tmp_path / "db", journal_mode=journal_mode, page_size=1024)
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    change_page_size(path, 4096)

    def write() -> None:
        code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0)"
        code += "; c.execute('DELETE FROM item'); c.commit()"
        subprocess.run([sys.executable, "-c", code, str(path)], check=False, stderr=subprocess.DEVNULL)

    at_step("image-written", write)
    try:
        restore(store, project, RestoreOptions(baseline.snapshot, timeout=0.2))
    except DatabaseLocked:
        with closing(connect(path)) as connection:
            assert count(connection) == 0, "the write counted, so the restore had to stop"
    else:
        with closing(connect(path)) as connection:
            assert count(connection) == 500, "the restore counted, so the write had to fail"
    assert is_intact(path)


def test_an_unreadable_image_leaves_the_live_database_alone(tmp_path: Path, store: Store) -> None:
    path = make_database(tmp_path / "db", journal_mode="wal", page_size=1024)
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    change_page_size(path, 4096)
    for pack in (tmp_path / "store" / "packs").iterdir():
        data = bytearray(pack.read_bytes())
        data[len(data) // 3] ^= 255
        pack.write_bytes(data)
    with Application(path) as application:
        application.ask("DELETE FROM item WHERE id > 3")
        with pytest.raises(StoreDamaged):
            restore(store, project, RestoreOptions(baseline.snapshot, force=True))
        assert application.ask("SELECT count(*) FROM item") == [[3]]
    with closing(connect(path)) as connection:
        assert count(connection) == 3


@pytest.mark.parametrize("damage", ["garbage", "header", "truncated", "empty header fields"])
def test_a_damaged_file_is_replaced_by_force_and_kept(tmp_path: Path, store: Store, damage: str) -> None:
    path = make_database(tmp_path / "db")
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    data = bytearray(path.read_bytes())
    match damage:
        case "garbage":
            data = bytearray(os.urandom(len(data)))
        case "header":
            data[:100] = bytes(100)
        case "truncated":
            del data[len(data) // 2 // 4096 * 4096 :]
        case _:
            data[21:24] = bytes(3)
    path.write_bytes(data)
    if damage != "truncated":
        with pytest.raises(NotADatabase):
            restore(store, project, RestoreOptions(baseline.snapshot))
        assert path.read_bytes() == data
    done = reset(store, project, "e2e-backup").databases["default"]
    assert done.method == "replaced"
    assert done.kept
    assert Path(done.kept).read_bytes() == data
    assert is_intact(path)
    assert status(store, project).verdict == "clean"


def test_a_missing_file_with_a_log_beside_it_is_written_without_the_log(tmp_path: Path, store: Store) -> None:
    path = make_database(tmp_path / "db", journal_mode="wal")
    project = Project.of({"default": path})
    baseline = take(store, project, TakeOptions("baseline"))
    with closing(connect(path)) as connection:
        connection.execute("UPDATE item SET body = 'from the log'")
        log = Path(f"{path}-wal").read_bytes()
    path.unlink()
    Path(f"{path}-wal").write_bytes(log)
    restore(store, project, RestoreOptions(baseline.snapshot))
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM item WHERE body = 'from the log'").fetchone() == (0,)
    assert is_intact(path)
