"""A suite of many tests below the command line: order, labels, blame, the way back, and one killed in the middle."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.compare.ignore_rules import Policy
from snapstore.errors import DatabaseInUse, DatabaseLocked, RunInProgress
from snapstore.history.snapshot import FORENSIC
from snapstore.project import Project
from snapstore.results.long_value import LongValue
from snapstore.results.rows import Counts
from snapstore.store import Store
from snapstore.suite.cleanup import CleanupRunner
from snapstore.suite.flow import Suite
from snapstore.suite.ledger import VERIFIED, Ledger
from snapstore.suite.mark import run_mark
from snapstore.suite.policy import DEFAULT_DECISIONS, CleanupStep, SuitePolicy
from tests.cli.hands import add_random
from tests.support import connect, count, dbhash, make_database

ROOT = Path(__file__).parents[2]
QUICK = SuitePolicy(quiet=0.0, backoff=0.001, timeout=5.0)
LEAK = "INSERT INTO item(name) VALUES ('leak')"
NOTE = "INSERT INTO note VALUES (1, 'leak')"


def change(path: Path, *statements: str) -> None:
    with closing(connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def items(path: Path) -> int:
    with closing(connect(path)) as connection:
        return count(connection)


def test_the_ledger_has_every_test_with_its_label_in_the_order_they_ran(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path
) -> None:
    suite = begin()
    for label in ("first", "second", "third"):
        suite.begin_test(label, f"scenario of {label}")
        if label == "second":
            change(path, LEAK, NOTE)
        suite.end_test("passed", 0.5)
    result = suite.end(0)
    assert (result.outcome, result.cleanup_failed, items(path)) == ("passed", True, 20)
    rows = Ledger(store, project.origin).tests()
    assert [(row.label, row.scenario, row.verdict, row.final) for row in rows] == [
        ("first", "scenario of first", "clean", "clean"),
        ("second", "scenario of second", "leaked", "clean"),
        ("third", "scenario of third", "clean", "clean"),
    ]
    assert [row.restore_s is None for row in rows] == [True, False, True]
    assert {row.test_s for row in rows} == {0.5}
    assert Ledger(store, project.origin).leftovers() == [
        (rows[1].test, VERIFIED, "default", "item", 1, 0, 0),
        (rows[1].test, VERIFIED, "default", "note", 1, 0, 0),
    ]


@pytest.mark.parametrize("decision", ["warn", "fail"])
def test_a_test_is_not_blamed_for_what_the_one_before_left(
    begin: Callable[..., Suite], path: Path, decision: str
) -> None:
    suite = begin(decisions={**DEFAULT_DECISIONS, "leaked": decision})
    for label, statement in (("leaks", LEAK), ("does nothing", "SELECT 1"), ("leaks too", NOTE)):
        suite.begin_test(label)
        change(path, statement)
        suite.end_test("passed")
    assert [test.verdict for test in suite.tests] == ["leaked", "clean", "leaked"]
    assert [list(test.tables["default"]) for test in suite.tests] == [["item"], [], ["note"]]
    assert items(path) == 21


def test_the_way_back_leads_to_the_backup_past_what_was_let_pass(begin: Callable[..., Suite], path: Path) -> None:
    before = dbhash(path)
    suite = begin(decisions={**DEFAULT_DECISIONS, "leaked": "warn"})
    for statement in (LEAK, "DELETE FROM item WHERE id = 1"):
        suite.begin_test(statement)
        change(path, statement)
        suite.end_test("passed")
    assert [(test.verdict, test.restored, test.verdict_after, test.state_ok) for test in suite.tests] == [
        ("leaked", False, None, False),
        ("damaged", True, "clean", True),
    ]
    suite.end(0)
    assert dbhash(path) == before


def test_the_backup_goes_only_when_the_last_state_is_right(
    begin: Callable[..., Suite], store: Store, path: Path
) -> None:
    suite = begin(decisions={**DEFAULT_DECISIONS, "leaked": "warn"})
    suite.begin_test("leaks")
    change(path, LEAK)
    suite.end_test("passed")
    suite.begin_test("does nothing")
    suite.end_test("passed")
    suite.end(0)
    assert store.refs.get("e2e-backup")


def test_a_test_that_was_not_ended_is_ended_by_the_next_and_by_the_end(begin: Callable[..., Suite], path: Path) -> None:
    suite = begin()
    suite.begin_test("one")
    change(path, LEAK)
    suite.begin_test("two")
    change(path, LEAK)
    result = suite.end(0)
    assert [(test.label, test.outcome, test.verdict, test.verdict_after) for test in result.tests] == [
        ("one", "unfinished", "leaked", "clean"),
        ("two", "unfinished", "leaked", "clean"),
    ]
    assert items(path) == 20


def test_what_each_attempt_removed_is_counted_by_table(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "tries").write_text("")
    step = "echo x >> tries; test $(wc -l < tries) -ge 2"
    (tmp_path / "some.sql").write_text("DELETE FROM item WHERE id = (SELECT max(id) FROM item)")
    suite = begin(cleanup=(CleanupStep("delete", sql="some.sql"), CleanupStep("try", command=step)))
    suite.begin_test("leaks two")
    change(path, LEAK, LEAK)
    result = suite.end_test("passed")
    assert [(one.step, one.number, one.status) for one in result.attempts] == [
        ("delete", 1, "done"),
        ("try", 1, "failed"),
        ("try", 2, "done"),
    ]
    assert result.removed == {1: {"default": {"item": Counts(1)}}, 2: {}}
    stages = Ledger(store, project.origin).leftovers()
    assert [(row.stage, row.added) for row in stages] == [(VERIFIED, 1), (0, 2), (1, 1), (2, 1)]


KILLED = """
import os, sys, sqlite3
from snapstore.suite.cleanup import CleanupRunner
from snapstore.suite.flow import Suite
from snapstore.suite.mark import run_mark
from snapstore.suite.mark import run_mark
from snapstore.suite.policy import SuitePolicy
from snapstore.project import Project
from snapstore.results.long_value import LongValue
from snapstore.results.rows import Counts
from snapstore.errors import RunInProgress
from snapstore.store import Store
project = Project.of({"default": sys.argv[1]})
with Store.open(sys.argv[2]) as store, run_mark(store, project, "suite"):
    suite = Suite(store, project, SuitePolicy(quiet=0.0), CleanupRunner(project, os.environ, "."), lambda _: None)
    suite.begin("killed", "command")
    suite.begin_test("first")
    suite.end_test("passed")
    suite.begin_test("second")
    connection = sqlite3.connect(sys.argv[1], isolation_level=None)
    connection.execute("INSERT INTO item(name) VALUES ('leak')")
    os.kill(os.getpid(), 9)
"""


def kill_in_the_middle(path: Path, store: Store) -> None:
    """Run a suite in a process that is killed during its second test."""
    command = [sys.executable, "-c", KILLED, os.fspath(path), store.path]
    done = subprocess.run(command, cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


def test_a_suite_killed_in_a_test_is_repaired_and_that_test_is_on_record(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path
) -> None:
    kill_in_the_middle(path, store)
    assert items(path) == 21
    suite = begin()
    assert items(path) == 20
    (repaired,) = suite.repaired
    assert (repaired.verdict, repaired.what.startswith("suite 'killed' of ")) == ("leaked", True)
    rows = Ledger(store, project.origin).tests()
    assert [(row.label, row.outcome, row.verdict, row.decision, row.final) for row in rows] == [
        ("first", "passed", "clean", "pass", "clean"),
        ("second", "died", "leaked", "restore", "clean"),
    ]
    assert rows[1].forensic == repaired.forensic
    assert Ledger(store, project.origin).leftovers() == [(rows[1].test, VERIFIED, "default", "item", 1, 0, 0)]
    suite.end(0)
    assert [row.outcome for row in Ledger(store, project.origin).suites()] == ["passed", "died"]
    assert not store.refs.get("e2e-backup")


def test_a_state_that_somebody_chose_since_is_left_alone(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path
) -> None:
    chosen = take(store, project, TakeOptions("chosen")).snapshot
    change(path, "DELETE FROM note")
    kill_in_the_middle(path, store)
    restore(store, project, RestoreOptions(chosen))
    change(path, "INSERT INTO item(name) VALUES ('work of a developer')")
    suite = begin()
    assert suite.repaired == []
    assert "another state since" in suite.left_alone[0]
    assert items(path) == 21
    assert Ledger(store, project.origin).unended()[0].name == "suite"


def test_a_tag_since_is_no_other_state(begin: Callable[..., Suite], store: Store, project: Project, path: Path) -> None:
    kill_in_the_middle(path, store)
    take(store, project, TakeOptions("to-look-at"))
    assert [one.verdict for one in begin().repaired] == ["leaked"]
    assert items(path) == 20


def test_a_database_that_cannot_be_read_after_a_kill_is_replaced(
    begin: Callable[..., Suite], store: Store, path: Path
) -> None:
    before = dbhash(path)
    kill_in_the_middle(path, store)
    path.write_bytes(b"no database at all, by no means " * 300)
    (repaired,) = begin().repaired
    assert (repaired.verdict, repaired.forensic) == ("unreadable", None)
    assert dbhash(path) == before
    assert [one for one in path.parent.iterdir() if b"by no means" in (one.read_bytes() if one.is_file() else b"")]


def test_without_a_backup_a_killed_suite_waits_for_one_that_has(
    begin: Callable[..., Suite], store: Store, path: Path
) -> None:
    kill_in_the_middle(path, store)
    cleanup_only = begin(mode="cleanup")
    assert "no restore this time" in cleanup_only.left_alone[0]
    cleanup_only.end(0)
    assert items(path) == 21
    assert [one.verdict for one in begin().repaired] == ["leaked"]
    assert items(path) == 20


def test_a_schema_that_is_not_the_baselines_is_put_right_first(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path
) -> None:
    take(store, project, TakeOptions("seeded"))
    change(path, "CREATE TABLE seen (n)")
    (repaired,) = begin(baseline="seeded").repaired
    assert (repaired.what, repaired.verdict) == ("a state that was not seeded", "schema-changed")


def test_sequences_that_are_to_fail_are_put_back(begin: Callable[..., Suite], path: Path) -> None:
    suite = begin(rows=Policy(sequences="fail"))
    suite.begin_test("moves a sequence")
    change(path, LEAK, "DELETE FROM item WHERE name = 'leak'")
    result = suite.end_test("passed")
    assert (result.verdict, result.restored, result.verdict_after) == ("drifted", True, "clean")
    with closing(connect(path)) as connection:
        assert connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'item'").fetchall() == [(20,)]


def test_a_backup_only_suite_has_no_cleanup_that_could_fail(begin: Callable[..., Suite], path: Path) -> None:
    suite = begin(mode="backup")
    suite.begin_test("leaks")
    change(path, LEAK)
    suite.end_test("passed")
    result = suite.end(0)
    assert (result.outcome, result.cleanup_failed, items(path)) == ("passed", False, 20)


def test_a_lock_that_stays_is_an_error_and_the_next_suite_repairs(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path
) -> None:
    suite = begin(timeout=0.2)
    suite.begin_test("leaves a transaction open")
    with closing(connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(LEAK)
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked):
            suite.end_test("passed")
    (row,) = Ledger(store, project.origin).tests()
    assert (row.outcome, row.verdict, row.decision) == ("passed", "leaked", "fail")
    assert [one.verdict for one in begin().repaired] == ["leaked"]
    assert items(path) == 20


def test_no_space_for_the_state_that_failed_does_not_stop_the_way_back(begin: Callable[..., Suite], path: Path) -> None:
    suite = begin()
    suite.begin_test("leaks much")
    add_random(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        result = suite.end_test("passed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (result.verdict, result.forensic, result.verdict_after, items(path)) == ("schema-changed", None, "clean", 20)


def test_the_same_state_is_kept_for_each_test_that_left_it_and_is_what_an_undo_brings_back(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path
) -> None:
    suite = begin()
    found = []
    for label in ("first", "second"):
        suite.begin_test(label)
        change(path, "INSERT INTO item(id, name) VALUES (900, 'leak')")
        found.append(suite.end_test("passed"))
    kept = [store.snapshots.load(one.forensic or "") for one in found]
    assert [(one.kind, one.message) for one in kept] == [(FORENSIC, "first"), (FORENSIC, "second")]
    assert len({one.content for one in kept}) == 1
    undo(store, project, QUICK.timeout)
    assert items(path) == 21
    assert store.refs.head(project.origin) == {"default": found[-1].forensic}


def test_a_state_that_cannot_be_restored_is_kept(begin: Callable[..., Suite], store: Store, path: Path) -> None:
    suite = begin()
    suite.begin_test("changes the format")
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("VACUUM")
        connection.execute(LEAK)
    hold = "import sys; file = open(sys.argv[1]); print(flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", hold, path], stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(DatabaseInUse):
            suite.end_test("passed")
        holder.communicate("\n")
    assert (FORENSIC, "changes the format") in [(row.kind, row.message) for row in store.snapshots.all()]
    assert items(path) == 21


def test_several_databases_are_judged_and_put_back_together(
    store: Store, project: Project, path: Path, tmp_path: Path
) -> None:
    other = make_database(tmp_path / "other.sqlite3", rows=5)
    both = Project.of({"default": path, "other": other})
    before = dbhash(path), dbhash(other)
    suite = Suite(store, both, QUICK, CleanupRunner(both, os.environ, os.fspath(tmp_path)), lambda _: None)
    suite.begin("suite", "command")
    suite.begin_test("leaks into the second")
    change(other, LEAK)
    result = suite.end_test("passed")
    assert (result.verdict, result.verdict_after) == ("leaked", "clean")
    assert {name: list(one.tables) for name, one in result.databases.items()} == {"default": [], "other": ["item"]}
    suite.end(0)
    assert (dbhash(path), dbhash(other)) == before


def test_projects_that_share_a_database_do_not_run_side_by_side(
    store: Store, project: Project, path: Path, tmp_path: Path
) -> None:
    other = make_database(tmp_path / "other.sqlite3", rows=5)
    both = Project.of({"other": other, "shared": path})
    with run_mark(store, project, "the first"):
        with pytest.raises(RunInProgress, match=f"process {os.getpid()}: the first"), run_mark(store, both, "second"):
            pass
        with run_mark(store, Project.of({"default": other}), "another"):
            pass
    with run_mark(store, both, "now it may"):
        pass


def test_the_ledger_is_bounded_with_all_that_hangs_on_a_suite(
    begin: Callable[..., Suite], store: Store, project: Project, path: Path, tmp_path: Path
) -> None:
    for number in range(4):
        suite = begin(ledger_suites=2, cleanup=(CleanupStep("nothing", command="true"),))
        suite.begin_test(f"test {number}")
        change(path, LEAK)
        suite.end_test("passed")
        suite.end(0)
    ledger = Ledger(store, project.origin)
    assert [row.label for row in ledger.tests()] == ["test 2", "test 3"]
    assert len(ledger.suites()) == 2
    for table in ("attempt", "leftover"):
        rows = store.catalog.value(f"SELECT count(*) FROM {table} WHERE test NOT IN (SELECT test FROM test)")
        kept = store.catalog.value(f"SELECT count(DISTINCT test) FROM {table}")
        assert (rows, kept) == (0, 2)


@pytest.mark.parametrize("shortens", [False, True])
def test_what_a_test_left_has_whole_values_or_their_beginnings(
    begin: Callable[..., Suite], path: Path, shortens: bool
) -> None:
    suite = begin(shortens=shortens)
    suite.begin_test("leaks")
    change(path, "INSERT INTO item(name) VALUES (zeroblob(3000000))")
    ended = suite.end_test("passed")
    assert (ended.verdict, ended.verdict_after) == ("leaked", "clean")
    (row,) = ended.databases["default"].rows
    assert row.after is not None
    name = row.after["name"]
    assert name == bytes(3_000_000) if not shortens else isinstance(name, LongValue) and name.size == 3_000_000
