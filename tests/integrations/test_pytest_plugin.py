"""The pytest plugin in real pytest processes: what it finds, what it puts back, what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.integrations.pytest_options import OPTIONS
from tests.suite.test_died import abandon, change, grow_old
from tests.support import ENVIRONMENT, Snap, connect, count, dbhash, run

HEAD = """
import os, signal, sqlite3, pytest
from contextlib import closing
def add(path, text="left"):
    with closing(sqlite3.connect(path)) as c, c:
        c.execute("INSERT INTO note VALUES (1, ?)", (text,))
def notes(path):
    with closing(sqlite3.connect(path)) as c:
        return c.execute("SELECT count(*) FROM note").fetchone()[0]
"""
LEAKY = """
def test_leaves_a_note(snapstore_db):
    add(snapstore_db)
def test_finds_none(snapstore_db):
    assert notes(snapstore_db) == 100
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:django", "--strict-markers", *arguments]


def suite(snap: Snap, text: str, *arguments: str, code: int = 0, on: bool = True) -> str:
    """Run tests with the plugin on the database of `snap`; return what pytest printed."""
    (snap.folder / "test_it.py").write_text(HEAD + text)
    (snap.folder / "pytest.ini").write_text("[pytest]\n")
    asked = ["--snap", "--snap-store", os.fspath(snap.store)] if on else []
    if on and not any(one.startswith("--snap-db") for one in arguments):
        asked += ["--snap-db", "db.sqlite3"]
    return started(snap, *asked, *arguments, code=code)


def pytest_in(snap: Snap, text: str, *arguments: str, code: int = 0) -> str:
    """Run tests in the folder of `snap` with these options alone; return what pytest printed."""
    (snap.folder / "test_it.py").write_text(HEAD + text)
    (snap.folder / "pytest.ini").write_text("[pytest]\n")
    return started(snap, *arguments, code=code)


def started(snap: Snap, *arguments: str, code: int) -> str:
    done = subprocess.run(
        command(*arguments),
        cwd=snap.folder,
        env={
            **ENVIRONMENT,
            "XDG_CONFIG_HOME": os.fspath(snap.folder / "conf"),
            "XDG_DATA_HOME": os.fspath(snap.folder / "data"),
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout, done.stdout
    return done.stdout + done.stderr


def test_what_a_test_left_is_named_and_taken_back(snap: Snap) -> None:
    before = dbhash(snap.database)
    said = suite(snap, LEAKY, "--junitxml=out.xml")
    assert re.search(r"^leaked  test_it.py::test_leaves_a_note  note 1 added  \(restored\)$", said, re.MULTILINE)
    assert re.search(r" snapstore: left behind, against e2e-backup \([0-9a-f]{10}\) =", said)
    assert "2 passed" in said
    assert "warning" not in said
    assert said.count("test_leaves_a_note") == 1
    assert dbhash(snap.database) == before
    assert '<property name="snapstore_left" value="note 1 added"' in (snap.folder / "out.xml").read_text()
    report = snap("report").stdout
    assert "test_it.py::test_leaves_a_note" in report


def test_a_leak_fails_its_own_test_alone_where_asked_to(snap: Snap) -> None:
    said = suite(snap, LEAKY, "--snap-leaks=fail", code=1)
    assert "2 passed, 1 error" in said
    assert re.search(
        r"^ERROR test_it.py::test_leaves_a_note - Failed: left behind: note 1 added, against", said, re.MULTILINE
    )
    restore, changes = re.findall("^snap (.*)$", said, re.MULTILINE)
    assert "note: 1 added" in run(shlex.split(changes), snap.folder).stdout
    assert restore.endswith("restore failed/test_it-py-test_leaves_a_note")
    assert "the state was restored and verified" in said


def test_what_was_left_alone_is_named_with_the_command_that_restores_the_state_before_it(snap: Snap) -> None:
    before = dbhash(snap.database)
    abandon(snap)
    change(snap.database, "INSERT INTO note VALUES (1, 'by hand')")
    grow_old(snap.database)
    said = suite(snap, "def test_a(): pass\n")
    (words,) = re.findall(r"snapstore: left alone suite 'dies' .* 'snap (.*)' brings the state before it", said)
    run(shlex.split(words), snap.folder)
    assert dbhash(snap.database) == before


def test_verify_leaves_rows_and_blames_nobody_else(snap: Snap) -> None:
    said = suite(snap, "def test_a(snapstore_db): add(snapstore_db)\ndef test_b(): pass\n", "--snap-mode=verify")
    assert "(left as it is)" in said
    assert "test_b" not in said
    with closing(connect(snap.database)) as connection:
        assert count(connection, "note") == 101


def test_markers_override_options(snap: Snap) -> None:
    text = """
@pytest.mark.snapstore(off=True)
def test_off(snapstore_db): add(snapstore_db)
@pytest.mark.snapstore(leaks="fail", mode="verify")
def test_strict(snapstore_db): add(snapstore_db)
def test_after(snapstore_db): assert notes(snapstore_db) == 102
"""
    said = suite(snap, text, "--snap-leaks=pass", code=1)
    assert "3 passed, 1 error" in said
    assert "test_off  note" not in said  # its name is only in that of the state that the next test began with
    assert "leaked  test_it.py::test_off " not in said
    assert "against what 'test_it.py::test_off' left (" in said
    wrong = "@pytest.mark.snapstore(mode='sometimes')\ndef test_a(): pass\n"
    assert "'mode=sometimes', expected verify, repair, restore" in suite(snap, wrong, code=1)


def test_a_marker_brings_another_baseline(snap: Snap) -> None:
    snap("tag", "full")
    with closing(connect(snap.database)) as connection:
        connection.execute("DELETE FROM note")
    snap("tag", "empty")
    text = """
def test_empty(snapstore_db): assert notes(snapstore_db) == 0
@pytest.mark.snapstore(baseline="full")
def test_full(snapstore_db): assert notes(snapstore_db) == 100
def test_empty_again(snapstore_db, snapstore_baseline):
    assert (notes(snapstore_db), snapstore_baseline) == (0, "empty")
"""
    assert "3 passed" in suite(snap, text, "--snap-baseline=empty")


def test_a_module_is_judged_after_its_own_fixtures_cleaned_up(snap: Snap) -> None:
    text = """
@pytest.fixture(scope="module", autouse=True)
def rows(snapstore_db):
    add(snapstore_db)
    yield
    with closing(sqlite3.connect(snapstore_db)) as c, c:
        c.execute("DELETE FROM note WHERE text = 'left'")
def test_a(snapstore_db): assert notes(snapstore_db) == 101
def test_b(snapstore_db): assert notes(snapstore_db) == 101
"""
    assert "left behind" not in suite(snap, text, "--snap-scope=module")


@pytest.mark.parametrize(("scope", "of"), [("module", "module test_it.py"), ("session", "the whole session")])
def test_a_wider_scope_is_named_and_not_its_last_test(snap: Snap, scope: str, of: str) -> None:
    said = suite(snap, LEAKY.replace("== 100", "== 101"), f"--snap-scope={scope}")
    assert f"leaked  {of}  note 1 added  (restored)" in said


def project(snap: Snap, more: str = "") -> None:
    """Write a configuration for the database and the store of `snap`."""
    (snap.folder / "snapstore.yaml").write_text(f"database: db.sqlite3\nstore: store\n{more}")


def runs(snap: Snap) -> list[str]:
    """Return the names of the suites that the project has on record."""
    return [one["name"] for one in json.loads(run(["report", "--json"], snap.folder).stdout)["suites"]]


@pytest.mark.parametrize("named", [(), ("--snap-db", "db.sqlite3")])
def test_a_configured_database_has_its_rules_baseline_and_ledger_however_it_is_named(
    snap: Snap, named: tuple[str, ...]
) -> None:
    project(snap, "baseline: baseline\nignore: {tables: [note]}\n")
    run(["tag", "baseline"], snap.folder)
    with closing(connect(snap.database)) as connection:
        connection.execute("DELETE FROM item")
    text = """
def test_a(snapstore_db, snapstore_baseline):
    add(snapstore_db)
    assert snapstore_baseline == "baseline"
"""
    said = pytest_in(snap, text, "--snap", *named)
    assert "left behind" not in said
    assert runs(snap) == ["pytest"]
    tags = json.loads(run(["tags", "--json"], snap.folder).stdout)
    assert [one["names"] for one in tags] == [["baseline"]]
    assert json.loads(run(["verify", "--json"], snap.folder).stdout)["verdict"] in ("clean", "drifted")
    assert not (snap.folder / "data").exists()


@pytest.mark.parametrize("workers", [(), ("-n2",)])
def test_copies_have_the_rules_and_the_baseline_of_the_project(snap: Snap, workers: tuple[str, ...]) -> None:
    project(snap, "baseline: baseline\nignore: {tables: [item]}\n")
    run(["tag", "baseline"], snap.folder)
    with closing(connect(snap.database)) as connection:
        connection.execute("DELETE FROM note")
    text = """
@pytest.mark.parametrize("n", range(2))
def test_own(snapstore_db, snapstore_baseline, n):
    assert (notes(snapstore_db), snapstore_baseline) == (100, "baseline")
    with closing(sqlite3.connect(snapstore_db)) as c, c:
        c.execute("DELETE FROM item")
"""
    said = pytest_in(snap, text, "--snap", "--snap-db=copy-{worker}.sqlite3", *workers)
    assert "2 passed" in said
    assert "left behind" not in said
    assert "there was no baseline" not in said
    with closing(connect(snap.database)) as connection:
        assert count(connection, "note") == 0


def test_a_baseline_that_has_to_be_made_is_announced(snap: Snap) -> None:
    project(snap, "baseline: baseline\n")
    said = pytest_in(snap, LEAKY, "--snap", "-q")
    assert re.search(
        r"snapstore: there was no baseline: the state before the suite is baseline \([0-9a-f]{10}\) now", said
    )
    assert "there was no baseline" not in pytest_in(snap, LEAKY, "--snap")


def test_a_baseline_that_is_asked_for_has_to_exist(snap: Snap) -> None:
    said = suite(snap, LEAKY, "--snap-baseline=seeded", code=4)
    assert "there is no baseline 'seeded'; --snap-take-baseline makes" in said
    assert "the state before the suite is seeded (" in suite(
        snap, LEAKY, "--snap-baseline=seeded", "--snap-take-baseline"
    )
    assert "2 passed" in suite(snap, LEAKY, "--snap-baseline=seeded")


def test_a_wrong_rule_is_one_usage_error(snap: Snap) -> None:
    project(snap, "ignore: {tables: [notes]}\n")
    for more in ((), ("--snap-db=copy-{worker}.sqlite3", "-n1")):
        said = pytest_in(snap, LEAKY, "--snap", *more, code=4)
        assert "snapstore: no table matches 'notes'" in said
        assert "passed" not in said
    assert "no table matches 'notes'" in run(["doctor"], snap.folder, code=1).stdout


def test_workers_have_copies_that_are_removed_in_the_end(snap: Snap) -> None:
    before = dbhash(snap.database)
    text = """
@pytest.mark.parametrize("n", range(6))
def test_own(snapstore_db, n, worker_id):
    assert os.path.basename(snapstore_db) == f"copy-{worker_id}.sqlite3"
    assert os.environ["SNAPSTORE_TEST_DB"] == snapstore_db
    assert notes(snapstore_db) == 100
    add(snapstore_db)
"""
    said = suite(snap, text, "--snap-db=copy-{worker}.sqlite3", "--snap-source=db.sqlite3", "-n2")
    assert said.count("note 1 added  (restored)") == 6
    assert dbhash(snap.database) == before
    assert not list(snap.folder.glob("copy-*"))
    assert "needs its own database" in suite(snap, text, "-n2", code=4)


def test_a_session_that_is_killed_fails_one_test_and_its_state_is_repaired(snap: Snap) -> None:
    before = dbhash(snap.database)
    text = """
def test_killed(snapstore_session, snapstore_db):
    add(snapstore_db)
    os.kill(snapstore_session.pid, 9)
def test_goes_on(snapstore_db): assert notes(snapstore_db) == 100
"""
    said = suite(snap, text, code=1)
    assert "snapstore: the session has ended" in said
    assert "2 passed, 1 error" in said
    assert dbhash(snap.database) == before


def test_a_locked_database_is_one_clear_error(snap: Snap) -> None:
    (snap.folder / "snapstore.yaml").write_text("database: db.sqlite3\ntimeout: 0.2\nstore: store\n")
    text = """
def test_locks(snapstore_db, request):
    held = sqlite3.connect(snapstore_db)
    held.execute("INSERT INTO note VALUES (1, 'left')")
    held.commit()
    held.execute("BEGIN IMMEDIATE")
    request.session.held = held
def test_b(request): request.session.held.close()
"""
    said = suite(snap, text, "--snap-config=snapstore.yaml", code=1)
    assert re.search(r"snapstore: .*locked", said)


def test_the_first_failure_or_ctrl_c_ends_the_run_with_the_state_put_back(snap: Snap) -> None:
    before = dbhash(snap.database)
    text = "def test_a(snapstore_db):\n    add(snapstore_db)\n    {}\ndef test_b(): pass\n"
    assert "(restored)" in suite(snap, text.format("assert 0"), "-x", code=1)
    assert dbhash(snap.database) == before
    interrupt = "signal.signal(signal.SIGINT, signal.default_int_handler); os.kill(os.getpid(), signal.SIGINT)"
    assert "KeyboardInterrupt" in suite(snap, text.format(interrupt), code=2)
    assert dbhash(snap.database) == before


def test_off_it_does_nothing_and_imports_nothing(snap: Snap) -> None:
    text = """
import sys
def test_off(): assert not [one for one in sys.modules if one.startswith(("snapstore.session", "snapstore.errors"))]
@pytest.mark.snapstore(off=True)
def test_marked(): pass
def test_asks(snapstore_db): pass
"""
    assert "2 passed, 1 skipped" in suite(snap, text, on=False)
    assert "1 passed" in suite(snap, "def test_a(): pass\n", "-p", "no:snapstore", on=False)
    assert not snap.store.exists()


def test_without_a_database_it_says_so_in_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        command("--snap"),
        cwd=tmp_path,
        env={**ENVIRONMENT, "XDG_CONFIG_HOME": os.fspath(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4
    assert "name one with --snap-db PATH" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_the_document_has_every_option() -> None:
    text = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text("utf-8")
    rows = re.findall(r"^\| `--snap-(\w+)` \| `snapstore_(\w+)` \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    assert rows == [(name, name, f"`{default}`" if default else "", said) for name, default, _, said in OPTIONS]


EVIL = "\x1b]0;T\x07\x1b[2J\u202e\nfake\x9b"


@pytest.mark.parametrize("leaks", ["fail", "warn"])
def test_names_and_values_of_a_database_do_not_reach_the_terminal_as_they_are(snap: Snap, leaks: str) -> None:
    table = f"t{EVIL}"
    with closing(connect(snap.database)) as connection:
        connection.execute(f'CREATE TABLE "{table}" ("k{EVIL}" TEXT PRIMARY KEY, v)')
        connection.execute(f'INSERT INTO "{table}" VALUES (?, 1)', (f"old{EVIL}",))
    text = f"""
def run(path, sql, *values):
    with closing(sqlite3.connect(path)) as c, c:
        c.execute(sql, values)
def test_adds(snapstore_db): run(snapstore_db, 'INSERT INTO "' + {table!r} + '" VALUES (?, 2)', {EVIL!r})
def test_changes(snapstore_db): run(snapstore_db, 'UPDATE "' + {table!r} + '" SET v = ?', {EVIL!r})
def test_schema(snapstore_db): run(snapstore_db, 'CREATE TABLE "' + {EVIL!r} + '" (a)')
"""
    said = suite(snap, text, f"--snap-leaks={leaks}", "--color=no", code=int(leaks == "fail"))
    assert {char for char in said if not char.isprintable()} == {"\n"}
    assert "fake" in said
    assert not [line for line in said.splitlines() if line.startswith("fake")]


def test_a_wrong_option_is_named_without_its_control_characters(snap: Snap) -> None:
    said = suite(snap, LEAKY, "--snap-config", f"{EVIL}.yaml", code=4)
    assert {char for char in said if not char.isprintable()} <= {"\n"}
    assert "fake" in said


def test_another_file_in_the_place_of_the_database_is_a_warning(snap: Snap) -> None:
    replacing = """
def test_puts_a_copy_there(snapstore_db):
    import shutil
    shutil.copy(snapstore_db, "copy")
    os.replace("copy", snapstore_db)
def test_leaves_it(snapstore_db):
    pass
"""
    said = suite(snap, replacing)
    assert said.count("FileReplaced: snapstore: another file took the place of database 'default'") == 1
