"""`ignore: rows:`: conditions in SQL that leave rows of one table out of comparisons."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.errors import ConfigurationError, UnknownRule
from tests.api.folders import Configured, counts_of, refused
from tests.contents import apply, execute
from tests.database.generated import opened
from tests.support import connect

MADE = (
    "CREATE TABLE config (name TEXT COLLATE NOCASE PRIMARY KEY, value, mtime INT)",
    "CREATE TABLE cache (id INTEGER PRIMARY KEY, keyname TEXT, value)",
    "CREATE TABLE log (text, level)",
    "CREATE VIRTUAL TABLE docs USING fts5(body)",
    "INSERT INTO config VALUES ('backoffice', '1', 1), ('site', 'x', 1), ('null', NULL, NULL)",
    "INSERT INTO cache VALUES (1, 'wiki:a', 'x'), (2, 'page:b', 'y'), (3, 'wiki:c', 'z')",
    "INSERT INTO log VALUES ('a', 1), ('b', 2)",
)


@pytest.fixture(params=["delete", "wal"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Configured]:
    with Configured(tmp_path, default=(f"PRAGMA journal_mode = {request.param}", *MADE)) as folder:
        folder.snap.tag("baseline")
        yield folder


def rules(folder: Configured, **conditions: str | list[str]) -> None:
    folder.configure(f"ignore: {json.dumps({'rows': conditions})}\n")


def do(folder: Configured, *statements: str) -> None:
    execute(folder.databases["default"], *statements)


def counts(folder: Configured) -> dict[str, tuple[int, int, int]]:
    return counts_of(folder.snap.diff().databases["default"].tables)


def seen(folder: Configured, sql: str) -> list[tuple[object, ...]]:
    with closing(connect(folder.databases["default"])) as connection:
        found: list[tuple[object, ...]] = connection.execute(sql).fetchall()
        return found


def test_a_row_under_a_condition_does_not_count_anywhere(project: Configured) -> None:
    rules(project, config="name = 'BackOffice'", cache="keyname GLOB 'wiki:*'")
    do(
        project,
        "REPLACE INTO config VALUES ('BACKOFFICE', '2', 7)",
        "DELETE FROM cache WHERE id = 1",
        "UPDATE cache SET value = 9 WHERE id = 3",
        "INSERT INTO cache VALUES (4, 'wiki:d', 'new')",
    )
    assert project.snap.diff().identical
    result = project.snap.verify()
    assert (result.verdict, result.ok) == ("drifted", True)
    assert result.databases["default"].drift.ignored_rows == {"config": 1, "cache": 3}
    assert project.snap.status().state_ok
    assert not project.snap.clean().changed
    assert not project.snap.verify(strict=True).ok
    assert counts_of(project.snap.diff(ignore=False).databases["default"].tables) == {
        "config": (0, 0, 1),
        "cache": (1, 1, 1),
    }
    found = project.snap.suggest_ignore("baseline", "live")
    assert (found.tables, found.columns) == ((), ())


def test_other_rows_of_the_table_count(project: Configured) -> None:
    rules(project, config="name = 'backoffice'", cache=["keyname = 'wiki:a'", "id > 100"])
    do(
        project,
        "UPDATE config SET value = value || '!'",
        "DELETE FROM cache",
        "INSERT INTO cache VALUES (101, 'x', 1), (4, 'x', 1)",
    )
    assert counts(project) == {"config": (0, 0, 1), "cache": (1, 2, 0)}
    assert project.snap.verify().verdict == "damaged"
    assert project.snap.clean().changed
    assert project.snap.verify().ok
    assert seen(project, "SELECT name, value FROM config ORDER BY name") == [
        ("backoffice", "1!"),
        ("null", None),
        ("site", "x"),
    ]
    assert [row[0] for row in seen(project, "SELECT id FROM cache ORDER BY id")] == [2, 3, 101]


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        ("UPDATE cache SET keyname = 'page:a' WHERE id = 1", True),  # was ignored
        ("UPDATE cache SET keyname = 'wiki:b' WHERE id = 2", True),  # would be ignored
        ("UPDATE cache SET keyname = NULL WHERE id = 1", True),  # the condition is NULL
        ("UPDATE cache SET keyname = 'wiki:other' WHERE id = 1", False),
        ("INSERT INTO cache VALUES (9, NULL, 1)", True),
    ],
)
def test_a_row_counts_unless_both_sides_are_ignored(project: Configured, change: str, *, counted: bool) -> None:
    rules(project, cache="keyname LIKE 'wiki:%'")
    do(project, change)
    assert project.snap.verify().ok != counted
    project.snap.clean()
    left = seen(project, "SELECT id, keyname FROM cache ORDER BY id")
    assert (left == [(1, "wiki:a"), (2, "page:b"), (3, "wiki:c")]) == counted


def test_a_condition_sees_types_and_collations_of_the_table(project: Configured) -> None:
    do(project, "UPDATE config SET mtime = mtime + 1 WHERE name = 'site'")
    for condition, holds in (
        ("name = 'SITE'", True),
        ("name = 'SITE' COLLATE BINARY", False),
        ("mtime < '10'", True),  # text is turned into a number, as beside any INT column
        ("value = 'x' AND typeof(mtime) = 'integer'", True),
        ("NAME IN ('a', 'site')", True),
        ('"name" = [value]', False),
        ("name = 'site' -- and a comment", True),
        ("CASE WHEN mtime THEN 1 END", True),
        ("'1abc'", True),
        ("0.4", True),
        ("NULL", False),
    ):
        rules(project, config=condition)
        assert project.snap.verify().ok == holds, condition


def test_a_patch_leaves_ignored_rows_where_they_are(project: Configured) -> None:
    """A row that is written again takes the rowid of the row that is to come back."""
    rules(project, config="name = 'backoffice'", log="level > 5")
    do(
        project,
        "DELETE FROM config WHERE name <> 'backoffice'",
        "INSERT INTO config VALUES ('passing', 1, 1)",
        "REPLACE INTO config VALUES ('backoffice', 'new', 1)",
        "DELETE FROM config WHERE name = 'passing'",
        "DELETE FROM log",
        "INSERT INTO log VALUES ('z', 9)",
    )
    assert seen(project, "SELECT rowid FROM config") == [(3,)]
    with project.snap.differences("live", "baseline") as found:
        script = "".join(f"{one};\n" for one in found.databases[0].script())
    apply(project.databases["default"], script, foreign_keys=False)
    assert project.snap.diff().identical
    assert seen(project, "SELECT name, value FROM config ORDER BY name") == [
        ("backoffice", "new"),
        ("null", None),
        ("site", "x"),
    ]


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("name = (SELECT 1)", "subqueries prohibited"),
        ("name IN config", "subqueries prohibited"),
        ("EXISTS (SELECT 1 FROM config)", "subqueries prohibited"),
        ("name =", "syntax error"),
        ("1) OR (1", "syntax error"),
        ("1; DROP TABLE config", "syntax error"),
        ("name = 'a", "nothing ends the quote '"),
        ("1 /* ", "incomplete input"),
        (" -- nothing", "it is empty"),
        ("config.name = 'a'", "no such column: config.name"),
        ("name = ?", "parameters prohibited"),
        ("random() > 0", "non-deterministic functions prohibited"),
        ("mtime < unixepoch()", "non-deterministic use of unixepoch()"),
        ("date(mtime) < date('now')", "non-deterministic use of date()"),
        ("CURRENT_TIMESTAMP > name", "non-deterministic functions prohibited"),
        ("count(*) > 1", "misuse of aggregate"),
        ("load_extension('x')", "load_extension"),
        ("zeroblob(1000000000) = value", "function zeroblob() is not accepted"),
        ("instr(value, name)", "function instr() is not accepted"),
        ("own(name)", "no such function: own"),
        ("value REGEXP 'x'", "no such function: REGEXP"),
        ("x" * 20_000, "longer than"),
        (f"0 IN ({', '.join(f'a{number}' for number in range(1_500))})", "more than 1,000 names"),
    ],
)
def test_a_condition_is_checked_when_the_configuration_is_read(tmp_path: Path, condition: str, problem: str) -> None:
    with Configured(tmp_path, default=MADE[:1]) as folder:
        text = f"ignore:\n  rows:\n    log: 1\n    config: {json.dumps(condition)}\n"
        with pytest.raises(ConfigurationError) as raised:
            folder.configure(text)
        assert problem in str(raised.value)
        assert "'ignore.rows.config'" in str(raised.value)
        assert (raised.value.file, raised.value.line) == (str(tmp_path / "snapstore.yaml"), 6)


@pytest.mark.parametrize("rows", ["[config]", "config", "{config: }", "{config: {a: b}}", "{config: ['']}"])
def test_conditions_stand_beside_tables(tmp_path: Path, rows: str) -> None:
    with Configured(tmp_path, default=MADE[:1]) as folder, pytest.raises(ConfigurationError) as raised:
        folder.configure(f"ignore:\n  rows: {rows}\n")
    assert raised.value.line == 4


@pytest.mark.parametrize(
    ("table", "condition", "problem"),
    [
        ("config", "nam = 'site'", "no such column: nam; the columns are name, value, mtime"),
        ("config", 'name = "site"', 'no such column: "site"'),
        ("config", "rowid = 2", "no such column: rowid"),
        ("docs", "body = 'x'", "virtual"),
    ],
)
def test_a_condition_has_to_fit_its_table(project: Configured, table: str, condition: str, problem: str) -> None:
    rules(project, **{table: condition})
    for verb in (project.snap.verify, project.snap.diff, project.snap.status, project.snap.clean):
        with refused(project, ConfigurationError, 13) as raised:
            verb()
        assert problem in str(raised.value)
        assert raised.value.line == 3
    assert project.snap.diff(ignore=False).identical


def test_a_table_is_named_as_it_is_or_in_quotes(tmp_path: Path) -> None:
    made = (
        'CREATE TABLE "a.b*" (k PRIMARY KEY, v)',
        "CREATE TABLE ab (k PRIMARY KEY, v)",
        "INSERT INTO ab VALUES (1, 1)",
    )
    with Configured(tmp_path, default=(*made, 'INSERT INTO "a.b*" VALUES (1, 1)')) as folder:
        folder.snap.tag("baseline")
        do(folder, 'UPDATE "a.b*" SET v = 2')
        for name in ("a.b*", "A.B*", '"a.b*"'):
            rules(folder, **{name: "k = 1"})
            assert folder.snap.verify().ok, name
        do(folder, "UPDATE ab SET v = 2")
        assert counts(folder) == {"ab": (0, 0, 1)}


def test_a_condition_on_no_table_is_an_error(project: Configured) -> None:
    rules(project, confg="1")
    with refused(project, UnknownRule, 13) as raised:
        project.snap.verify()
    assert raised.value.nearest == "config"


def test_a_condition_that_fails_on_a_row_is_an_error(project: Configured) -> None:
    rules(project, cache="json_extract(value, '$.volatile')")
    assert project.snap.verify().ok
    do(project, """UPDATE cache SET value = '{"volatile": true}' WHERE id = 1""")
    with refused(project, ConfigurationError, 13) as raised:
        project.snap.verify()
    assert "malformed JSON" in str(raised.value)
    rules(project, cache="json_valid(value) AND json_extract(value, '$.volatile')")
    assert not project.snap.verify().ok
    do(project, "INSERT INTO cache VALUES (7, 'b', '{\"volatile\": 1}')", "UPDATE cache SET value = 'x' WHERE id = 1")
    assert project.snap.verify().ok


def test_a_condition_may_name_a_table_of_one_of_several_databases(tmp_path: Path) -> None:
    other = ("CREATE TABLE config (id INTEGER PRIMARY KEY, at)", "INSERT INTO config VALUES (1, 1)")
    with Configured(tmp_path, default=MADE, queue=other) as folder:
        folder.snap.tag("baseline")
        rules(folder, config="name = 'site'")
        do(folder, "UPDATE config SET mtime = 9 WHERE name = 'site'")
        assert folder.snap.verify().ok
        execute(folder.databases["queue"], "UPDATE config SET at = 2")
        assert not folder.snap.verify().ok


def test_a_column_that_only_the_later_side_has_counts_with_its_default(project: Configured) -> None:
    do(project, "ALTER TABLE cache ADD COLUMN kind TEXT DEFAULT 'volatile'", "UPDATE cache SET value = 0 WHERE id = 1")
    rules(project, cache="kind = 'volatile'")
    assert counts(project) == {}
    do(project, "UPDATE cache SET kind = 'kept' WHERE id = 2")
    assert counts(project) == {"cache": (0, 0, 1)}


def test_a_collation_of_the_application_is_an_error_only_where_it_is_needed(tmp_path: Path) -> None:
    with Configured(tmp_path, default=()) as folder, closing(opened(folder.databases["default"])) as connection:
        connection.execute('CREATE TABLE t (k TEXT COLLATE own PRIMARY KEY, v, "odd ]name" TEXT)')
        connection.execute("INSERT INTO t VALUES ('a', 1, 'X'), ('b', 2, 'Y')")
        folder.snap.tag("baseline")
        connection.execute("UPDATE t SET v = 5 WHERE k = 'a'")
        rules(folder, t="length(k) = 1 AND \"ODD ]name\" = 'X'")
        assert folder.snap.verify().ok
        rules(folder, t="k = 'a'")
        with refused(folder, ConfigurationError, 13) as raised:
            folder.snap.verify()
        assert "no such collation sequence: own" in str(raised.value)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_a_condition_sees_text_as_it_is_stored(tmp_path: Path, encoding: str) -> None:
    made = (
        f"PRAGMA encoding = '{encoding}'",
        "CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, v)",
        "INSERT INTO t VALUES ('Ä', 1), ('b', 2), (CAST(x'ff00d800' AS TEXT), 3), (x'00', 4)",
    )
    with Configured(tmp_path, default=made) as folder:
        folder.snap.tag("baseline")
        do(folder, "UPDATE t SET v = v + 10")
        for condition, left in (("k = 'Ä'", 3), ("k = 'B'", 3), ("typeof(k) = 'text'", 1), ("k = x'00'", 3)):
            rules(folder, t=condition)
            assert counts(folder) == {"t": (0, 0, left)}, condition


def test_no_pattern_and_no_value_keeps_a_condition_busy(project: Configured) -> None:
    """Patterns from a column are bounded too; what goes over the bound is an error, never a row that is left out."""
    rules(project, cache="value = 'x' OR value LIKE keyname")
    do(
        project,
        "UPDATE cache SET value = printf('%.*c', 100000, 'a'), keyname = printf('%.*c', 20000, '_') WHERE id = 1",
    )
    with refused(project, ConfigurationError, 13) as raised:
        project.snap.verify()
    assert "too complex" in str(raised.value)
