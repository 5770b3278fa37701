"""`clean`: the rows of a snapshot come back one by one, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.compare.ignore_rules import Policy
from tests.api.live import Live
from tests.api.row_cases import ROWS
from tests.api.test_diff_sql import CHECKED
from tests.contents import contents, demand_sound
from tests.patches import with_python
from tests.support import JOURNAL_MODES, Application, connect

COUNTED = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)",
    "CREATE TABLE sessions (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users)",
    "CREATE TABLE cache_a (k, v)",
    "CREATE TABLE cache_b (k, v)",
    "INSERT INTO users(name) VALUES ('ann'), ('bob')",
    "INSERT INTO sessions(user) VALUES (1), (2)",
)


@pytest.fixture
def live(tmp_path: Path, name: str) -> Iterator[Live]:
    with Live(tmp_path, ROWS[name].made) as live:
        live.tag()
        yield live


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path, COUNTED) as live:
        live.tag()
        yield live


@pytest.mark.parametrize("name", ROWS)
def test_rows_come_back_and_undo_goes_back_and_forth(live: Live, name: str) -> None:
    baseline, before = live.head(), contents(live.path)
    live.do(*ROWS[name].done)
    after = contents(live.path)
    result = live.clean()
    assert result.changed
    for wanted in (before, after, before):
        assert contents(live.path) == wanted
        demand_sound(live.path)
        assert live.verify(snapshot=baseline).ok == (wanted == before)
        if wanted == before:
            assert not live.clean(snapshot=baseline).changed
        else:
            assert live.verify(snapshot=result.safety).verdict == "clean"
        assert live.snap.undo().changed


@pytest.mark.parametrize("name", ROWS)
def test_the_sql_of_a_dry_run_does_the_same_and_the_dry_run_changes_nothing(live: Live, name: str) -> None:
    before = contents(live.path)
    live.do(*ROWS[name].done)
    after, copy, file = contents(live.path), live.copy("copy.sqlite3"), live.path.read_bytes()
    result = live.clean(dry_run=True)
    (planned,) = result.databases.values()
    assert (result.safety, planned.statements) == (None, len(planned.sql))
    assert live.path.read_bytes() == file
    assert contents(live.path) == after
    with_python(copy, "".join(f"{statement};\n" for statement in planned.sql))
    assert contents(copy) == (after if name == CHECKED else before)
    assert live.clean().databases["default"].tables == planned.tables


@pytest.mark.parametrize("name", ROWS)
def test_after_a_clean_new_rows_get_the_same_numbers_as_before(live: Live, name: str) -> None:
    unused = live.copy("unused.sqlite3")
    live.do(*ROWS[name].done)
    live.clean()
    for path in (unused, live.path):
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA foreign_keys = ON")
            for statement in ROWS[name].done:
                connection.execute(statement)
    assert contents(live.path) == contents(unused)


@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_an_open_connection_sees_the_cleaned_rows(tmp_path: Path, journal_mode: str) -> None:
    with (
        Live(tmp_path, COUNTED, journal_mode) as live,
        Application(live.path) as application,
        Application(live.path) as idle,
    ):
        for process in (application, idle):
            assert process.ask(f"PRAGMA journal_mode = {journal_mode}") == [[journal_mode]]
        idle.ask("SELECT * FROM users")
        live.tag()
        application.ask("INSERT INTO users(name) VALUES ('cid')")
        application.ask("UPDATE users SET name = 'anne' WHERE id = 1")
        assert live.clean().changed
        for process in (application, idle):
            assert process.ask("SELECT * FROM users") == [[1, "ann"], [2, "bob"]]
            assert process.ask("PRAGMA journal_mode") == [[journal_mode]]
            assert process.ask("PRAGMA integrity_check") == [["ok"]]
        assert application.ask("INSERT INTO users(name) VALUES ('dan') RETURNING id") == [[3]]


def test_a_clean_database_is_left_alone(counted: Live) -> None:
    file = counted.path.read_bytes()
    result = counted.clean()
    assert (result.changed, result.safety) == (False, None)
    assert counted.path.read_bytes() == file
    counted.do("DELETE FROM users WHERE id = 1", "INSERT INTO users VALUES (1, 'ann')")
    assert not counted.clean().changed


@pytest.mark.parametrize(
    "policy", [Policy(keep=("cache_*",)), Policy(tables=("CACHE_*",)), Policy(("cache_a",), keep=("cache_b",))]
)
def test_tables_that_are_kept_or_ignored_stay_as_they_are(counted: Live, policy: Policy) -> None:
    counted.do("INSERT INTO cache_a VALUES (1, 2)", "INSERT INTO cache_b VALUES (3, 4)", "DELETE FROM sessions")
    left = {name: contents(counted.path)[name] for name in ("cache_a", "cache_b")}
    result = counted.clean(policy)
    assert list(result.databases["default"].tables) == ["sessions"]
    assert {name: contents(counted.path)[name] for name in left} == left
    assert counted.counts() == {"cache_a": (1, 0, 0), "cache_b": (1, 0, 0)}
    assert counted.clean().changed
    assert counted.counts() == {}


def test_the_sequence_of_a_kept_table_stays_and_that_of_others_comes_back(counted: Live) -> None:
    counted.do("CREATE TABLE kept (id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO kept VALUES (5)")
    counted.tag()
    counted.do("INSERT INTO kept VALUES (50)", "INSERT INTO users VALUES (60, 'x')", "DELETE FROM users WHERE id = 60")
    assert counted.clean(Policy(keep=("kept",))).changed
    assert contents(counted.path)["sqlite_sequence"] == _sequences(kept=50, users=2)


def test_rows_that_differ_in_ignored_columns_alone_stay(counted: Live) -> None:
    counted.do("ALTER TABLE users ADD COLUMN seen")
    counted.tag()
    counted.do(
        "UPDATE users SET seen = 1", "UPDATE users SET name = 'bo' WHERE id = 2", "INSERT INTO users VALUES (9, 'x', 2)"
    )
    counted.clean(Policy(columns=("users.seen",)))
    rows = contents(counted.path)["users"]
    assert len(rows) == 2
    assert rows[0].endswith("b'text', b'ann', b'integer', 1)")
    assert "b'bob'" in rows[1]
    assert counted.verify(Policy(columns=("seen",))).ok


def _sequences(**wanted: Any) -> list[str]:
    return sorted(repr((b"text", name.encode(), b"integer", number)) for name, number in wanted.items())


def test_rows_of_an_earlier_snapshot_come_back_and_head_moves_to_it(counted: Live) -> None:
    first = counted.head()
    before = contents(counted.path)
    counted.do("INSERT INTO users(name) VALUES ('cid')")
    later = counted.tag("later")
    counted.do("DELETE FROM sessions")
    assert counted.clean(snapshot=first).snapshot == first
    assert counted.head() == first
    assert contents(counted.path) == before
    counted.clean(snapshot=later)
    assert counted.counts() == {}
    assert len(contents(counted.path)["users"]) == 3
