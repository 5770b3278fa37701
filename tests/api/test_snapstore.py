"""`snapstore.Snapstore`: where it finds things, how long it waits, what it refuses, and that it stays silent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import (
    ConfigurationError,
    DatabaseLocked,
    InvalidArgument,
    NoDatabaseNamed,
    NoStore,
    OutOfOrder,
    RunInProgress,
    SnapError,
    StoreLocked,
    UnknownRevision,
    WouldOverwrite,
)
from snapstore.store import Store
from tests.support import ENVIRONMENT, connect, count, dbhash, make_database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_database(tmp_path / "db.sqlite3", rows=20)


@pytest.fixture
def snap(path: Path) -> Iterator[Snapstore]:
    with Snapstore(db=path, store=path.parent / "store", env=ENVIRONMENT) as snap:
        yield snap


def change(path: Path, *statements: str) -> None:
    with closing(connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_state_is_verified_and_restored_and_nothing_is_printed(
    snap: Snapstore, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = dbhash(path)
    taken = snap.tag("baseline", message="seeded", pin=True)
    assert (taken.name, taken.unchanged, snap.tags()[0].pinned) == ("baseline", False, True)
    change(path, "DELETE FROM item WHERE id = 1", "INSERT INTO note VALUES (2, 'left')")
    found = snap.verify("baseline", rows=1)
    assert (found.verdict, found.ok, found.state_ok) == ("damaged", False, False)
    assert (len(found.databases["default"].rows), found.databases["default"].rows_left_out) == (1, 1)
    again = snap.verify("baseline", restore_on_fail=True)
    assert (again.ok, again.restored, again.state_ok) == (False, True, True)
    assert dbhash(path) == before
    assert snap.undo().changed
    assert snap.clean("baseline").databases["default"].tables["note"].removed == 1
    assert dbhash(path) == before
    assert snap.status().state_ok
    assert capfd.readouterr() == ("", "")


def test_rows_can_be_drawn_one_by_one(snap: Snapstore, path: Path) -> None:
    snap.tag("baseline")
    change(path, "DELETE FROM item WHERE id < 6")
    with snap.differences("baseline") as found:
        (table,) = [table for table in found.databases[0].tables if table.name == "item"]
        rows = table.rows()
        assert next(rows).change == "removed"
        assert sum(1 for _ in rows) == 4
    with snap.query_rows("baseline", "SELECT id FROM item ORDER BY id") as answer:
        assert next(answer.rows) == (1,)
    assert snap.query("live", "SELECT id FROM item ORDER BY id", limit=2).rows == ((6,), (7,))


def test_locations_come_from_arguments_environment_and_files(path: Path, tmp_path: Path) -> None:
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: here\nbackup_name: net\n")
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as snap:
        assert (snap.info().store, snap.info().backup_name) == (str(tmp_path / "here"), "net")
        assert snap.backup().name == "net"
    with Snapstore(cwd=tmp_path, env={**ENVIRONMENT, "SNAPSTORE_STORE": "there"}) as snap:
        assert snap.info().store == str(tmp_path / "there")
    with Snapstore("snapstore.yaml", store="elsewhere", cwd=tmp_path, env=ENVIRONMENT) as snap:
        assert snap.info().store == str(tmp_path / "elsewhere")
        assert snap.info().databases["default"].path == str(path)
    with Snapstore(db="db.sqlite3", store="store", cwd=tmp_path, env=ENVIRONMENT) as snap:
        assert snap.info().databases["default"].path == str(path)


def test_what_is_wrong_with_the_locations_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(NoDatabaseNamed):
        Snapstore(cwd=tmp_path, env={**ENVIRONMENT, "XDG_CONFIG_HOME": str(tmp_path)})
    (tmp_path / "snapstore.yaml").write_text("databse: x\n")
    with pytest.raises(ConfigurationError) as wrong:
        Snapstore(cwd=tmp_path, env=ENVIRONMENT)
    assert (wrong.value.line, wrong.value.nearest) == (1, "database")


def test_reading_makes_no_store(snap: Snapstore, path: Path) -> None:
    for verb in (snap.tags, snap.log, snap.status, snap.restore, snap.fsck, snap.report):
        with pytest.raises(NoStore):
            verb()
    assert not (path.parent / "store").exists()


def test_a_lock_is_waited_for_as_long_as_was_said(path: Path) -> None:
    store = path.parent / "store"
    with Snapstore(db=path, store=store, env=ENVIRONMENT, timeout=0.05) as snap:
        snap.tag("baseline")
        change(path, "DELETE FROM note")
        with closing(connect(path)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            for verb in (snap.restore, snap.clean):
                with pytest.raises(DatabaseLocked):
                    verb("baseline")
            with pytest.raises(DatabaseLocked):
                snap.undo(timeout=0.01) if snap.reflog()[0].action == "restore" else snap.restore("baseline", timeout=0)
        assert snap.restore("baseline").changed


def test_arguments_that_mean_nothing_are_refused(snap: Snapstore) -> None:
    snap.tag("baseline")
    wrong: list[Callable[[], object]] = [
        lambda: snap.verify("live"),
        lambda: snap.clean("live"),
        lambda: snap.prune(keep_last=1, keep_within="long"),
        lambda: snap.prune(keep_last=1, grace="soon"),
        lambda: snap.diff(limit=-1),
        lambda: snap.query("baseline", "SELECT 1", limit=-1),
        lambda: snap.verify(rows=-1),
        lambda: snap.restore("baseline", timeout=-1),
        lambda: snap.restore("baseline", timeout=float("nan")),
        lambda: snap.restore("baseline", timeout=float("inf")),
        lambda: snap.report(since="yesterday"),
        lambda: snap.fsck(quick=True, heal=True),
        lambda: snap.restore("baseline", to="copy.sqlite3", dry_run=True),
        lambda: snap.begin_suite("x", mode="best"),
        lambda: snap.begin_suite("x", verdicts={"leaky": "fail"}),
        lambda: snap.begin_suite("x", verdicts={"leaked": "shrug"}),
        lambda: snap.end_test("well"),
    ]
    for verb in wrong:
        with pytest.raises(InvalidArgument) as raised:
            verb()
        assert (raised.value.code, raised.value.exit_code) == ("usage", 2)
        assert raised.value.name in str(raised.value)


@pytest.mark.parametrize("kind", [Snapstore, Session])
def test_a_restore_to_a_path_leaves_the_live_database_alone(
    kind: type[Snapstore | Session], path: Path, tmp_path: Path
) -> None:
    before = dbhash(path)
    with kind(db=path, store=tmp_path / "store", env=ENVIRONMENT) as snap:
        snap.backup()
        change(path, "DELETE FROM item")
        copied = snap.restore(to=tmp_path / "copy.sqlite3")
        assert (copied.to, copied.changed, copied.safety) == (os.fspath(tmp_path / "copy.sqlite3"), False, None)
        with pytest.raises(WouldOverwrite):
            snap.restore(to=tmp_path / "copy.sqlite3")
        snap.restore(to=tmp_path / "copy.sqlite3", force=True)
    assert dbhash(tmp_path / "copy.sqlite3") == before
    with closing(connect(path)) as connection:
        assert count(connection) == 0


def test_a_restore_names_the_tags_of_its_snapshot(snap: Snapstore, path: Path) -> None:
    snap.tag("one")
    snap.tag("two", "one")
    change(path, "DELETE FROM item")
    assert snap.restore("two").names == ("one", "two")
    assert snap.reset().names == ("one", "two")


def test_the_setup_is_examined_also_where_the_store_is_missing(snap: Snapstore) -> None:
    before = snap.doctor()
    assert before.ok
    assert {one.check for one in before.findings} >= {"program", "libraries", "configuration", "store"}
    assert not os.path.exists(snap.locations.store_path)


def test_rules_are_suggested_for_what_is_ignored_too(path: Path, tmp_path: Path) -> None:
    configuration = tmp_path / "snapstore.yaml"
    configuration.write_text(f"database: {path}\nstore: store\nignore: {{tables: [note]}}\n")
    with Snapstore(configuration, env=ENVIRONMENT) as snap:
        snap.tag("first")
        for rowid in (101, 102):
            change(path, "DELETE FROM note", f"INSERT INTO note(rowid, text) VALUES ({rowid}, {rowid})")
            snap.tag("run")
        assert [one.rule for one in snap.suggest_ignore("first", "run", ignore=False).tables] == ["note"]
        assert snap.suggest_ignore("first", "run").tables == ()


def test_a_single_text_is_one_name(snap: Snapstore, path: Path) -> None:
    snap.tag("baseline")
    change(path, "DELETE FROM note")
    assert snap.diff(tables="item").identical
    assert not snap.clean(keep="note").changed
    assert snap.rm("baseline").removed[0].name == "baseline"


def test_a_forgotten_snapshot_is_brought_back_by_a_name(snap: Snapstore, path: Path) -> None:
    first = snap.tag("baseline").snapshot
    change(path, "DELETE FROM note")
    snap.tag("baseline")
    assert snap.rm(first).removed[0].snapshot == first
    assert [one.forgotten for one in snap.log(everything=True)] == [False, True]
    assert snap.tag("again", first).snapshot == first
    with pytest.raises(UnknownRevision):
        snap.show("nothing")


def test_a_prune_keeps_what_its_rules_say_and_is_taken_back(snap: Snapstore, path: Path) -> None:
    for number in range(3):
        change(path, f"DELETE FROM note WHERE item = {number}", f"DELETE FROM item WHERE id = {number + 1}")
        snap.tag(f"run-{number}")
    planned = snap.prune(keep_last=1, tags=True, dry_run=True)
    done = snap.prune(keep_last=1, keep_tags=["run-0"], tags=True)
    assert planned.dry_run
    assert set(done.removed) < set(planned.removed)
    assert done.untagged == ("run-1",)
    assert snap.undo_prune().brought_back == done.removed
    assert snap.prune(keep_last=1, tags=True, grace="0").expired


def test_the_store_is_checked_healed_and_rebuilt_while_it_is_open(snap: Snapstore, path: Path) -> None:
    snap.tag("baseline")
    assert snap.fsck(quick=True).ok
    assert snap.fsck().full
    with Store.open(path.parent / "store"), pytest.raises(StoreLocked):
        snap.fsck(rebuild=True, timeout=0.05)
    found = snap.fsck(rebuild=True, heal=True)
    assert found.ok
    assert found.rebuilt
    assert found.healed
    assert found.rebuilt.snapshots == 1
    assert snap.tags()[0].names == ("baseline",)


def test_another_store_in_its_place_is_opened(snap: Snapstore, path: Path) -> None:
    snap.tag("baseline")
    (path.parent / "store").rename(path.parent / "moved")
    with pytest.raises(NoStore):
        snap.tags()
    snap.tag("next")
    assert [one.names for one in snap.tags()] == [("next",)]


def test_a_suite_restores_what_its_tests_leave(snap: Snapstore, path: Path) -> None:
    before = dbhash(path)
    assert snap.begin_suite("tests", quiet=0).mode == "hybrid"
    for early in (lambda: snap.begin_suite("again"), snap.end_test, lambda: snap.fsck(rebuild=True)):
        with pytest.raises(OutOfOrder):
            early()
    with Snapstore(db=path, store=path.parent / "store", env=ENVIRONMENT) as other, pytest.raises(RunInProgress):
        other.begin_suite("another")
    snap.begin_test("leaks", scenario="simple")
    change(path, "INSERT INTO note VALUES (1, 'left')")
    ended = snap.end_test("failed", seconds=0.5)
    assert (ended.verdict, ended.verdict_after, ended.ok, ended.state_ok) == ("leaked", "clean", True, True)
    assert ended.databases["default"].rows[0].table == "note"
    assert snap.verify().ok
    suite = snap.end_suite(1)
    assert (suite.cleanup_failed, suite.outcome, suite.tests[0].databases) == (True, "failed", {})
    assert suite.tests[0].tables["default"]["note"].added == 1
    assert dbhash(path) == before
    assert snap.report().scenarios[0].name == "simple"
    with pytest.raises(OutOfOrder):
        snap.end_suite()


def test_a_suite_that_was_not_ended_is_repaired_by_the_next(path: Path) -> None:
    with Snapstore(db=path, store=path.parent / "store", env=ENVIRONMENT) as snap:
        snap.begin_suite("dies", quiet=0)
        snap.begin_test("one")
        change(path, "DELETE FROM note")
    with Snapstore(db=path, store=path.parent / "store", env=ENVIRONMENT) as snap:
        assert [one.verdict for one in snap.begin_suite("next", quiet=0).repaired] == ["damaged"]
        with closing(connect(path)) as connection:
            assert count(connection, "note") == 4
        assert snap.end_suite().ok


def test_backups_can_be_switched_off(path: Path) -> None:
    with Snapstore(db=path, store=path.parent / "store", env={**ENVIRONMENT, "E2E_NO_BACKUP": "1"}) as snap:
        for done in (snap.backup(), snap.restore(), snap.delete_backup()):
            assert done.skipped
            assert done.reason
        assert not (path.parent / "store").exists()
        snap.tag("baseline")
        assert not snap.restore("baseline").skipped
        assert snap.begin_suite("tests").mode == "cleanup"


def test_a_closed_one_can_be_used_again(snap: Snapstore) -> None:
    snap.tag("baseline")
    snap.close()
    snap.close()
    assert snap.tags()[0].names == ("baseline",)


def test_every_error_is_one_of_ours(snap: Snapstore, path: Path) -> None:
    snap.tag("baseline")
    path.write_bytes(b"garbage" * 1000)
    for verb in (snap.status, snap.verify, snap.diff, snap.undo, lambda: snap.query("live", "SELECT 1")):
        with pytest.raises(SnapError) as raised:
            verb()
        assert raised.value.exit_code
    assert snap.reset().databases["default"].kept
    assert os.path.getsize(path) > 7000


def test_empty_text_is_no_default(snap: Snapstore) -> None:
    snap.tag("baseline")
    snap.backup()
    for verb in (snap.restore, snap.verify, snap.diff, snap.clean, snap.reflog):
        with pytest.raises(UnknownRevision):
            verb("")
    for ask in (
        lambda: snap.restore("baseline", only_db=""),
        lambda: snap.query("baseline", "SELECT 1", only_db=""),
        lambda: snap.export("baseline", "copy.db", only_db=""),
    ):
        with pytest.raises(ConfigurationError):
            ask()


def test_files_are_named_relative_to_the_folder_that_was_given(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with Snapstore(db=path, store=tmp_path / "store", cwd=folder, env=ENVIRONMENT) as snap:
        snap.tag("baseline")
        assert snap.export("baseline", "copy.db").path == os.fspath(folder / "copy.db")
        assert snap.restore("baseline", to="other.db").to == os.fspath(folder / "other.db")
        assert snap.import_("copy.db", name="imported").name == "imported"
