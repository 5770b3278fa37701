"""`snap status`, `log`, `tags`, `show`, `reflog`: what they print. tests/api/test_history.py has the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.hands import error_of, execute
from tests.damage.here import run_here
from tests.support import Snap, make_database


def test_status_has_a_line_for_each_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        make_database(tmp_path / f"{name}.sqlite3")
    (tmp_path / "snapstore.yaml").write_text("databases: {default: a.sqlite3, queue: b.sqlite3}\nstore: s\n")
    assert run_here(["status"]).code == 10
    run_here(["tag", "both"])
    execute(tmp_path / "b.sqlite3", "DELETE FROM item")
    first, second = run_here(["status"]).out.splitlines()
    assert first.startswith("default: clean")
    assert second.startswith("queue: damaged")


def test_status_of_one_database_is_one_line(here: Snap) -> None:
    error_of(here("status", code=10))
    here("tag", "baseline")
    assert "clean" in here("status").stdout
    execute(here.database, "UPDATE item SET name = 'x' WHERE id = 1")
    (line,) = here("status").stdout.splitlines()
    assert "damaged, against HEAD (baseline, " in line


def test_log_has_a_line_for_each_snapshot(here: Snap) -> None:
    for rows, name in ((400, "one"), (300, "two"), (200, "three")):
        execute(here.database, f"DELETE FROM item WHERE id > {rows}")
        here("tag", name, "-m", f"{rows} rows")
    here("restore", "one")
    listed = here.json("log")
    lines = here("log").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [one["snapshot"][:10] for one in listed]
    assert lines[0].endswith("three  200 rows")
    assert len(here("log", "-n", "1", "--all").stdout.splitlines()) == 1
    assert here("log", "-n", "0").stdout == ""
    for number in ("-1", "x"):
        here("log", "-n", number, code=2)
    here("rm", "two")
    here("rm", listed[1]["snapshot"])
    assert here("log", "--all").stdout.count("(forgotten)") == 1
    assert [line.split()[-3] for line in here("tags").stdout.splitlines()] == ["one", "three"]


def test_show_prints_tables_sizes_and_origin(here: Snap) -> None:
    here("tag", "baseline", "-m", "seven")
    shown = here.json("show", "baseline")
    out = here("show", "baseline").stdout
    for said in (shown["snapshot"], "seven", "500", shown["databases"]["default"]["content"], os.fspath(here.database)):
        assert said in out
    here("show", code=2)
    error_of(here("show", "nothing", code=12))


def test_reflog_begins_each_line_with_the_revision(here: Snap) -> None:
    here("tag", "work")
    here("tag", "work")
    assert here("reflog").stdout.startswith("@{0}")
    here("rm", "work", "-y")
    first, second, _ = here("reflog", "work").stdout.splitlines()
    assert first.startswith("work@{0}  gone")
    assert second.startswith("work@{1}")
    error_of(here("reflog", "nothing", code=12))
