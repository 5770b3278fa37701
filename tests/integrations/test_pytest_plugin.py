"""The pytest plugin, in runs of pytest of their own on a real database."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from snapstore.integrations import pytest_plugin
from tests.integrations.suites import Tests
from tests.support import Snap, dbhash

LEAKS = """
def test_good():
    pass

def test_leaks():
    write()

def test_afterwards():
    pass
"""


@pytest.fixture
def suite(snap: Snap) -> Tests:
    return Tests(snap)


def test_nothing_happens_until_it_is_asked_for(suite: Tests) -> None:
    suite.write("""
def test_writes():
    write()

def test_wants_the_session(snapstore_session):
    raise AssertionError
""")
    out, _ = (process := suite.start("-rs", "--snap-db", "db.sqlite3")).communicate(timeout=60)
    assert "KeyError: 'SNAPSTORE_TEST_DB'" in out
    assert "snapstore is off; --snap turns it on" in out
    assert process.returncode == 1
    assert suite.recorded() == {}


def test_a_test_that_leaves_something_behind_fails_and_the_state_is_put_right(suite: Tests) -> None:
    before = dbhash(suite.snap.database)
    suite.write(LEAKS)
    out = suite.run(code=1)
    assert "3 passed, 1 error" in out
    assert "ERROR at teardown of test_leaks" in out
    assert "leaked: note +1" in out
    assert "left behind: note 101 (of item 1)" in out
    assert "restored" in out
    summary = out[out.index("snapstore: what tests left behind") :]
    assert "test_suite.py::test_leaks  leaked  note +1  restored" in summary
    assert "test_good" not in summary.split("short test summary")[0]
    assert dbhash(suite.snap.database) == before
    assert suite.recorded() == {
        "test_suite.py::test_good": "clean",
        "test_suite.py::test_leaks": "leaked",
        "test_suite.py::test_afterwards": "clean",
    }


def test_the_ini_file_turns_it_on(suite: Tests) -> None:
    suite.ini(snapstore="true", snapstore_leaks="pass")
    suite.write(LEAKS)
    out, _ = (process := suite.start()).communicate(timeout=60)
    assert process.returncode == 0, out
    assert "test_suite.py::test_leaks  leaked  note +1  restored" in out


def test_a_test_that_cleans_up_after_itself_passes(suite: Tests) -> None:
    suite.write("""
@pytest.fixture
def note():
    write("INSERT INTO note VALUES (77, 'for a while')")
    yield
    write("DELETE FROM note WHERE item = 77")

def test_with_a_note(note):
    pass
""")
    assert "1 passed" in suite.run(code=0)
    assert suite.recorded()["test_suite.py::test_with_a_note"] in ("clean", "drifted")


@pytest.mark.parametrize(("leaks", "code", "said"), [("warn", 0, "3 passed, 1 warning"), ("pass", 0, "3 passed in")])
def test_what_follows_from_a_leak_is_a_matter_of_policy(suite: Tests, leaks: str, code: int, said: str) -> None:
    suite.write(LEAKS)
    out = suite.run("--snap-leaks", leaks, code=code)
    assert said in out
    assert "test_leaks  leaked  note +1  restored" in out
    assert ("SnapstoreWarning: left something behind" in out) is (leaks == "warn")
    assert suite.notes() == 100


def test_a_marker_says_what_follows_for_one_test(suite: Tests) -> None:
    suite.write("""
pytestmark = pytest.mark.snapstore(leaks="warn", scenario="notes")

def test_warns():
    write()

@pytest.mark.snapstore(leaks="pass")
def test_passes():
    write()

@pytest.mark.snapstore(leaks="fail")
def test_fails():
    write()

@pytest.mark.snapstore(check=False)
def test_is_not_looked_at():
    pass
""")
    out = suite.run(code=1)
    assert "4 passed, 1 warning, 1 error" in out
    assert "ERROR at teardown of test_fails" in out
    assert "test_suite.py::test_is_not_looked_at" not in suite.recorded()


@pytest.mark.parametrize("marker", ["leaks='shrug'", "leak='fail'", "'fail'"])
def test_a_marker_that_makes_no_sense_is_refused(suite: Tests, marker: str) -> None:
    suite.write(f"@pytest.mark.snapstore({marker})\ndef test_it():\n    pass\n")
    out = suite.run(code=4)
    assert "test_suite.py::test_it" in out
    assert "Traceback" not in out


def test_a_row_that_is_gone_or_changed_is_named(suite: Tests) -> None:
    suite.write("""
def test_damages():
    write("DELETE FROM note WHERE item = 10")
    write("UPDATE item SET name = 'changed' WHERE id = 5")
""")
    out = suite.run(code=1)
    assert "damaged" in out
    assert "gone: note" in out
    assert "changed: item 5: name" in out
    assert suite.notes() == 100


def test_with_a_wider_scope_fixtures_may_live_as_long(suite: Tests) -> None:
    suite.write("""
@pytest.fixture(scope="module", autouse=True)
def note():
    write("INSERT INTO note VALUES (77, 'for a while')")
    yield
    write("DELETE FROM note WHERE item = 77")

def test_one():
    pass

def test_two():
    pass
""")
    suite.write("def test_leaks():\n    write()\n\ndef test_last():\n    pass\n", "test_wrong.py")
    assert "5 passed" not in suite.run(code=1)
    out = suite.run("--snap-scope", "module", code=1)
    assert "4 passed, 1 error" in out
    assert "ERROR at teardown of test_last" in out
    summary = out[out.index("snapstore: what tests left behind") :]
    assert "test_wrong.py  leaked  note +1  restored" in summary
    assert "test_suite.py" not in summary
    assert "5 passed" not in out


def test_each_worker_has_a_copy_of_the_baseline(suite: Tests) -> None:
    suite.ini(snapstore_db="copy-{worker}.sqlite3", snapstore_baseline="baseline")
    suite.write("""
@pytest.mark.parametrize("number", range(8))
def test_number(number, snapstore_db, worker_id):
    assert os.environ["SNAPSTORE_TEST_DB"] == snapstore_db
    assert snapstore_db.endswith(f"copy-{worker_id}.sqlite3")
    with closing(sqlite3.connect(snapstore_db)) as connection:
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (100,)
    if number == 5:
        write()
""")
    before = dbhash(suite.snap.database)
    out = suite.run("-n", "2", code=1)
    assert "8 passed, 1 error" in out
    assert "test_suite.py::test_number[5]  leaked  note +1  restored" in out
    assert len(suite.recorded()) == 8
    assert sorted(path.name for path in suite.folder.glob("*.sqlite3*")) == ["db.sqlite3"]
    assert dbhash(suite.snap.database) == before
    assert [one["names"] for one in suite.snap.json("tags")] == [["baseline"]]
    assert "8 passed" in suite.run("-n0", code=1)


def test_workers_without_databases_of_their_own_are_refused(suite: Tests) -> None:
    suite.write(LEAKS)
    out = suite.run("-n", "2", code=4)
    assert "several workers cannot share a database: snapstore_db needs {worker} in it" in out
    suite.ini(snapstore_db="copy-{worker}.sqlite3")
    assert "snapstore_baseline is not set" in suite.run(code=4)


def test_a_session_that_is_killed_fails_one_test_and_is_begun_anew(suite: Tests) -> None:
    suite.write("""
def test_kills(snapstore_session):
    write()
    os.kill(snapstore_session.pid, signal.SIGKILL)

def test_next():
    pass
""")
    out = suite.run(code=1)
    assert "2 passed, 1 error" in out
    assert "ERROR at teardown of test_kills" in out
    assert suite.notes() == 100
    assert suite.recorded()["test_suite.py::test_next"] == "clean"


@pytest.mark.parametrize("arguments", [(), ("-x",)])
def test_an_interrupted_run_leaves_the_state_right(suite: Tests, arguments: tuple[str, ...]) -> None:
    suite.write("""
def test_never_ends():
    write()
    os.kill(os.getpid(), signal.SIGINT)
    signal.pause()
""")
    out = suite.run(*arguments, code=2)
    assert "KeyboardInterrupt" in out
    assert "test_suite.py::test_never_ends  leaked  note +1  restored" in out
    assert suite.notes() == 100


def test_a_run_that_is_killed_is_repaired_by_the_next(suite: Tests) -> None:
    suite.write("""
def test_dies():
    write()
    os.kill(os.getpid(), signal.SIGKILL)
""")
    process = suite.start("--snap")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    suite.write("def test_good():\n    pass\n")
    assert "1 passed" in suite.run(code=0)
    assert suite.notes() == 100


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--snap-db", "missing.sqlite3"), "missing.sqlite3"),
        (("--snap-baseline", "basline"), "unknown revision 'basline'"),
        (("--snap-quiet", "long"), "'long' is no number of seconds"),
        (("--snap-config", "missing.yaml"), "missing.yaml"),
    ],
)
def test_what_cannot_begin_says_why_in_a_line(suite: Tests, arguments: tuple[str, ...], said: str) -> None:
    suite.write(LEAKS)
    out = suite.run(*arguments, code=4)
    assert said in out
    assert "Traceback" not in out
    assert suite.notes() == 100


def test_a_key_of_the_ini_file_that_is_no_choice_is_refused(suite: Tests) -> None:
    suite.ini(snapstore_scope="package")
    suite.write(LEAKS)
    assert "snapstore_scope: 'package' is none of function, class, module, session" in suite.run(code=4)


def test_the_document_has_every_option() -> None:
    text = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text()
    for one in pytest_plugin.OPTIONS:
        assert f"| `{one.flag}` | `{one.key}` |" in text
