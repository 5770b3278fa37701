"""A patch in SQL turns any database into the other one.

`python -m tests.database.test_sql_patch N` checks N generated databases, different ones each time.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from hypothesis import given, note, settings
from hypothesis import strategies as st

from snapstore.compare.differences import DatabaseDifference
from snapstore.compare.ignore_rules import NOTHING_IGNORED
from snapstore.compare.pair import Compared
from snapstore.errors import PatchImpossible
from tests.database.generated import opened
from tests.database.made_up import CHECKS, made_up
from tests.database.oracle import Side, changed_pages


def difference(before: Side, after: Side) -> DatabaseDifference:
    compared = Compared((before.image, after.image), changed_pages(before.image, after.image))
    return DatabaseDifference("db", compared, NOTHING_IGNORED)


def check(data: st.DataObject) -> None:
    """Generate a database, change it, and turn each state into the other one by a patch."""
    with made_up(data) as (before, after, folder):
        lead(before, after, folder / "there")
        lead(after, before, folder / "back")


def lead(before: Side, after: Side, path: Path) -> None:
    try:
        found = difference(before, after)
        statements = list(found.script())
    except PatchImpossible:
        return
    note("-- patch\n" + ";\n".join(statements))
    path.write_bytes(before.data)
    with closing(opened(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    patched = Side(path.read_bytes(), path)
    with closing(patched.connection):
        left = difference(patched, after)
        rows = [row for table in left.tables for row in table.rows()]
        assert (left.schema, rows, left.sequences) == ([], [], {}), (left.schema, rows, left.sequences)
        assert not left.moved().keys() & set(found.patch().touched), "rowids"


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=CHECKS)
@given(st.data())
def test_a_patch_turns_one_database_into_the_other(data: st.DataObject) -> None:
    check(data)


if __name__ == "__main__":
    examples = settings(max_examples=int(sys.argv[1]), deadline=None, database=None, suppress_health_check=CHECKS)
    examples(given(st.data())(check))()
    print(f"{sys.argv[1]} examples, no difference")  # noqa: T201
