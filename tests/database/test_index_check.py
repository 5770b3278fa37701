"""Equal rows with an index that does not match them are not clean; an index that was merely rebuilt is clean."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlean

from snapstore.actions.export import ExportOptions, export
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.compare.state import State, snapshot_state
from snapstore.errors import DatabaseCorrupt
from snapstore.project import Project
from snapstore.store import Store
from tests.support import connect, is_intact

PAGE = 4096
INDEX_LEAF = 10
SCHEMA = """
CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE, price REAL, body TEXT);
CREATE INDEX item_name ON item(name DESC, price);
CREATE UNIQUE INDEX item_price ON item(price) WHERE id % 2;
CREATE INDEX item_length ON item(length(body), lower(name));
CREATE TABLE loose (name TEXT UNIQUE, size REAL);
CREATE TABLE keyed (a TEXT, b INTEGER, c BLOB, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE INDEX keyed_c ON keyed(c, b);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "db.sqlite3"
    chance = random.Random(3)
    with closing(connect(path)) as connection:
        connection.executescript(SCHEMA)
        connection.execute("BEGIN")
        for number in range(1500):
            name = chance.choice(("Ada", "ada", "ÄDA", None, 12, "x" * 60))
            values = (name, number if number % 3 else number + 0.5, "long " * chance.randrange(60))
            connection.execute("INSERT INTO item(name, price, body) VALUES (?, ?, ?)", values)
            connection.execute("INSERT INTO loose VALUES (?, ?)", (f"n{number}", chance.choice((1, -0.0, 2.5, None))))
            connection.execute("INSERT INTO keyed VALUES (?, ?, ?)", (str(number % 9), number, chance.randbytes(20)))
        connection.execute("COMMIT")
    return path


@pytest.fixture
def judged(store: Store, path: Path) -> Callable[..., str]:
    """Return a function that gives the verdict against the initial state."""
    project = Project.of({"default": path})
    baseline: State = snapshot_state(store, take(store, project, TakeOptions("baseline")).snapshot, "baseline")
    return lambda policy=NOTHING_IGNORED: verify(store, project, VerifyOptions(baseline, policy=policy)).verdict


def index_pages(path: Path) -> list[int]:
    data = path.read_bytes()
    return [at // PAGE for at in range(PAGE, len(data), PAGE) if data[at] == INDEX_LEAF]


def seems_intact(path: Path) -> bool:
    """Tell whether SQLite finds nothing wrong; it may fail on what it finds."""
    try:
        return is_intact(path)
    except sqlean.DatabaseError:
        return False


def put(path: Path, page: int, data: bytes, at: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE + at)
        file.write(data)


def garbage(path: Path, page: int) -> None:
    put(path, page, random.Random(page).randbytes(PAGE))


def zeros(path: Path, page: int) -> None:
    put(path, page, bytes(PAGE))


def another_page(path: Path, page: int) -> None:
    other = next(one for one in index_pages(path) if one != page)
    put(path, page, path.read_bytes()[other * PAGE : (other + 1) * PAGE])


def one_bit(path: Path, page: int) -> None:
    put(path, page, bytes([path.read_bytes()[page * PAGE + PAGE - 3] ^ 1]), PAGE - 3)


@pytest.mark.parametrize("damage", [garbage, zeros, another_page, one_bit])
def test_a_damaged_page_of_an_index_never_passes(
    judged: Callable[..., str], path: Path, damage: Callable[[Path, int], None]
) -> None:
    whole = path.read_bytes()
    pages = index_pages(path)
    for page in random.Random(1).sample(pages, 7):
        damage(path, page)
        with suppress(DatabaseCorrupt):
            assert judged() in ("damaged", "leaked")  # a page of the table that is an index
        path.write_bytes(whole)
    assert judged() == "clean"


@pytest.mark.parametrize("damage", [garbage, zeros, another_page, one_bit])
def test_an_index_that_misfits_is_repaired_on_request(
    store: Store, path: Path, damage: Callable[[Path, int], None]
) -> None:
    project = Project.of({"default": path})
    baseline = snapshot_state(store, take(store, project, TakeOptions("baseline")).snapshot, "baseline")
    with closing(connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'item_length'").fetchone()[0]
    leaves = [page for page in index_pages(path) if page > root]
    damage(path, leaves[len(leaves) // 3])
    assert not seems_intact(path)
    damaged = path.read_bytes()
    found = verify(store, project, VerifyOptions(baseline))
    assert (found.verdict, found.ok) == ("damaged", False)
    assert path.read_bytes() == damaged
    result = verify(store, project, VerifyOptions(baseline, restore_on_fail=True))
    assert (result.verdict, result.ok, result.restored) == ("damaged", False, True)
    assert "item_" in (result.databases["default"].damage or "")
    assert is_intact(path)
    assert verify(store, project, VerifyOptions(baseline)).verdict == "clean"
    assert result.forensic is not None
    copy = path.with_name("copy")
    export(store, project, ExportOptions(result.forensic, str(copy)))
    assert not seems_intact(copy), "the state that failed is kept as it was"


def again(connection: Any, table: str, where: str) -> None:
    """Delete rows and insert the same ones again."""
    connection.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE {where}")
    connection.execute(f"DELETE FROM {table} WHERE {where}")
    connection.execute(f"INSERT INTO {table} SELECT * FROM kept ORDER BY random()")
    connection.execute("DROP TABLE kept")


CHANGES: dict[str, Callable[[Any], None]] = {
    "rows come and go": lambda connection: (
        connection.executemany("INSERT INTO item(name, price) VALUES (?, ?)", [(f"a{n}", -n) for n in range(1, 400)]),
        connection.execute("DELETE FROM item WHERE price < 0"),
    )[0],
    "half of the rows are written again": lambda connection: again(connection, "item", "id % 2"),
    "all rows are written again": lambda connection: again(connection, "item", "1"),
    "rows without a key are written again": lambda connection: again(connection, "loose", "size IS NOT 1"),
    "rows of a table that is an index are": lambda connection: again(connection, "keyed", "b % 3 = 0"),
    "indexes are rebuilt": lambda connection: connection.execute("REINDEX"),
    "everything is": lambda connection: connection.execute("VACUUM"),
    "an update is taken back": lambda connection: (
        connection.execute("UPDATE item SET price = price + 5000, name = 'z' || name"),
        connection.execute("UPDATE item SET price = price - 5000, name = substr(name, 2)"),
    )[0],
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_index_with_the_same_entries_is_drift(judged: Callable[..., str], path: Path, change: str) -> None:
    with closing(connect(path)) as connection:
        CHANGES[change](connection)
    assert is_intact(path)
    assert judged() in ("drifted", "clean")


def test_indexes_on_what_the_policy_ignores_may_differ(judged: Callable[..., str], path: Path) -> None:
    with closing(connect(path)) as connection:
        connection.execute("UPDATE item SET price = price + 1e6 WHERE id < 900")
        connection.execute("DELETE FROM loose WHERE rowid < 300")
    policy = Policy(tables=("loose",), columns=("item.price",))
    assert judged(policy) == "drifted"
