"""One project, one store: a path that is a database of the configuration means the configuration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from snapstore import Session, Snapstore
from tests.contents import execute
from tests.support import ENVIRONMENT, run

YAML = "database: app.db\nbaseline: baseline\nignore: {tables: [sessions]}\n"
MADE = ("CREATE TABLE users (id INTEGER PRIMARY KEY)", "CREATE TABLE sessions (id INTEGER PRIMARY KEY)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a database and a configuration that ignores one of its tables."""
    execute(tmp_path / "app.db", *MADE)
    (tmp_path / "snapstore.yaml").write_text(YAML)
    return tmp_path


def places(folder: Path) -> dict[str, str]:
    return {**ENVIRONMENT, "XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "conf")}


@pytest.mark.parametrize("client", [Snapstore, Session])
def test_the_path_has_store_rules_baseline_and_ledger_of_the_project(
    folder: Path, client: type[Snapstore] | type[Session]
) -> None:
    env = places(folder)
    with client(cwd=folder, env=env) as project:
        project.tag("baseline")
        wanted = project.info()
    execute(folder / "app.db", "INSERT INTO sessions VALUES (1)")
    with client(db=folder / "app.db", cwd=folder, env=env) as given:
        found = given.info()
        assert (found.store, found.configuration, found.baseline) == (
            wanted.store,
            str(folder / "snapstore.yaml"),
            "baseline",
        )
        assert list(found.databases) == list(wanted.databases)
        assert given.verify().verdict == "drifted"  # in an ignored table
        given.begin_suite("given")
        given.end_suite()
    with client(cwd=folder, env=env) as project:
        assert [one.name for one in project.report().suites] == ["given"]
        assert [one.names for one in project.tags()] == [("baseline",)]
    assert len(list((folder / "data" / "snapstore").iterdir())) == 1


def test_the_command_line_takes_it_the_same_way(folder: Path) -> None:
    run(["tag", "baseline", "--db", "app.db"], folder)
    execute(folder / "app.db", "INSERT INTO sessions VALUES (1)")
    for options in ([], ["--db", "app.db"], ["--db", str(folder / "app.db")]):
        found = json.loads(run(["verify", "--json", *options], folder).stdout)
        assert found["compared_with"]["rev"] == "baseline"
        assert found["verdict"] == "drifted"
