"""Copies of a project's database for workers: one configuration, one record, stores inside the project's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import ConfigurationError, InvalidArgument, RunInProgress, StoreDamaged
from snapstore.results.reports import SuiteLine
from tests.contents import execute
from tests.support import ENVIRONMENT, raised, run

YAML = """
database: app.db
store: kept
baseline: baseline
ignore: {tables: [sessions]}
run:
  quiet: 0
  cleanup: [{name: remove, sql: sweep.sql}]
"""
MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name)",
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY)",
    "INSERT INTO users VALUES (1, 'ada')",
)
LEAVE = "INSERT INTO users(name) VALUES ('left')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a project that has a baseline."""
    execute(tmp_path / "app.db", *MADE)
    (tmp_path / "snapstore.yaml").write_text(YAML)
    (tmp_path / "sweep.sql").write_text("DELETE FROM users WHERE name = 'swept'")
    with Session(cwd=tmp_path, env=ENVIRONMENT) as session:
        session.tag("baseline")
    return tmp_path


def worker(folder: Path, name: str, db: str = "") -> Session:
    """Start a session for a worker, whose copy is made if it is not there."""
    path = folder / (db or f"copy-{name}.db")
    if not path.exists():
        shutil.copy(folder / "app.db", path)
    return Session(db=path, worker=name, cwd=folder, env=ENVIRONMENT)


def suites(folder: Path) -> tuple[SuiteLine, ...]:
    with Session(cwd=folder, env=ENVIRONMENT) as session:
        return session.report().suites


def test_a_copy_has_rules_cleanup_and_baseline_of_the_project(folder: Path) -> None:
    with worker(folder, "2") as session:
        info = session.info()
        assert (info.worker, info.configuration, info.baseline) == ("2", str(folder / "snapstore.yaml"), "baseline")
        assert info.store == str(folder / "kept" / "workers" / "2")
        session.begin_suite("suite")
        session.begin_test("swept")
        execute(folder / "copy-2.db", "INSERT INTO users(name) VALUES ('swept')", "INSERT INTO sessions VALUES (1)")
        assert session.end_test().verdict == "drifted"
        against = session.verify().compared_with
        assert against
        assert against.rev == "baseline"
        session.end_suite()


def test_a_copy_begins_with_the_baseline_that_the_project_has_now(folder: Path) -> None:
    with worker(folder, "a") as session:
        assert session.begin_suite("first").repaired == ()
        session.end_suite()
    execute(folder / "app.db", LEAVE)
    with Session(cwd=folder, env=ENVIRONMENT) as project:
        project.tag("baseline")
    with worker(folder, "a") as session:
        (repaired,) = session.begin_suite("second").repaired
        assert repaired.found.startswith("users: 1 removed")
        assert session.diff("baseline", "live").identical
        session.end_suite()


def test_a_copy_never_makes_the_baseline(folder: Path) -> None:
    with Session(cwd=folder, env=ENVIRONMENT) as project:
        project.rm("baseline")
    with worker(folder, "a") as session:
        assert session.begin_suite("suite", take_baseline=True).baseline_made is None
        session.end_suite()
    with Session(cwd=folder, env=ENVIRONMENT) as project:
        assert [one.names for one in project.tags()] == []


def test_several_databases_may_not_be_copied_where_the_baseline_has_no_default_one(folder: Path) -> None:
    text = YAML.replace("database: app.db", "databases: {main: app.db, queue: queue.db}")
    (folder / "snapstore.yaml").write_text(text)
    execute(folder / "queue.db", *MADE)
    with Session(cwd=folder, env=ENVIRONMENT) as project:
        project.tag("baseline")
    with worker(folder, "a") as session:
        error = raised(ConfigurationError, 13, session.begin_suite, "suite")
    assert "has no database 'default' to copy" in str(error)


def test_workers_at_once_are_one_suite_on_record(folder: Path) -> None:
    together = Barrier(4)

    def work(name: str) -> None:
        with worker(folder, name) as session:
            together.wait(60)
            session.begin_suite("tests", run="one")
            for number in range(10):
                session.begin_test(f"{name}: {number}")
                execute(folder / f"copy-{name}.db", LEAVE)
                assert session.end_test().restored
            session.end_suite()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, ("gw0", "gw1", "gw2", "gw3")))
    (suite,) = suites(folder)
    assert (suite.outcome, suite.verdicts) == ("passed", {"leaked": 40})
    assert suite.workers == ("gw0", "gw1", "gw2", "gw3")
    assert "40 tests by 4 workers" in run(["report"], folder).stdout


def test_a_suite_ends_with_the_last_of_its_workers(folder: Path) -> None:
    with worker(folder, "a") as first, worker(folder, "b") as second:
        for session in (first, second):
            session.begin_suite("tests", run="one")
        first.begin_test("fails")
        first.end_test("failed")
        first.end_suite()
        assert [one.outcome for one in suites(folder)] == ["running"]
        second.begin_test("passes")
        second.end_test("passed")
        second.end_suite()
        assert [one.outcome for one in suites(folder)] == ["failed"]


def test_a_test_that_passes_in_another_worker_passes(folder: Path) -> None:
    with worker(folder, "a") as first, worker(folder, "b") as second:
        for session, outcome in ((first, "failed"), (second, "passed")):
            session.begin_suite("tests", run="one")
            session.begin_test("tried again")
            session.end_test(outcome)
            session.end_suite()
    assert [one.outcome for one in suites(folder)] == ["passed"]


KILLED = f"""
import os, signal, sqlite3, sys
from snapstore import Session
session = Session(db="copy-a.db", worker="a")
session.begin_suite("tests", run="one")
session.begin_test("killed")
connection = sqlite3.connect("copy-a.db")
connection.execute("{LEAVE}")
connection.commit()
print(session.pid, flush=True)
os.kill(session.pid, signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_worker(folder: Path) -> None:
    shutil.copy(folder / "app.db", folder / "copy-a.db")
    subprocess.run([sys.executable, "-c", KILLED], cwd=folder, env=ENVIRONMENT, check=False, timeout=60)


def test_a_worker_that_was_killed_is_repaired_by_the_next_of_its_name_alone(folder: Path) -> None:
    kill_a_worker(folder)
    with worker(folder, "b") as other:
        begun = other.begin_suite("tests", run="one")
        assert (begun.repaired, begun.left_alone) == ((), ())
        other.end_suite()
    with Session(cwd=folder, env=ENVIRONMENT) as project:
        begun = project.begin_suite("of the project")
        assert (begun.repaired, begun.left_alone) == ((), ())
        project.end_suite()
    with worker(folder, "a") as again:
        (repaired,) = again.begin_suite("tests", run="two").repaired
        assert (repaired.verdict, repaired.found) == ("leaked", "users: 1 added; 1 page written")
        again.end_suite()
    assert [one.outcome for one in suites(folder)] == ["passed", "passed", "died"]


def test_a_name_that_has_another_database_now_repairs_nothing_of_the_first(folder: Path) -> None:
    kill_a_worker(folder)
    with worker(folder, "a", "another.db") as again:
        assert again.begin_suite("tests", run="two").repaired == ()
        again.end_suite()
    assert [one.outcome for one in suites(folder)] == ["passed", "died"]


def test_two_workers_of_one_name_or_one_database_do_not_run_at_once(folder: Path) -> None:
    with worker(folder, "a") as session:
        session.begin_suite("tests")
        for name, db in (("a", "copy-a.db"), ("a", "another.db"), ("b", "copy-a.db")):
            with worker(folder, name, db) as other:
                assert f"process {session.pid}" in str(raised(RunInProgress, 14, other.begin_suite, "tests"))
        session.end_suite()


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../../x", "-a", ".hidden", "a\nb", "ä", "x" * 65])
def test_a_name_that_could_lead_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    raised(InvalidArgument, 2, worker, folder, name, "copy.db")
    assert not (folder / "kept" / "workers").exists()


def test_a_worker_needs_a_database_of_its_own(folder: Path) -> None:
    for db in (None, "app.db"):
        with pytest.raises(ConfigurationError, match="needs"):
            Session(db=db, worker="a", cwd=folder, env=ENVIRONMENT)


def test_without_a_configuration_the_database_is_alone(tmp_path: Path) -> None:
    execute(tmp_path / "app.db", *MADE)
    env = {**ENVIRONMENT, "XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "conf")}
    with Session(db="app.db", worker="a", cwd=tmp_path, env=env) as session:
        assert (session.info().worker, session.info().configuration) == (None, None)
        assert Path(session.info().store).parent == tmp_path / "data" / "snapstore"
    for name in ("a", "b"):  # the tags of several would be one
        with Session(db="app.db", store="kept", worker=name, cwd=tmp_path, env=env) as session:
            session.tag("here")
            assert session.info().store == str(tmp_path / "kept" / "workers" / name)


def test_the_command_line_takes_a_worker_and_tells_of_its_suite(folder: Path) -> None:
    kill_a_worker(folder)
    there = ["--db", "copy-a.db", "--worker", "a"]
    found = json.loads(run(["status", "--json", *there], folder).stdout)
    assert found["suite"]["name"] == "tests"
    assert json.loads(run(["status", "--json"], folder).stdout)["suite"] is None
    run(["restore", *there], folder)
    assert json.loads(run(["verify", "--json", *there], folder).stdout)["verdict"] == "clean"


def test_what_a_test_left_in_a_copy_is_shown_from_the_project(folder: Path) -> None:
    with worker(folder, "a") as session:
        session.begin_suite("tests", run="one")
        session.begin_test("leaves a row")
        execute(folder / "copy-a.db", LEAVE)
        session.end_test()
        session.end_suite()
    (folder / "copy-a.db").unlink()
    found = json.loads(run(["diff", "--test", "leaves a row", "--json"], folder).stdout)
    assert found["databases"]["default"]["tables"]["users"]["added"] == 1


def test_stores_of_workers_are_checked_listed_and_removed_with_their_databases(folder: Path) -> None:
    for name in ("a", "b"):
        with worker(folder, name) as session:
            session.begin_suite("tests", run="one")
            session.end_suite()
    listed = json.loads(run(["stores", "--json"], folder).stdout)["stores"]
    (mine,) = (one for one in listed if one["path"] == str(folder / "kept"))
    assert [one["worker"] for one in mine["projects"]] == [None, "a", "b"]
    assert "stores of workers: a, b" in run(["doctor"], folder).stdout
    (folder / "copy-a.db").unlink()
    dry = json.loads(run(["prune", "--gone", "0d", "-n", "--json"], folder).stdout)
    done = json.loads(run(["prune", "--gone", "0d", "--json"], folder).stdout)
    assert [one["worker"] for one in done["workers"]] == [one["worker"] for one in dry["workers"]] == ["a"]
    assert os.listdir(folder / "kept" / "workers") == ["b"]
    (pack, *_) = sorted((folder / "kept" / "workers" / "b" / "packs").iterdir())
    pack.write_bytes(pack.read_bytes()[:-9])
    found = json.loads(run(["fsck", "--json"], folder, 20).stdout)
    assert (found["damaged"], found["workers"]["b"]["ok"]) == ([], False)
    run(["stores", "--remove", "kept", "--force"], folder)
    assert not (folder / "kept").exists()


def test_the_store_of_a_worker_that_runs_is_not_removed(folder: Path) -> None:
    with worker(folder, "a") as session:
        session.begin_suite("tests", run="one")
        (folder / "copy-a.db").unlink()
        assert json.loads(run(["prune", "--gone", "0d", "--json"], folder).stdout)["workers"] == []


def test_a_store_that_is_shared_stays_so_in_the_stores_of_workers(folder: Path) -> None:
    (folder / "snapstore.yaml").write_text(YAML.replace("store: kept", "store: {path: kept, shared: group}"))
    with worker(folder, "a") as session:
        session.begin_suite("tests")
        session.end_suite()
    for path in (folder / "kept" / "workers", folder / "kept" / "workers" / "a"):
        assert oct(path.stat().st_mode & 0o7777) == "0o2770"
    (folder / "snapstore.yaml").write_text(YAML.replace("store: kept", "store: {path: kept, shared: owner}"))
    with worker(folder, "a") as session:
        session.begin_suite("tests")
        session.end_suite()
    assert oct((folder / "kept" / "workers" / "a").stat().st_mode & 0o7777) == "0o700"


def test_a_cleanup_step_that_calls_snap_means_the_copy(folder: Path) -> None:
    step = f"{{name: clean, command: '\"{sys.executable}\" -m snapstore clean e2e-backup'}}"
    (folder / "snapstore.yaml").write_text(YAML.replace("{name: remove, sql: sweep.sql}", step))
    execute(folder / "app.db", LEAVE)
    with worker(folder, "a") as session:
        session.begin_suite("tests")
        session.begin_test("leaves a row")
        execute(folder / "copy-a.db", LEAVE)
        assert session.end_test().verdict == "drifted"  # the pages moved
        session.end_suite()
    with Session(cwd=folder, env=ENVIRONMENT) as project:
        assert project.diff("baseline").databases["default"].tables["users"].added == 1
    assert os.listdir(folder / "kept" / "workers") == ["a"]
    assert not (folder / "kept" / "workers" / "a" / "workers").exists()


def test_no_link_leads_to_the_store_of_a_worker(folder: Path) -> None:
    with worker(folder, "a") as session:
        session.begin_suite("tests")
        session.end_suite()
    (folder / "copy-a.db").unlink()
    stores = folder / "kept" / "workers"
    (stores / "a").rename(folder / "elsewhere")
    (stores / "a").symlink_to(folder / "elsewhere")
    assert json.loads(run(["prune", "--gone", "0d", "--json"], folder).stdout)["workers"] == []
    with worker(folder, "a") as session:
        raised(StoreDamaged, 20, session.begin_suite, "tests")
    assert (folder / "elsewhere" / "catalog.db").exists()


def test_only_commands_among_hooks_run_for_a_copy(folder: Path) -> None:
    hooks = """
after_restore:
  - {run: 'echo "$SNAPSTORE_WORKER $SNAPSTORE_DATABASE" >> told'}
  - {http: POST http://127.0.0.1:9/, timeout: 1, required: true}
"""
    (folder / "snapstore.yaml").write_text(YAML + hooks)
    with worker(folder, "a") as session:
        session.begin_suite("tests")
        session.begin_test("leaves a row")
        execute(folder / "copy-a.db", LEAVE)
        assert session.end_test().ok
        session.end_suite()
    assert (folder / "told").read_text() == f"a {folder / 'copy-a.db'}\n"


def test_a_suite_that_cannot_begin_leaves_no_store(folder: Path) -> None:
    (folder / "snapstore.yaml").write_text(YAML.replace("store: kept", "store: new").replace("sessions", "nowhere"))
    with worker(folder, "a") as session, pytest.raises(Exception, match="nowhere"):
        session.begin_suite("tests")
    assert not (folder / "new").exists()


def test_this_process_can_be_a_worker(folder: Path) -> None:
    shutil.copy(folder / "app.db", folder / "copy.db")
    with Snapstore(db="copy.db", worker="a", cwd=folder, env=ENVIRONMENT) as snap:
        snap.tag("here")
        assert snap.info().store == str(folder / "kept" / "workers" / "a")
