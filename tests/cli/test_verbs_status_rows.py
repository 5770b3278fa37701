"""`status` in rows: what differs from HEAD, in a line a database."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.hands import error_of, execute, json_keys
from tests.cli.rows import Folder, Inside

MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE TABLE cache (k, v)",
    "INSERT INTO users(name) VALUES ('ann'), ('bob'), ('cid')",
)
CASES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "leaked": (("INSERT INTO users(name) VALUES ('x'), ('y')",), "leaked", "users 2 added ("),
    "damaged": (
        (
            "DELETE FROM users WHERE id = 1",
            "UPDATE users SET name = 'z' WHERE id = 2",
            "INSERT INTO cache VALUES (1, 2)",
        ),
        "damaged",
        "cache 1 added; users 1 removed, 1 changed (",
    ),
    "drifted": (
        ("INSERT INTO users(name) VALUES ('x')", "DELETE FROM users WHERE name = 'x'"),
        "drifted",
        "rows equal, ",
    ),
    "schema": (
        ("CREATE INDEX names ON users(name)", "DELETE FROM users"),
        "schema-changed",
        "schema changed (names); users 3 removed (",
    ),
    "setting": (("PRAGMA user_version = 3",), "schema-changed", "schema changed (user_version) ("),
}


@pytest.fixture
def kept(tmp_path: Path) -> Inside:
    snap = Inside(tmp_path)
    execute(snap.database, *MADE)
    snap("tag", "baseline")
    return snap


@pytest.mark.parametrize("case", CASES)
def test_a_line_says_how_it_differs(kept: Inside, case: str) -> None:
    done, verdict, text = CASES[case]
    execute(kept.database, *done)
    (line,) = kept("status").stdout.splitlines()
    assert line.startswith(f"default: {verdict} since baseline (")
    assert text in line
    one = kept.json("status")["databases"]["default"]
    json_keys(one, "clean", "verdict", "tables", "schema", "pages_changed", "pages", "head")
    assert (one["clean"], one["verdict"]) == (False, verdict)


def test_a_clean_database_says_what_it_is_like(kept: Inside) -> None:
    id_ = kept.json("show", "baseline")["snapshot"]
    assert kept("status").stdout == f"default: clean, as baseline ({id_[:10]}), 4 pages\n"
    found = kept.json("status")
    assert (found["clean"], found["databases"]["default"]["tables"]) == (True, {})
    kept("rm", "baseline")
    assert kept("status").stdout == f"default: clean, as {id_[:10]}, 4 pages\n"


def test_many_tables_are_summed_up(kept: Inside) -> None:
    execute(kept.database, *(f"CREATE TABLE t{number} (x)" for number in range(9)))
    kept("tag", "wide")
    execute(kept.database, *(f"INSERT INTO t{number} VALUES (1)" for number in range(9)))
    (line,) = kept("status").stdout.splitlines()
    assert "t4 1 added; 4 more tables (" in line
    assert len(kept.json("status")["databases"]["default"]["tables"]) == 9


def test_rules_and_several_databases_count_here_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path, default=MADE, queue=MADE, third=MADE)
    folder("tag", "baseline")
    execute(folder.databases["default"], "INSERT INTO cache VALUES (1, 2)")
    execute(folder.databases["queue"], "DELETE FROM users")
    lines = folder("status").stdout.splitlines()
    assert [line.split(" ")[:2] for line in lines] == [
        ["default:", "leaked"],
        ["queue:", "damaged"],
        ["third:", "clean,"],
    ]
    folder.configure("ignore: {tables: [cache]}\n")
    assert folder("status").stdout.startswith("default: drifted since baseline (")
    folder.configure("ignore: {tables: [cash]}\n")
    assert "'cash'" in error_of(folder("status", code=13))


def test_status_follows_restore_clean_and_undo(kept: Inside) -> None:
    execute(kept.database, "DELETE FROM users WHERE id = 3")
    kept("clean")
    assert kept.json("status")["databases"]["default"]["verdict"] in ("clean", "drifted")
    kept("undo")
    assert kept.json("status")["clean"]
    kept("restore", "baseline")
    assert "as baseline" in kept("status").stdout
