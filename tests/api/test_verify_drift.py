"""`verify`: what moves while all rows that count are equal is drift, and never a false alarm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from snapstore.compare.ignore_rules import Policy, Sequences
from snapstore.errors import UnknownRule
from snapstore.results.verdicts import Drift, SequenceMove
from tests.api.live import Live
from tests.api.schema_cases import ALL, SCHEMAS

MANY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "
MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, seen)",
    "CREATE TABLE bag (a, b)",
    "CREATE TABLE keyed (a, b, PRIMARY KEY (b, a)) WITHOUT ROWID",
    "CREATE TABLE cache_a (k INTEGER PRIMARY KEY, v)",
    "CREATE INDEX users_name ON users(name)",
    "CREATE VIRTUAL TABLE docs USING fts5(body)",
    "CREATE VIRTUAL TABLE old_docs USING fts4(body)",
    "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)",
    MANY + "INSERT INTO users(name) SELECT printf('%.*c', 20 + i % 50, 'n') FROM n",
    MANY + "INSERT INTO bag SELECT i % 7, 'x' FROM n",
    MANY + "INSERT INTO keyed SELECT i % 7, i FROM n",
    MANY + "INSERT INTO docs SELECT 'word' || i FROM n",
    MANY + "INSERT INTO old_docs SELECT 'word' || i FROM n",
    MANY + "INSERT INTO boxes SELECT i, i, i + 1 FROM n",
)
EQUAL_ROWS: dict[str, tuple[str, ...]] = {
    "nothing": ("SELECT 1",),
    "rows come and go": (MANY + "INSERT INTO users(name) SELECT i FROM n", "DELETE FROM users WHERE id > 300"),
    "rows go and come": ("DELETE FROM keyed WHERE b < 9", MANY + "INSERT OR IGNORE INTO keyed SELECT i % 7, i FROM n"),
    "a value and its old one": ("UPDATE users SET name = name || 'x'", "UPDATE users SET name = rtrim(name, 'x')"),
    "many pages come and go": ("CREATE TABLE big (x)", "INSERT INTO big VALUES (zeroblob(500000))", "DROP TABLE big"),
    "vacuum": ("DELETE FROM bag WHERE rowid = 1", "INSERT INTO bag VALUES (1, 'x')", "VACUUM"),
    "a table without a key rewritten": (
        "CREATE TEMP TABLE held AS SELECT * FROM bag ORDER BY a DESC",
        "DELETE FROM bag",
        "INSERT INTO bag SELECT * FROM held",
    ),
    "analyze": ("ANALYZE",),
    "reindex": ("REINDEX",),
    "full text": ("INSERT INTO docs VALUES ('new')", "DELETE FROM docs WHERE body = 'new'"),
    "full text 4": ("INSERT INTO old_docs VALUES ('new')", "DELETE FROM old_docs WHERE body = 'new'"),
    "full text in fewer pieces": ("INSERT INTO docs(docs) VALUES ('optimize')",),
    "full text rebuilt": ("INSERT INTO docs(docs) VALUES ('rebuild')",),
    "boxes": ("INSERT INTO boxes VALUES (999, 0, 5)", "DELETE FROM boxes WHERE id = 999"),
    "boxes in another order": (
        "CREATE TEMP TABLE held AS SELECT * FROM boxes ORDER BY id DESC",
        "DELETE FROM boxes",
        "INSERT INTO boxes SELECT * FROM held",
    ),
    "another journal mode": ("PRAGMA journal_mode = wal",),
    "another page size": ("PRAGMA page_size = 1024", "VACUUM"),
    "auto-vacuum": ("PRAGMA auto_vacuum = 1", "VACUUM"),
    "incremental vacuum": ("PRAGMA auto_vacuum = 2", "VACUUM", "DELETE FROM cache_a", "PRAGMA incremental_vacuum"),
    "an object that comes and goes": ("CREATE VIEW v AS SELECT 1", "DROP VIEW v"),
}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with Live(tmp_path, MADE) as live:
        live.tag()
        yield live


def drift(live: Live, policy: Policy = Policy()) -> Drift:  # noqa: B008
    """Return the drift; demand that no row that counts differs."""
    result = live.verify(policy)
    (one,) = result.databases.values()
    assert result.verdict in ("clean", "drifted"), one
    assert (one.tables, one.rows, one.leaks, one.schema) == ({}, (), (), ())
    return one.drift


@pytest.mark.parametrize("name", EQUAL_ROWS)
def test_equal_rows_raise_no_alarm(live: Live, name: str) -> None:
    live.do(*EQUAL_ROWS[name])
    drift(live)
    assert live.verify().ok


@pytest.mark.parametrize("name", ALL)
def test_a_row_or_a_schema_that_differs_is_never_overlooked(tmp_path: Path, name: str) -> None:
    case = ALL[name]
    with Live(tmp_path, case.made) as live:
        live.tag()
        live.do(*case.done)
        result = live.verify()
    assert not result.ok
    assert (result.verdict == "schema-changed") == (name in SCHEMAS)


def test_sequences_are_reported_ignored_or_fail(live: Live) -> None:
    live.do("INSERT INTO users(name) VALUES ('x')", "DELETE FROM users WHERE id = 301")
    assert drift(live).sequences == {"users": SequenceMove(300, 301)}
    verdicts: list[tuple[Sequences, bool]] = [("report", True), ("ignore", True), ("fail", False)]
    for sequences, ok in verdicts:
        result = live.verify(Policy(sequences=sequences))
        assert (result.verdict, result.ok) == ("drifted", ok)
        assert bool(result.databases["default"].drift.sequences) == (sequences != "ignore")
    live.do("UPDATE sqlite_sequence SET seq = 300")
    assert live.verify(Policy(sequences="fail")).ok


def test_ignored_tables_and_columns_drift(live: Live) -> None:
    live.do("INSERT INTO cache_a VALUES (1, 2)", "UPDATE users SET seen = 1 WHERE id < 3")
    assert live.verify().verdict == "damaged"
    found = drift(live, Policy(("CACHE_?",), ("users.seen",)))
    assert found.ignored_tables["cache_a"].added == 1
    assert found.ignored_columns == {"users": {"seen": 2}}
    assert not live.verify(Policy(("cache_*",), ("seen",)), strict=True).ok
    assert live.verify(Policy((), ("seen",))).verdict == "leaked"
    live.do("INSERT INTO users(name) VALUES ('new')")
    assert live.verify(Policy(("cache_*",), ("*.se*",))).verdict == "leaked"


def test_the_sequence_of_an_ignored_table_does_not_fail(live: Live) -> None:
    live.do("INSERT INTO users(name) VALUES ('x')")
    assert live.verify(Policy(("users",), sequences="fail")).ok


def test_an_ignored_tables_schema_does_not_count(live: Live) -> None:
    live.do("ALTER TABLE cache_a ADD COLUMN w", "CREATE INDEX cached ON cache_a(v)")
    assert live.verify().verdict == "schema-changed"
    assert drift(live, Policy(("cache_*",)))
    live.do("DROP TABLE cache_a")
    assert drift(live, Policy(("cache_*",)))


def test_an_ignored_full_text_table_is_ignored_with_its_index(live: Live) -> None:
    live.do("INSERT INTO docs VALUES ('new')", "INSERT INTO boxes VALUES (999, 0, 5)")
    assert live.verify().databases["default"].tables.keys() == {"docs", "boxes"}
    assert live.verify().verdict == "leaked"
    assert drift(live, Policy(("docs", "boxes"))).ignored_tables.keys() == {"docs", "boxes"}


@pytest.mark.parametrize(
    "policy", [Policy(("user",)), Policy((), ("sen",)), Policy((), ("users.nam",)), Policy(keep=("bagg",))]
)
def test_a_rule_that_matches_nothing_is_an_error(live: Live, policy: Policy) -> None:
    with pytest.raises(UnknownRule) as raised:
        live.verify(policy)
    assert raised.value.nearest


def test_all_rows_are_counted_and_as_many_kept_as_requested(live: Live) -> None:
    live.do("DELETE FROM users WHERE id > 50", "DELETE FROM bag WHERE a = 1")
    (one,) = live.verify(rows=10).databases.values()
    assert (len(one.rows), one.tables["users"].removed, one.tables["bag"].removed) == (10, 250, 43)
    assert one.rows_left_out == 283
