"""What a suite begins with: a baseline with a recipe, made again when its inputs change, or the present state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from snapstore.errors import BaselineNotMade, ConfigurationError, NamePinned
from snapstore.results.rows import Counts
from tests.contents import execute
from tests.support import ENVIRONMENT, connect, count, raised, run

SEED = """
import os, sqlite3, sys
path = os.environ["SNAPSTORE_DATABASE"]
names = open("seed/users.txt").read().split()
connection = sqlite3.connect(path)
connection.execute("DROP TABLE IF EXISTS users")
connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
connection.executemany("INSERT INTO users(name) VALUES (?)", [(name,) for name in names])
connection.commit()
with open("runs", "a") as log:
    log.write("x")
if "wrong" in names:
    sys.exit("no such user")
"""
YAML = "database: app.db\nstore: store\nbaseline: {name: seeded, make: python3 seed.py, inputs: ['seed/**', seed.py]}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a recipe for two users, and no database yet."""
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "users.txt").write_text("ann bob")
    (tmp_path / "seed.py").write_text(SEED)
    (tmp_path / "snapstore.yaml").write_text(YAML)
    return tmp_path


def runs(folder: Path) -> int:
    """Return how often the recipe was run."""
    return len((folder / "runs").read_text()) if (folder / "runs").exists() else 0


def users(folder: Path) -> int:
    connection = connect(folder / "app.db")
    try:
        return count(connection, "users")
    finally:
        connection.close()


def suite(folder: Path, client: type[Snapstore] | type[Session] = Snapstore) -> tuple[str | None, str | None] | None:
    """Run a suite without tests; return what made the baseline, and the snapshot of the state before."""
    with client(cwd=folder, env=ENVIRONMENT) as snap:
        begun = snap.begin_suite("suite", quiet=0)
        assert snap.end_suite().baseline_made == begun.baseline_made
    made = begun.baseline_made
    return (made.by, made.kept) if made else None


@pytest.mark.parametrize("client", [Snapstore, Session])
def test_it_is_made_again_where_its_inputs_changed(folder: Path, client: type[Snapstore] | type[Session]) -> None:
    execute(folder / "app.db", "CREATE TABLE own (id)")
    made = suite(folder, client)
    assert made
    assert made[0] == "python3 seed.py"
    assert made[1]
    assert (runs(folder), users(folder)) == (1, 2)
    assert suite(folder, client) is None
    (folder / "seed" / "more").mkdir()
    (folder / "seed" / "more" / "note").write_text("one file more")
    assert suite(folder, client)
    (folder / "seed" / "users.txt").write_text("ann bob cid")
    assert suite(folder, client)
    assert (runs(folder), users(folder)) == (3, 3)
    with Snapstore(cwd=folder, env=ENVIRONMENT) as snap:
        assert snap.verify().verdict == "clean"
        assert snap.diff(made[1], "seeded").databases["default"].schema


def test_a_database_that_is_not_there_is_made(folder: Path) -> None:
    out = run(["run", "--", "true"], folder)
    assert "snap: made seeded (" in out.stderr
    assert users(folder) == 2
    document = json.loads(run(["run", "--json", "--", "true"], folder).stdout)
    assert document["baseline_made"] is None


def test_where_it_fails_the_state_before_is_restored(folder: Path) -> None:
    suite(folder)
    execute(folder / "app.db", "INSERT INTO users(name) VALUES ('mine')")
    (folder / "seed" / "users.txt").write_text("wrong")
    with Snapstore(cwd=folder, env=ENVIRONMENT) as snap:
        error = raised(BaselineNotMade, 14, snap.begin_suite, "suite", quiet=0)
        assert str(error) == "cannot make the baseline 'seeded': 'python3 seed.py' failed: exit 1: no such user"
        assert users(folder) == 3
        snap.pin("seeded")
        raised(NamePinned, 14, snap.begin_suite, "suite", quiet=0)
    assert runs(folder) == 2


def test_a_tag_by_hand_is_made_of_the_inputs_too(folder: Path) -> None:
    execute(folder / "app.db", "CREATE TABLE own (id)")
    with Snapstore(cwd=folder, env=ENVIRONMENT) as snap:
        snap.tag("seeded", message="by hand")
        (tag,) = snap.tags()
        assert tag.message.startswith("by hand (inputs ")
    assert suite(folder) is None
    assert runs(folder) == 0


def test_another_baseline_is_not_made(folder: Path) -> None:
    execute(folder / "app.db", "CREATE TABLE own (id)")
    with Snapstore(cwd=folder, env=ENVIRONMENT) as snap:
        snap.tag("other")
        snap.begin_suite("suite", baseline="other", quiet=0)
        snap.end_suite()
        snap.begin_suite("suite", mode="cleanup", quiet=0)
        snap.end_suite()
    assert runs(folder) == 0


def test_inputs_that_match_nothing_are_an_error(folder: Path) -> None:
    (folder / "snapstore.yaml").write_text(YAML.replace("seed/**", "sed/**"))
    with Snapstore(cwd=folder, env=ENVIRONMENT) as snap:
        error = raised(ConfigurationError, 13, snap.begin_suite, "suite", quiet=0)
    assert "no file matches 'sed/**'" in str(error)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{make: a}", "must have 'name' and 'make'"),
        ("{name: a}", "must have 'name' and 'make'"),
        ("{name: a, make: b, input: [c]}", "unknown key 'input'"),
        ("{name: HEAD, make: b}", "is invalid"),
    ],
)
def test_the_mapping_is_checked(folder: Path, value: str, problem: str) -> None:
    (folder / "snapstore.yaml").write_text(f"database: app.db\nbaseline: {value}\n")
    with pytest.raises(ConfigurationError, match=problem):
        Snapstore(cwd=folder, env=ENVIRONMENT)


def test_a_configuration_that_is_not_trusted_makes_nothing(folder: Path) -> None:
    (folder / "snapstore.yaml").chmod(0o666)
    assert "is not trusted" in run(["run", "--", "true"], folder, code=13).stderr
    execute(folder / "app.db", "CREATE TABLE own (id)")
    run(["run", "--db", "app.db", "--store", "other", "--", "true"], folder)
    assert runs(folder) == 0


def test_an_empty_name_means_the_present_state_whatever_is_configured(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    execute(path, "CREATE TABLE users (id INTEGER PRIMARY KEY, name)", "INSERT INTO users VALUES (1, 'ada')")
    (tmp_path / "snapstore.yaml").write_text("database: app.db\nstore: store\nbaseline: baseline\n")
    with Snapstore(cwd=tmp_path, env=ENVIRONMENT) as snap:
        snap.tag("baseline")
        execute(path, "DELETE FROM users")
        assert snap.begin_suite("tests", baseline="").repaired == ()
        snap.begin_test("leaves")
        execute(path, "INSERT INTO users VALUES (2, 'left')")
        assert snap.diff().databases["default"].tables == {"users": Counts(added=1)}
        assert snap.end_test().verdict_after == "clean"
        assert snap.verify().state_ok
        snap.end_suite()
        assert snap.verify().verdict == "damaged"
        run(["run", "--baseline", "", "--", "true"], tmp_path)
        assert snap.diff().databases["default"].tables == {"users": Counts(removed=1)}
        run(["run", "--", "true"], tmp_path)
        assert snap.verify().verdict == "clean"
