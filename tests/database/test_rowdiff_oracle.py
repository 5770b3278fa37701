"""The row diff finds in any two databases what SQL finds.

`python -m tests.database.test_rowdiff_oracle N` checks N generated databases, different ones each time.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import apsw.sqlite_extra
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapstore.database.diff import ImageDiff
from tests.database.generated import opened
from tests.database.made_up import CHECKS, made_up
from tests.database.oracle import Side, changed_pages, compare


def check(data: st.DataObject) -> None:
    """Generate a database, change it, and compare both states, in both directions."""
    with made_up(data) as (before, after, _):
        compare(before, after)
        compare(after, before)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=CHECKS)
@given(st.data())
def test_the_diff_finds_what_sql_finds(data: st.DataObject) -> None:
    check(data)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=CHECKS)
@given(st.data())
def test_sqldiff_counts_the_same_changes(data: st.DataObject) -> None:
    with made_up(data, is_plain=True) as (before, after, folder):
        diff = ImageDiff(before.image, after.image, changed_pages(before.image, after.image))
        program = apsw.sqlite_extra.path("sqlite3_diff")
        command = [str(program), "--summary", str(folder / "before"), str(folder / "after")]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counted = {table.name: Counter(change.change for change in table.changes()) for table in diff.tables}
    for name, changed, added, removed in re.findall(
        r"^(.+): (\d+) changes, (\d+) inserts, (\d+) deletes", said, re.MULTILINE
    ):
        found = counted.pop(name, Counter())
        assert (found["changed"], found["added"], found["removed"]) == (int(changed), int(added), int(removed)), name
    assert not any(counts.total() for name, counts in counted.items() if not name.startswith("sqlite_"))


@pytest.mark.parametrize("auto_vacuum", ["none", "full", "incremental"])
@pytest.mark.parametrize("options", ["", "WITHOUT ROWID"])
def test_a_row_is_found_of_which_only_an_overflow_page_changed(tmp_path: Path, auto_vacuum: str, options: str) -> None:
    with closing(opened(tmp_path / "db")) as connection:
        connection.execute(f"PRAGMA page_size = 1024; PRAGMA auto_vacuum = {auto_vacuum}")
        connection.execute(f"CREATE TABLE t(k INTEGER PRIMARY KEY, long) {options}")
        connection.execute(
            "INSERT INTO t VALUES (1, hex(zeroblob(4000))), (3, hex(zeroblob(4000))), (4, hex(zeroblob(4000)))"
        )
        before = Side((tmp_path / "db").read_bytes(), tmp_path / "before")
        connection.execute("UPDATE t SET long = substr(long, 1, 7999) || 'q' WHERE k = 3")
        after = Side((tmp_path / "db").read_bytes(), tmp_path / "after")
    with closing(before.connection), closing(after.connection):
        first = {
            side.image.page(pgno)[0] for side in (before, after) for pgno in changed_pages(before.image, after.image)
        }
        assert first <= {0, ord("S")}  # overflow pages and the header's counters, but no page of a b-tree
        compare(before, after)
        (table,) = ImageDiff(before.image, after.image, changed_pages(before.image, after.image)).tables
        (one,) = table.changes()
        assert (one.key, one.before, one.after) == ((3,), (3, "0" * 8000), (3, "0" * 7999 + "q"))


def test_a_free_page_of_an_index_accounts_for_no_overflow_page(tmp_path: Path) -> None:
    row = "INSERT OR REPLACE INTO t VALUES (1, substr(hex(zeroblob({0})), 1, {0}) || '{1}')"
    with closing(opened(tmp_path / "db")) as connection:
        connection.execute("PRAGMA page_size = 512; CREATE TABLE t(id INTEGER PRIMARY KEY, long)")
        connection.execute("CREATE TABLE spare(id INTEGER PRIMARY KEY, long)")
        for number, size in enumerate((300, 2000, 900, 900)):
            connection.execute(f"INSERT INTO spare VALUES ({number}, zeroblob({size}))")
        connection.execute(row.format(807, "y"))
        before = Side((tmp_path / "db").read_bytes(), tmp_path / "before")
        connection.execute("CREATE TABLE freed(k PRIMARY KEY, long) WITHOUT ROWID")
        connection.execute("DELETE FROM spare WHERE id = 0")
        connection.execute(row.format(299, "q"))  # frees its last overflow page,
        connection.execute("INSERT INTO freed VALUES (2, zeroblob(300))")  # which this row takes
        connection.execute("DROP TABLE freed")
        connection.execute(row.format(807, "z"))  # and which comes back
        after = Side((tmp_path / "db").read_bytes(), tmp_path / "after")
    with closing(before.connection), closing(after.connection):
        compare(before, after)
        compare(after, before)


if __name__ == "__main__":
    examples = settings(max_examples=int(sys.argv[1]), deadline=None, database=None, suppress_health_check=CHECKS)
    examples(given(st.data())(check))()
    print(f"{sys.argv[1]} examples, no difference")  # noqa: T201
