"""The pytest plugin in real pytest processes: what it finds, what it puts back, what it says when it cannot."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from snapstore.integrations.pytest_options import OPTIONS
from tests.support import ENVIRONMENT, Snap, connect, count, dbhash

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
    done = subprocess.run(
        command(*asked, *arguments),
        cwd=snap.folder,
        env={**ENVIRONMENT, "XDG_CONFIG_HOME": os.fspath(snap.folder / "conf")},
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
    assert re.search(r"leaked  test_it.py::test_leaves_a_note  note: 1 added  \(restored\)", said)
    assert "2 passed, 1 warning" in said
    assert dbhash(snap.database) == before
    assert '<property name="snapstore_left" value="note: 1 added"' in (snap.folder / "out.xml").read_text()
    report = snap("report").stdout
    assert "test_it.py::test_leaves_a_note" in report


def test_a_leak_fails_its_own_test_alone_where_asked_to(snap: Snap) -> None:
    said = suite(snap, LEAKY, "--snap-leaks=fail", code=1)
    assert "2 passed, 1 error" in said
    assert "left behind: note" in said
    assert "the state was restored and verified" in said


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
    assert "test_off" not in said
    wrong = "@pytest.mark.snapstore(mode='sometimes')\ndef test_a(): pass\n"
    assert "'mode=sometimes' is none of verify, repair, restore" in suite(snap, wrong, code=1)


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
    assert said.count("note: 1 added  (restored)") == 6
    assert dbhash(snap.database) == before
    assert not list(snap.folder.glob("copy-*"))
    assert "need a database each" in suite(snap, text, "-n2", code=4)


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
    assert "say --snap-db PATH" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_the_document_has_every_option() -> None:
    text = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text("utf-8")
    rows = re.findall(r"^\| `--snap-(\w+)` \| `snapstore_(\w+)` \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    assert rows == [(name, name, f"`{default}`" if default else "", said) for name, default, _, said in OPTIONS]
