"""Where the façade finds its configuration, what that may say, and how a mistake in it is reported.

tests/config has the rules for finding files, below the façade.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import ConfigurationError, NoDatabaseNamed
from tests.support import ENVIRONMENT, make_database, raised

MISTAKES: dict[str, tuple[str | bytes, int | None, str, str | None]] = {
    "unknown": ("database: db.sqlite3\ndatabse: x\n", 2, "'databse'", "'database'"),
    "unknown-backup": ("database: db.sqlite3\n\nbackup-name: x\n", 3, "'backup-name'", "'backup_name'"),
    "far-off": ("zebra: 1\n", 1, "'zebra'", None),
    "twice": ("store: a\ndatabase: db.sqlite3\nstore: b\n", 3, "'store'", None),
    "twice-below": ("databases:\n  default: a\n  default: b\n", 3, "'default'", None),
    "both": ("database: a\ndatabases: {default: b}\n", 2, "'databases'", None),
    "list": ("database: [a, b]\n", 1, "'database'", None),
    "mapping": ("timeout: {a: b}\n", 1, "'timeout'", None),
    "null": ("database:\n", 1, "'database'", None),
    "scalar": ("databases: db.sqlite3\n", 1, "'databases'", None),
    "none": ("databases: {}\n", 1, "'databases'", None),
    "seconds": ("database: db.sqlite3\ntimeout: soon\n", 2, "'timeout'", None),
    "negative": ("database: db.sqlite3\ntimeout: -1\n", 2, "'timeout'", None),
    "endless": ("database: db.sqlite3\ntimeout: .inf\n", 2, "'timeout'", None),
    "name": ("database: db.sqlite3\nbackup_name: two words\n", 2, "'backup_name'", None),
    "zero": ('database: "a\\0b"\n', 1, "'database'", None),
    "top": ("- database\n", 1, "", None),
    "tab": ("database:\n\tx: y\n", 2, "", None),
    "bracket": ("database: [db\n", 2, "", None),
    "two-documents": ("database: a\n---\ndatabase: b\n", 2, "", None),
    "alias": ("database: *nowhere\n", 1, "", None),
    "control": ("database: a\n# \x07\n", None, "", None),
    "latin": (b"database: caf\xe9\n", None, "", None),
    "character": ('database: "\\UFFFFFFFF"\n', None, "", None),
    "half-a-character": ('database: "~\\ud800"\n', 1, "'database'", None),
    "digits": ("database: a\nrun: {attempts: " + "9" * 5000 + "}\n", 2, "'run.attempts'", None),
    "deep": ("database: " + "[" * 5000 + "]" * 5000, None, "", None),
}


@pytest.fixture(autouse=True)
def _user_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a folder with a database and a configuration of it."""
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: kept\n")
    return tmp_path


def found(
    folder: Path, config: str | None = None, db: str | None = None, store: str | None = None, **variables: str
) -> Snapstore:
    """Return the façade that starts in a folder."""
    env = {**ENVIRONMENT, "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", **variables}  # those of this process hold
    return Snapstore(config, db, store, cwd=folder, env=env)


def tag(
    folder: Path, config: str | None = None, db: str | None = None, store: str | None = None, **variables: str
) -> None:
    """Take a snapshot under the name x."""
    with found(folder, config, db, store, **variables) as snap:
        snap.tag("x")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_names_key_file_and_line(project: Path, mistake: str) -> None:
    text, line, key, near = MISTAKES[mistake]
    file = project / "snapstore.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    error = raised(ConfigurationError, 13, found, project)
    assert key in error.problem
    assert error.file == os.fspath(file)
    assert line in (None, error.line)
    assert str(error).startswith(f"{file}:{error.line}: " if error.line else f"{file}: ")
    assert near is None or near in str(error.hint)
    assert {path.name for path in project.iterdir()} == {"db.sqlite3", "snapstore.yaml"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "store: kept\n"])
def test_a_file_that_names_no_database_is_reported(project: Path, text: str) -> None:
    (project / "snapstore.yaml").write_text(text)
    error = raised(NoDatabaseNamed, 13, found, project)
    assert error.file == os.fspath(project / "snapstore.yaml")
    assert "no database" in str(error)
    tag(project, db="db.sqlite3", store="s")


def test_the_nearest_file_above_is_found_and_its_paths_are_its_own(project: Path) -> None:
    below = project / "a" / "b"
    below.mkdir(parents=True)
    tag(below)
    assert (project / "kept" / "catalog.db").exists()
    assert list(below.iterdir()) == []
    (project / "a" / "snapstore.yaml").write_text("database: ../db.sqlite3\nstore: nearer\n")
    tag(below)
    assert (project / "a" / "nearer" / "catalog.db").exists()
    (below / "snapstore.yaml").mkdir()  # no file
    with found(below) as snap:
        assert snap.restore("x").snapshot


def test_argument_and_variable_name_another_file(project: Path) -> None:
    other = project / "other"
    other.mkdir()
    for name in ("one", "two"):
        (other / f"{name}.yaml").write_text(f"database: ../db.sqlite3\nstore: {name}\n")
    tag(project, SNAPSTORE_CONFIG="other/one.yaml")
    assert (other / "one").is_dir()
    tag(project, "other/two.yaml", SNAPSTORE_CONFIG="other/one.yaml")
    assert (other / "two").is_dir()
    assert not (project / "kept").exists()
    assert "absent.yaml" in str(raised(ConfigurationError, 13, found, project, "absent.yaml"))
    assert "absent.yaml" in str(raised(ConfigurationError, 13, found, project, SNAPSTORE_CONFIG="absent.yaml"))
    raised(ConfigurationError, 13, found, project, ".")
    raised(ConfigurationError, 13, found, project, "")


def test_the_users_own_file_comes_last(project: Path) -> None:
    (project / "snapstore.yaml").unlink()
    assert "snapstore.yaml" in str(raised(NoDatabaseNamed, 13, found, project))
    folder = project / "conf" / "snapstore"
    folder.mkdir(parents=True)
    (folder / "snapstore.yaml").write_text("database: ../../db.sqlite3\nstore: mine\n")
    tag(project)
    assert (folder / "mine" / "catalog.db").exists()


def test_the_store_is_the_first_that_is_named(project: Path) -> None:
    named = {"SNAPSTORE_STORE": "second", "E2E_BACKUP_PATH": "third"}
    tag(project, store="first", **named)
    assert {path.name for path in project.iterdir()} == {"db.sqlite3", "snapstore.yaml", "first"}
    tag(project, **named)
    assert (project / "second" / "catalog.db").exists()
    assert not (project / "third").exists()
    tag(project, E2E_BACKUP_PATH="third")
    assert (project / "third" / "catalog.db").exists()
    assert not (project / "kept").exists()
    tag(project)
    assert (project / "kept" / "catalog.db").exists()
    (project / "snapstore.yaml").write_text("database: db.sqlite3\n")
    tag(project, SNAPSTORE_STORE="", E2E_BACKUP_PATH="")
    assert len(list((project / "data" / "snapstore").iterdir())) == 1
    raised(ConfigurationError, 13, found, project, store="")


def test_stores_by_default_are_apart_for_every_project(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_database(tmp_path / name / "db.sqlite3", rows=3)
        tag(tmp_path, db=f"{name}/db.sqlite3")
        tag(tmp_path, db=os.fspath(tmp_path / "one" / ".." / name / "db.sqlite3"))
    assert len(list((tmp_path / "data" / "snapstore").iterdir())) == 2


def test_a_database_that_is_given_goes_before_the_file(project: Path) -> None:
    make_database(project / "other.sqlite3", rows=77)
    tag(project, db="other.sqlite3", store="s")
    with found(project, store="s") as snap:
        assert snap.show("x").databases["default"].tables["item"] == 77
    raised(ConfigurationError, 13, found, project, db="")


def test_name_of_the_backup_and_timeout_are_taken_from_the_file(project: Path) -> None:
    (project / "snapstore.yaml").write_text("database: db.sqlite3\nstore: s\nbackup_name: net\ntimeout: 0.5\n")
    with found(project) as snap:
        assert snap.seconds(None) == 0.5
        assert snap.backup().name == "net"
        assert not snap.restore().changed
        assert snap.delete_backup().name == "net"


@pytest.mark.parametrize("twin", ["db.sqlite3", "./db.sqlite3", "link.sqlite3", "hard.sqlite3"])
def test_two_names_for_one_file_are_refused(project: Path, twin: str) -> None:
    (project / "link.sqlite3").symlink_to("db.sqlite3")
    (project / "hard.sqlite3").hardlink_to(project / "db.sqlite3")
    (project / "snapstore.yaml").write_text(f"databases: {{default: db.sqlite3, queue: {twin}}}\nstore: s\n")
    error = raised(ConfigurationError, 13, found, project)
    assert "'default'" in str(error)
    assert "'queue'" in str(error)
    assert not (project / "s").exists()
