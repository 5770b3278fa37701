"""Names that are not UTF-8: every verb works or is refused, and no exit code means something that did not happen."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Session
from snapstore.errors import CleanImpossible, HookFailed, SnapError
from snapstore.results.codec import from_document, to_document
from snapstore.results.diffs import Diff
from snapstore.results.rows import Counts
from tests.api.folders import Single
from tests.contents import execute, rewrite_schema
from tests.support import ENVIRONMENT, raised

MADE = (
    "CREATE TABLE tZ (id INTEGER PRIMARY KEY, cZ TEXT, UNIQUE (cZ))",
    "CREATE TABLE kZ (aZ TEXT, b, PRIMARY KEY (aZ, b)) WITHOUT ROWID",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, p REFERENCES tZ)",
    "CREATE INDEX iZ ON tZ(cZ)",
    "INSERT INTO tZ VALUES (1, 'one'), (2, 'two')",
    "INSERT INTO kZ VALUES ('one', 1)",
    "INSERT INTO child VALUES (1, 1)",
)
TABLE, KEYED, COLUMN = "t\udcff", "k\udcff", "c\udcff"


def execute_bytes(path: Path, statement: bytes) -> None:
    """Run a statement that is not UTF-8, which Python's module cannot: by way of the schema."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
    rewrite_schema(path, b"\xff", b"Z")
    execute(path, statement.replace(b"\xff", b"Z").decode())
    rewrite_schema(path, b"Z", b"\xff")


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[Single]:
    """Yield the façade for a database whose names end in a byte that is not UTF-8."""
    with Single(tmp_path) as snap:
        execute(snap.database, *MADE)
        rewrite_schema(snap.database, b"Z", b"\xff")
        snap.tag("base")
        yield snap


def test_rows_are_compared_counted_and_restored(odd: Single) -> None:
    assert odd.verify("base").verdict == "clean"
    for statement in (
        b"INSERT INTO t\xff VALUES (3, 'new')",
        b"UPDATE k\xff SET b = 2",
        b"UPDATE t\xff SET c\xff = 'ONE' WHERE id = 1",
    ):
        execute_bytes(odd.database, statement)
    found = odd.verify("base")
    assert (found.verdict, found.ok) == ("damaged", False)
    one = found.databases["default"]
    assert one.tables[TABLE] == Counts(1, 0, 1)
    assert one.tables[KEYED].total in (1, 2)
    assert {row.columns for row in one.rows if row.change == "changed" and row.table == TABLE} == {(COLUMN,)}
    diff = odd.diff("base")
    assert from_document(Diff, json.loads(json.dumps(to_document(diff)))) == diff
    assert odd.status().databases["default"].tables == one.tables
    assert odd.show("base").databases["default"].tables == {TABLE: 2, KEYED: 1, "child": 1}
    odd.restore("base")
    assert odd.verify("base").verdict == "clean"


def test_what_needs_sql_is_refused(odd: Single) -> None:
    execute_bytes(odd.database, b"INSERT INTO t\xff VALUES (3, 'new')")
    raised(CleanImpossible, 14, odd.clean, "base")
    assert odd.verify("base").verdict == "leaked"


def test_a_session_gives_the_names_back(odd: Single) -> None:
    execute_bytes(odd.database, b"INSERT INTO t\xff VALUES (3, 'new')")
    with Session(db=odd.database, store=odd.store_folder, cwd=odd.folder, env=ENVIRONMENT) as session:
        found = session.verify("base").databases["default"]
        assert found.tables == {TABLE: Counts(1, 0, 0)}
        assert found.rows[0].after == {"id": 3, COLUMN: "new"}


def test_a_suite_records_what_was_left_in_such_a_table(odd: Single) -> None:
    odd.begin_suite("suite \udcff")
    for label in ("label \udcff", "half \ud800"):
        odd.begin_test(label, scenario="\udcfe")
        execute_bytes(odd.database, b"DELETE FROM t\xff WHERE id = (SELECT max(id) FROM t\xff)")
        ended = odd.end_test("passed")
        assert ended.tables == {"default": {TABLE: Counts(0, 1, 0)}}
        assert (ended.verdict, ended.restored, ended.state_ok) == ("damaged", True, True)
    odd.end_suite(0)
    report = odd.report()
    assert {leak.table for leak in report.leaks} == {r"t\xff"}
    assert {leak.label for leak in report.leaks} == {r"label \xff", r"half \ud800"}


def test_no_failure_has_the_exit_code_of_a_difference(odd: Single) -> None:
    assert SnapError("unknown").exit_code == 70
    for code in (1, 3):
        found = [kind for kind in subclasses(SnapError) if kind.exit_code == code]
        assert found == [HookFailed] * (code == 1)  # the state was restored; `required: true` asks for this code


def subclasses(kind: type[SnapError]) -> Iterator[type[SnapError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)
