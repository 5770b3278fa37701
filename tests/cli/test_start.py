"""A command loads no library that it does not use: no YAML, APSW, Jinja2, platformdirs or network library."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import ENVIRONMENT, Snap, connect

OF_OTHERS = {"snapstore.results.suites", "snapstore.results.remotes", "snapstore.remotes"}
"""Modules that commands about neither suites nor remotes do without: the results of suites alone cost a tenth."""
LATE = {"yaml", "apsw", "jinja2", "platformdirs", "urllib.request", "http.client", "ssl", "obstore"}


def loaded(snap: Snap, *arguments: str, places: bool = True, code: int = 0) -> set[str]:
    """Return the modules that a command imports, as Python itself reports them."""
    where = ["--db", str(snap.database), "--store", str(snap.store)] if places else []
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "snapstore", *where, *arguments],
        cwd=snap.folder,
        env={**ENVIRONMENT, "XDG_CONFIG_HOME": str(snap.folder), "XDG_DATA_HOME": str(snap.folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    return set(re.findall(r"^import time: .*\| +(\S+)$", done.stderr, re.MULTILINE))


def test_the_version_loads_no_library_for_data(snap: Snap) -> None:
    found = loaded(snap, "--version", places=False)
    assert "click" in found
    assert found & (LATE | {"sqlean", "sqlite3"}) == set()


@pytest.mark.parametrize(
    "command",
    [
        ["tag", "again"],
        ["restore", "baseline"],
        ["verify", "baseline"],
        ["diff", "baseline"],
        ["clean", "baseline"],
        ["status"],
        ["log"],
        ["tags"],
        ["undo"],
    ],
    ids=lambda command: command[0],
)
def test_an_ordinary_command_loads_no_library_it_does_not_need(snap: Snap, command: list[str]) -> None:
    snap("tag", "baseline")
    with closing(connect(snap.database)) as connection:
        connection.execute("INSERT INTO item (name) VALUES ('left behind')")
    if command == ["undo"]:
        snap("restore", "baseline")
    found = loaded(snap, *command, code=1 if command[0] == "verify" else 0)
    assert "sqlean" in found
    assert found & (LATE | OF_OTHERS) == set()


def test_a_configuration_and_a_query_of_a_snapshot_load_what_reads_them(snap: Snap) -> None:
    snap("tag", "baseline")
    assert loaded(snap, "query", "baseline", "SELECT 1") & LATE == {"apsw"}
    (snap.folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    assert loaded(snap, "status", places=False) & LATE == {"yaml"}


def test_remotes_cost_nothing_but_where_they_are_meant(snap: Snap) -> None:
    (snap.folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    remotes = {name for name in loaded(snap, "tag", "baseline", places=False) if "snapstore.remotes" in name}
    assert remotes <= {"snapstore.remotes", "snapstore.remotes.settings"}
    loaded(snap, "remote", "add", "origin", "team", places=False)
    for command in (["push", "baseline"], ["fetch"], ["pull", "baseline"], ["restore", "baseline"], ["remote"]):
        found = loaded(snap, *command, places=False)
        assert found & LATE == {"yaml"}, command
        assert ("snapstore.remotes.log" in found) == (command[0] in ("push", "fetch", "pull")), command


def test_the_check_itself_sees_what_is_loaded(tmp_path: Path) -> None:
    code = "import yaml, http.client"
    done = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    assert {"yaml", "http.client"} <= set(re.findall(r"^import time: .*\| +(\S+)$", done.stderr, re.MULTILINE))
