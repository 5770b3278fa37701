"""`status`: how the live databases differ from HEAD."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.errors import UnknownRule
from tests.api.folders import Configured, Single, counts_of, refused
from tests.contents import execute

MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE TABLE cache (k, v)",
    "INSERT INTO users(name) VALUES ('ann'), ('bob'), ('cid')",
)
CASES: dict[str, tuple[tuple[str, ...], str, dict[str, tuple[int, int, int]], tuple[str, ...]]] = {
    "leaked": (("INSERT INTO users(name) VALUES ('x'), ('y')",), "leaked", {"users": (2, 0, 0)}, ()),
    "damaged": (
        (
            "DELETE FROM users WHERE id = 1",
            "UPDATE users SET name = 'z' WHERE id = 2",
            "INSERT INTO cache VALUES (1, 2)",
        ),
        "damaged",
        {"cache": (1, 0, 0), "users": (0, 1, 1)},
        (),
    ),
    "drifted": (("INSERT INTO users(name) VALUES ('x')", "DELETE FROM users WHERE name = 'x'"), "drifted", {}, ()),
    "schema": (
        ("CREATE INDEX names ON users(name)", "DELETE FROM users"),
        "schema-changed",
        {"users": (0, 3, 0)},
        ("names",),
    ),
    "setting": (("PRAGMA user_version = 3",), "schema-changed", {}, ("user_version",)),
}
"""Statements; the verdict, the rows and the names in the schema that they lead to."""


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Single]:
    with Single(tmp_path) as snap:
        execute(snap.database, *MADE)
        snap.tag("baseline")
        yield snap


@pytest.mark.parametrize("case", CASES)
def test_it_says_how_a_database_differs(kept: Single, case: str) -> None:
    done, verdict, tables, schema = CASES[case]
    execute(kept.database, *done)
    found = kept.status()
    assert (found.verdict, found.state_ok) == (verdict, verdict == "drifted")
    one = found.databases["default"]
    assert (one.verdict, counts_of(one.tables), one.schema) == (verdict, tables, schema)
    assert (one.path, one.names, one.head) == (str(kept.database), ("baseline",), kept.show("baseline").snapshot)
    assert 0 < one.pages_changed <= max(one.pages, one.head_pages)


def test_a_clean_database_has_nothing_that_differs(kept: Single) -> None:
    found = kept.status()
    assert (found.state_ok, found.verdict, found.settled) == (True, "clean", None)
    one = found.databases["default"]
    assert (one.tables, one.schema, one.pages_changed, one.pages, one.head_pages) == ({}, (), 0, 4, 4)
    kept.rm("baseline")
    assert kept.status().databases["default"].names == ()


def test_rules_and_several_databases_count_here_too(tmp_path: Path) -> None:
    with Configured(tmp_path, default=MADE, queue=MADE, third=MADE) as folder:
        folder.snap.tag("baseline")
        execute(folder.databases["default"], "INSERT INTO cache VALUES (1, 2)")
        execute(folder.databases["queue"], "DELETE FROM users")
        found = folder.snap.status()
        verdicts = {name: one.verdict for name, one in found.databases.items()}
        assert verdicts == {"default": "leaked", "queue": "damaged", "third": "clean"}
        assert (found.verdict, found.state_ok) == ("damaged", False)
        snap = folder.configure("ignore: {tables: [cache]}\n")
        assert snap.status().databases["default"].verdict == "drifted"
        snap = folder.configure("ignore: {tables: [cash]}\n")
        with refused(folder, UnknownRule, 13) as raised:
            snap.status()
        assert raised.value.rule == "cash"


def test_status_follows_restore_clean_and_undo(kept: Single) -> None:
    execute(kept.database, "DELETE FROM users WHERE id = 3")
    kept.clean()
    assert kept.status().verdict in ("clean", "drifted")
    kept.undo()
    assert kept.status().verdict == "clean"
    kept.restore("baseline")
    found = kept.status()
    assert (found.verdict, found.databases["default"].names) == ("clean", ("baseline",))
