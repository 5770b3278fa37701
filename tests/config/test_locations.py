"""Locations without any command line: from plain values and a mapping of environment variables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore.config.configuration import Configuration
from snapstore.config.keys import load
from snapstore.config.locations import Locations
from snapstore.config.reader import MOST_BYTES
from snapstore.errors import ConfigurationError, NoDatabaseNamed
from snapstore.project import DEFAULT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a configuration of two databases."""
    (tmp_path / "snapstore.yaml").write_text("databases: {default: a.db, the-queue: b.db}\nstore: kept\ntimeout: 3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_here_or_above_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    found = Locations(environ={})
    assert found.config_path == os.fspath(folder / "snapstore.yaml")
    assert found.folder == os.fspath(folder)
    assert found.store_path == os.fspath(folder / "kept")
    assert found.configuration.timeout == 3
    assert found.project.databases == {DEFAULT: os.fspath(folder / "a.db"), "the-queue": os.fspath(folder / "b.db")}


def test_an_explicit_choice_wins_over_a_variable_and_that_over_the_file(folder: Path) -> None:
    environ = {"SNAPSTORE_STORE": "second", "E2E_BACKUP_PATH": "third"}
    assert Locations(store="first", environ=environ).store_path == os.fspath(folder / "first")
    assert Locations(environ=environ).store_path == os.fspath(folder / "second")
    assert Locations(environ={"E2E_BACKUP_PATH": "third"}).store_path == os.fspath(folder / "third")


def test_a_database_of_the_file_means_the_file(folder: Path) -> None:
    (folder / "a.db").touch()
    (folder / "other-name").symlink_to("a.db")
    os.link(folder / "a.db", folder / "second")
    (folder / "below").mkdir()
    plain = Locations(environ={})
    for db, below in (("a.db", ""), ("other-name", ""), ("second", ""), ("../a.db", "below"), ("b.db", "")):
        found = Locations(db=db, environ={}, folder=os.path.join(folder, below))
        assert (found.config_path, found.configuration) == (plain.config_path, plain.configuration)
        assert (found.project, found.store_path, found.folder) == (plain.project, plain.store_path, plain.folder)
        assert found.given_databases == plain.given_databases
        assert found.arguments() == plain.arguments()
    named = Locations("snapstore.yaml", "a.db", environ={})
    assert (named.project, named.store_path) == (plain.project, plain.store_path)


def test_another_database_means_no_file(folder: Path) -> None:
    found = Locations(db="c.db", environ={})
    assert found.config_path is None
    assert found.configuration == Configuration()
    assert found.project.databases == {DEFAULT: os.fspath(folder / "c.db")}


def test_a_file_may_be_named_beside_a_database(folder: Path) -> None:
    found = Locations("snapstore.yaml", "c.db", environ={})
    assert found.configuration.timeout == 3
    assert found.project.databases == {DEFAULT: os.fspath(folder / "c.db")}


def test_without_a_database_the_error_names_the_file(folder: Path) -> None:
    (folder / "snapstore.yaml").write_text("store: kept\n")
    with pytest.raises(NoDatabaseNamed, match=r"snapstore\.yaml"):
        _ = Locations(environ={}).project


@pytest.mark.parametrize("given", [{"config": ""}, {"db": ""}, {"store": ""}])
def test_an_empty_path_is_an_error(folder: Path, given: dict[str, str]) -> None:
    found = Locations(**given, environ={})
    with pytest.raises(ConfigurationError, match="is empty"):
        _ = (found.project, found.store_path)


@pytest.mark.parametrize(("value", "is_set"), [("true", True), (" YES ", True), ("1", True), ("0", False), ("", False)])
def test_a_variable_is_set_where_it_says_yes(value: str, *, is_set: bool) -> None:
    assert Locations(environ={"E2E_NO_BACKUP": value}).is_set("E2E_NO_BACKUP") == is_set
    assert not Locations(environ={}).is_set("E2E_NO_BACKUP")


def test_commands_beside_a_suite_learn_where_databases_and_store_are(folder: Path) -> None:
    assert Locations(environ={"PATH": "/bin"}).environment() == {
        "PATH": "/bin",
        "SNAPSTORE_STORE": os.fspath(folder / "kept"),
        "SNAPSTORE_DATABASE": os.fspath(folder / "a.db"),
        "SNAPSTORE_DATABASE_DEFAULT": os.fspath(folder / "a.db"),
        "SNAPSTORE_DATABASE_THE_QUEUE": os.fspath(folder / "b.db"),
    }


def test_arguments_lead_another_process_to_the_same_locations(folder: Path) -> None:
    path, store = os.fspath(folder / "snapstore.yaml"), os.fspath(folder / "kept")
    assert Locations(environ={}).arguments() == ["--store", store, "--config", path]
    assert Locations(db="c.db", store="s", environ={}).arguments() == ["--store", os.path.abspath("s"), "--db", "c.db"]


def test_the_rules_of_a_suite_and_of_comparisons_are_read_from_one_file(folder: Path) -> None:
    (folder / "snapstore.yaml").write_text(
        "database: a.db\nbackup_name: net\ntimeout: 2\nsequences: ignore\nignore: {tables: [t]}\n"
        "run: {attempts: 5, verdicts: {leaked: warn}}\nprune: {keep_last: 2, auto: {size: 1.5 kB}}\n"
    )
    found = load("snapstore.yaml")
    assert found.suite.backup_name == found.backup_name == "net"
    assert found.suite.timeout == found.timeout == 2
    assert found.suite.rows is found.policy
    assert (found.policy.tables, found.policy.sequences) == (("t",), "ignore")
    assert (found.suite.attempts, found.suite.decisions["leaked"], found.suite.decisions["clean"]) == (
        5,
        "warn",
        "pass",
    )
    assert (found.prune.policy.keep_last, found.prune.auto.size, found.prune.grace) == (2, 1500, None)


def test_user_folders_follow_the_variables_that_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of this process are someone else's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(tmp_path / "other"))
    monkeypatch.setenv("XDG_DATA_HOME", os.fspath(tmp_path / "other"))
    user = tmp_path / "config" / "snapstore" / "snapstore.yaml"
    user.parent.mkdir(parents=True)
    user.write_text("database: app.db\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    environ = {"XDG_CONFIG_HOME": os.fspath(tmp_path / "config"), "XDG_DATA_HOME": os.fspath(tmp_path / "data")}
    found = Locations(environ=environ, folder=os.fspath(empty))
    assert found.config_path == os.fspath(user)
    assert os.path.dirname(found.store_path) == os.fspath(tmp_path / "data" / "snapstore")


@pytest.mark.parametrize("text", ["# {}\n", 'x: "{}"\n', "{}"], ids=["comment", "scalar", "plain"])
def test_a_file_that_is_too_long_is_not_parsed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "snapstore.yaml"
    path.write_text("database: db.sqlite3\n" + text.format("x" * MOST_BYTES))
    with pytest.raises(ConfigurationError, match="longer than 1,048,576 bytes"):
        load(str(path))
    path.write_text("database: db.sqlite3\n#".ljust(MOST_BYTES))
    assert load(str(path)).databases


def test_a_device_as_configuration_ends(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load("/dev/zero")
