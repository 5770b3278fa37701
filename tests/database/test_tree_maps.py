"""A tree map that is derived from that of another image equals the one that a walk finds.

`python -m tests.database.test_tree_maps N` tries N other databases.
"""

from __future__ import annotations

import random
import sys
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import apsw
import pytest

from snapstore.database.derived_tree_map import DerivedTreeMap
from snapstore.database.image import Image
from snapstore.database.schema_reader import read_schema
from snapstore.database.tables import SCHEMA, SchemaRow, Table
from snapstore.database.tree_map import TreeMap, unshared_pages
from snapstore.database.walked_tree_map import WalkedTreeMap
from snapstore.errors import DatabaseCorrupt
from tests.database.oracle import changed_pages, image_of

PAGE = 512
BUILD = (
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v, w)",
    "CREATE TABLE k(a TEXT, b, PRIMARY KEY(a, b)) WITHOUT ROWID",
    "CREATE TABLE small(x)",
    "CREATE INDEX t_v ON t(v)",
    "INSERT INTO t SELECT value * 2, value % 997, hex(zeroblob(value % 60)) FROM n WHERE value BETWEEN 1 AND 3000",
    "INSERT INTO k SELECT printf('%06d', value * 7919 % 100003), value FROM n WHERE value BETWEEN 1 AND 1500",
    "INSERT INTO t VALUES (100000, 1, zeroblob(6000)), (100002, 2, zeroblob(3000))",
)
CHANGES = (
    "UPDATE t SET w = w || 'x' WHERE id = {near}",
    "UPDATE t SET w = hex(zeroblob(150)) WHERE id BETWEEN {at} AND {at} + 200",
    "INSERT OR REPLACE INTO t SELECT value, 5, 'new' FROM n WHERE value BETWEEN {at} AND {at} + 300",
    "DELETE FROM t WHERE id BETWEEN {at} AND {at} + {some}",
    "DELETE FROM t WHERE id % 3 = 1",
    "DELETE FROM t",
    "DELETE FROM k WHERE a BETWEEN '0{near}' AND '0{near}' || 'z'",
    "DELETE FROM k WHERE a > '0{at}'",
    "INSERT OR IGNORE INTO k SELECT printf('%06d', value), 1 FROM n WHERE value BETWEEN {at} AND {at} + 250",
    "UPDATE k SET b = b + 1 WHERE a LIKE '%{digit}'",
    "INSERT INTO small SELECT printf('%080d', value * 7919) FROM n WHERE value BETWEEN 1 AND {some}",
    "DROP TABLE k; CREATE TABLE k(a TEXT, b, PRIMARY KEY(a, b)) WITHOUT ROWID;"
    "INSERT INTO k SELECT printf('%06d', value * 7919 % 100003), value FROM n WHERE value BETWEEN 1 AND 1500",
    "DROP TABLE small; CREATE TABLE small(x); INSERT INTO small SELECT w FROM t",
    "CREATE TABLE IF NOT EXISTS more(id INTEGER PRIMARY KEY, v, w); INSERT OR REPLACE INTO more SELECT * FROM t",
    "DROP TABLE IF EXISTS more",
    "ALTER TABLE t RENAME TO u; ALTER TABLE k RENAME TO t; ALTER TABLE u RENAME TO k",
    "DROP INDEX IF EXISTS t_v",
    "REINDEX",
    "VACUUM",
    "PRAGMA incremental_vacuum({digit})",
)


class Made(NamedTuple):
    """The bytes of a database before and after some changes."""

    before: bytes
    after: bytes


def made(seed: int, folder: Path) -> Made:
    chance = random.Random(seed)
    path = folder / "db"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE}; PRAGMA auto_vacuum = {chance.choice((0, 0, 1, 2))}")
        connection.execute("CREATE TEMP TABLE n(value INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO n VALUES (?)", ((number,) for number in range(1, 8001)))
        for sql in BUILD:
            connection.execute(sql)
        for _ in range(chance.choice((0, 0, 3))):
            _change(connection, chance)
        before = path.read_bytes()
        for _ in range(chance.choice((1, 1, 2, 4))):
            _change(connection, chance)
    return Made(before, path.read_bytes())


def _change(connection: apsw.Connection, chance: random.Random) -> None:
    at, digit = chance.randrange(1, 6000), chance.randrange(10)
    sql = chance.choice(CHANGES).format(at=at, near=at // 10, some=chance.choice((3, 40, 2000)), digit=digit)
    with suppress(apsw.SQLError):  # the tables may have been renamed
        connection.execute(sql)


def tables_of(image: Image) -> list[Table]:
    """Return all tables, the indexes last."""
    schema = read_schema(image)
    return [*schema.tables.values(), SCHEMA, *(_index(row) for row in schema.rows if row.type == "index" and row.root)]


def _index(row: SchemaRow) -> Table:
    return Table(row, (), (), alias=None, without_rowid=True)


def filled(trees: TreeMap, tables: list[Table]) -> TreeMap:
    for table in tables:
        trees.add(table)
    if isinstance(trees, DerivedTreeMap):
        trees.check()
    return trees


def derived(image: Image, known: WalkedTreeMap, changed: set[int], tables: list[Table]) -> DerivedTreeMap:
    trees = DerivedTreeMap(image, known, changed, path(known, changed))
    filled(trees, tables)
    return trees


def path(known: WalkedTreeMap, pages: set[int]) -> dict[int, list[int]]:
    return known.by_parent(pages | known.ancestors(pages))


def from_memory(walked: WalkedTreeMap, tables: list[Table]) -> WalkedTreeMap:
    """Return a map of the trees that a walk has found; no tree is walked again."""
    again = WalkedTreeMap(walked.image, walked.trees())
    filled(again, tables)
    assert again.is_shared
    return again


def check(seed: int, folder: Path) -> None:
    """Compare derived maps with walked ones, in both directions."""
    data = made(seed, folder)
    images = image_of(data.before, "before"), image_of(data.after, "after")
    changed = set(changed_pages(*images))
    trees = [tables_of(image) for image in images]
    walked = [filled(WalkedTreeMap(image), tables) for image, tables in zip(images, trees, strict=True)]
    for one, other in ((0, 1), (1, 0)):
        known, wanted = walked[one], walked[other]
        assert isinstance(known, WalkedTreeMap)
        for at_hand in (known, from_memory(known, trees[one])):
            found = derived(images[other], at_hand, changed, trees[other])
            pages = range(1, images[other].page_count + 2)
            assert [found.root_of(pgno) for pgno in pages] == [wanted.root_of(pgno) for pgno in pages]
            assert [found.row_pages(table) for table in trees[other]] == [
                wanted.row_pages(table) for table in trees[other]
            ]
            _check_own(at_hand, trees[one], found, trees[other], changed)


def _check_own(
    known: WalkedTreeMap, before: list[Table], found: DerivedTreeMap, after: list[Table], changed: set[int]
) -> None:
    more = {page for page in range(3, found.image.page_count, 17) if page not in changed}
    after_by_name = {table.name: table for table in after}
    for old in before:
        if (new := after_by_name.get(old.name)) is None:
            continue
        for side, table, other, twin in ((known, old, found, new), (found, new, known, old)):
            pages = side.row_pages(table)
            own = [page for page in pages if page in changed or other.root_of(page) != twin.root]
            assert unshared_pages(side, table, other, twin, changed, path(known, changed)) == own
            wanted = [page for page in pages if page in own or page in more]
            both = changed | more
            assert unshared_pages(side, table, other, twin, both, path(known, both)) == wanted


@pytest.mark.parametrize("seed", range(40))
def test_a_derived_tree_map_is_that_of_a_walk(seed: int, tmp_path: Path) -> None:
    check(seed, tmp_path)


def check_damaged(seed: int, folder: Path) -> bool:
    """Redirect an interior page; return whether a walk finds that. If it does, deriving has to find it too."""
    data = made(seed, folder)
    chance = random.Random(seed)
    before = image_of(data.before, "before")
    known = filled(WalkedTreeMap(before), tables_of(before))
    assert isinstance(known, WalkedTreeMap)
    after = image_of(data.after, "after")
    tables = tables_of(after)
    interior = [pgno for pgno in range(2, after.page_count + 1) if after.page(pgno)[0] in (2, 5)]
    bytes_after = bytearray(data.after)
    for pgno in chance.sample(interior, min(len(interior), chance.choice((1, 1, 2)))):
        start = (pgno - 1) * PAGE
        target = chance.choice((0, 1, pgno, after.page_count + 1, chance.randrange(1, after.page_count + 1)))
        cell = start + int.from_bytes(bytes_after[start + 12 : start + 14], "big")
        at = chance.choice((cell, start + 8))  # that of a cell, or the rightmost one
        bytes_after[at : at + 4] = target.to_bytes(4, "big")
    after = image_of(bytes(bytes_after), "after")
    changed = set(changed_pages(before, after))
    try:
        walked = filled(WalkedTreeMap(after), tables)
    except DatabaseCorrupt:
        with pytest.raises(DatabaseCorrupt):
            derived(after, known, changed, tables)
        return True
    with suppress(DatabaseCorrupt):  # it checks more: all leaves have to be on one level
        found = derived(after, known, changed, tables)
        pages = range(1, after.page_count + 1)
        assert [found.root_of(pgno) for pgno in pages] == [walked.root_of(pgno) for pgno in pages]
    return False


def test_damage_that_a_walk_finds_is_found_when_derived(tmp_path: Path) -> None:
    found = []
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found.append(check_damaged(seed, folder))
    assert any(found)


if __name__ == "__main__":
    for number in range(1000, 1000 + int(sys.argv[1])):
        with TemporaryDirectory() as first, TemporaryDirectory() as second:
            check(number, Path(first))
            check_damaged(number, Path(second))
    print(f"{sys.argv[1]} databases, no difference")  # noqa: T201
