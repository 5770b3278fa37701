"""The options and variables that lead to a configuration, and how a mistake in one is printed.

What a configuration may say is tested in tests/api/test_configuration.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.hands import error_of, hint_of
from tests.damage.here import run_here
from tests.support import make_database, run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a database and a configuration of it."""
    make_database(tmp_path / "db.sqlite3", rows=5)
    (tmp_path / "snapstore.yaml").write_text("database: db.sqlite3\nstore: kept\n")
    monkeypatch.chdir(tmp_path)
    for name in ("DATA", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    return tmp_path


def test_a_mistake_is_printed_with_file_line_and_the_nearest_key(project: Path) -> None:
    (project / "snapstore.yaml").write_text("database: db.sqlite3\ndatabse: x\n")
    done = run(["tag", "x"], project, 13)
    assert error_of(done) == f"{project / 'snapstore.yaml'}:2: unknown key 'databse'"
    assert "'database'" in hint_of(done)
    (project / "snapstore.yaml").write_text("store: kept\n")
    done = run(["tag", "x"], project, 13)
    assert "no database" in error_of(done)
    assert "--db" in hint_of(done)
    assert not (project / "kept").exists()


def test_options_go_before_variables_and_those_before_the_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_database(project / "other.sqlite3", rows=77)
    for name in ("one", "two"):
        (project / f"{name}.yaml").write_text(f"database: {'db' if name == 'one' else 'other'}.sqlite3\n")
    monkeypatch.setenv("SNAPSTORE_CONFIG", "one.yaml")
    monkeypatch.setenv("SNAPSTORE_STORE", "second")
    assert run_here(["tag", "x"]).code == 0
    assert (project / "second").is_dir()
    assert run_here(["tag", "y", "--config", "two.yaml", "--store", "first"]).code == 0
    assert "77" in run_here(["show", "y", "--store", "first"]).out
    assert run_here(["tag", "z", "--db", "other.sqlite3"]).code == 0
    assert "77" in run_here(["show", "z"]).out
    monkeypatch.delenv("SNAPSTORE_STORE")
    monkeypatch.setenv("E2E_BACKUP_PATH", "third")
    assert run_here(["tag", "x"]).code == 0
    assert (project / "third").is_dir()
    assert not (project / "kept").exists()


@pytest.mark.parametrize("option", ["--config", "--db", "--store"])
def test_an_empty_path_is_refused(project: Path, option: str) -> None:
    done = run_here(["tag", "x", option, ""])
    assert done.code == 13
    assert "is empty" in done.err
    assert {path.name for path in project.iterdir()} == {"db.sqlite3", "snapstore.yaml"}


def test_the_backup_has_the_name_of_the_file(project: Path) -> None:
    (project / "snapstore.yaml").write_text("database: db.sqlite3\nbackup_name: net\n")
    assert run_here(["backup"]).out.startswith("net is ")
    assert run_here(["restore"]).out.startswith("already net (")
    assert run_here(["backup", "--delete"]).out.startswith("deleted net")
    (store,) = os.listdir(project / "data" / "snapstore")
    assert store.startswith(project.name)
