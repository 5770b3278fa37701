"""Damage around rows that are equal: no verb lets it pass, and a restore repairs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlean

from snapstore import Session, Snapstore
from snapstore.errors import CleanImpossible
from tests.api.folders import Single
from tests.contents import execute
from tests.support import JOURNAL_MODES, connect, is_intact

PAGE = 4096
MADE = (
    "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    " INSERT INTO item SELECT i, 'name ' || i, printf('%.*c', 90, 'b') FROM n",
    "INSERT INTO item VALUES (1000, 'long', hex(zeroblob(20000)))",
    "CREATE TABLE word (spelling TEXT PRIMARY KEY, meaning) WITHOUT ROWID",
    "INSERT INTO word SELECT name, body FROM item WHERE id < 300",
    "CREATE VIRTUAL TABLE note USING fts5(text)",
    "CREATE VIRTUAL TABLE memo USING fts4(text)",
    "INSERT INTO note SELECT name FROM item WHERE id < 50",
    "INSERT INTO memo SELECT name FROM item WHERE id < 50",
    "CREATE VIRTUAL TABLE box USING rtree(id, low, high)",
    "INSERT INTO box SELECT id, id, id + 1 FROM item WHERE id < 400",
    "CREATE TABLE spare (body)",
    "INSERT INTO spare SELECT hex(zeroblob(3000)) FROM item WHERE id < 40",
    "DROP TABLE spare",
)
Damage = Callable[[bytearray], None]


def number(data: bytearray, at: int, size: int = 4) -> int:
    return int.from_bytes(data[at : at + size], "big")


def put(data: bytearray, at: int, value: int, size: int = 4) -> None:
    data[at : at + size] = value.to_bytes(size, "big")


def pages_of(data: bytearray, kind: int) -> list[int]:
    """Return where the pages of one type begin that have at least two cells."""
    return [at for at in range(PAGE, len(data), PAGE) if data[at] == kind and number(data, at + 3, 2) > 1]


def a_used_page_is_free(data: bytearray) -> None:
    put(data, (number(data, 32) - 1) * PAGE + 8, pages_of(data, 13)[0] // PAGE + 1)


def a_free_page_twice(data: bytearray) -> None:
    trunk = (number(data, 32) - 1) * PAGE
    put(data, trunk + 8, number(data, trunk + 12))


def too_few_are_free(data: bytearray) -> None:
    put(data, 36, number(data, 36) - 1)


def the_freelist_is_forgotten(data: bytearray) -> None:
    data[32:40] = bytes(8)


def a_page_is_lost(data: bytearray) -> None:
    data += bytes(PAGE)
    put(data, 28, len(data) // PAGE)


def bytes_of_a_page_are_miscounted(data: bytearray) -> None:
    data[pages_of(data, 13)[3] + 7] += 1


def entries_of_an_index_change_places(data: bytearray) -> None:
    at = pages_of(data, 10)[2] + 8
    data[at : at + 2], data[at + 2 : at + 4] = data[at + 2 : at + 4], data[at : at + 2]


def children_change_places(data: bytearray) -> None:
    page = pages_of(data, 5)[0]
    one, other = (page + number(data, page + at, 2) for at in (12, 14))
    data[one : one + 4], data[other : other + 4] = data[other : other + 4], data[one : one + 4]


DAMAGES: tuple[Damage, ...] = (
    *(a_used_page_is_free, a_free_page_twice, too_few_are_free, the_freelist_is_forgotten, a_page_is_lost),
    *(bytes_of_a_page_are_miscounted, entries_of_an_index_change_places),
)
SHADOWS = {
    "fts5": "DELETE FROM note_data WHERE id > 10",
    "fts5 sizes": "DELETE FROM note_docsize WHERE id = 7",
    "fts4": "DELETE FROM memo_segdir",
    "rtree": "DELETE FROM box_parent",
    "rtree rows": "UPDATE box_rowid SET nodeno = nodeno + 1 WHERE rowid = 5",
}


def made(folder: Path, journal_mode: str = "delete", auto_vacuum: int = 0) -> Single:
    snap = Single(folder)
    modes = (f"PRAGMA auto_vacuum = {auto_vacuum}", f"PRAGMA journal_mode = {journal_mode}")
    execute(snap.database, *modes, "PRAGMA synchronous = OFF", *MADE)
    snap.tag("baseline")
    return snap


def do(snap: Single, damage: Damage) -> None:
    data = bytearray(snap.database.read_bytes())
    damage(data)
    put(data, 24, number(data, 24) + 9)
    data[92:96] = data[24:28]
    snap.database.write_bytes(data)
    assert not seems_intact(snap.database)


def seems_intact(path: Path) -> bool:
    """Tell whether SQLite finds nothing wrong; it may fail on what it finds."""
    try:
        return is_intact(path)
    except sqlean.DatabaseError:
        return False


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Single]:
    with made(tmp_path) as snap:
        yield snap


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_it_is_reported_and_repaired(tmp_path: Path, damage: Damage, journal_mode: str) -> None:
    with made(tmp_path, journal_mode) as snap:
        do(snap, damage)
        found = snap.verify("baseline")
        assert (found.verdict, found.ok) == ("damaged", False)
        assert found.databases["default"].damage
        assert (found.databases["default"].tables, found.databases["default"].schema) == ({}, ())
        assert snap.status().verdict == "damaged"
        with pytest.raises(CleanImpossible, match="damaged"):
            snap.clean("baseline")
        found = snap.verify("baseline", restore_on_fail=True)
        assert (found.verdict, found.restored) == ("damaged", True)
        assert is_intact(snap.database)
        assert snap.verify("baseline").verdict == "clean"
        assert found.forensic is not None
        snap.export(found.forensic, tmp_path / "copy")
        assert not is_intact(tmp_path / "copy"), "the state that failed is kept as it was"


def test_damage_in_the_log_is_found_beside_an_open_connection(tmp_path: Path) -> None:
    with made(tmp_path, "wal") as snap:
        database, store = snap.database, snap.store_folder
    with closing(connect(database)) as application, Session(db=database, store=store) as session:
        assert session.verify("baseline").verdict == "clean"
        page = bytearray(application.execute("SELECT data FROM sqlite_dbpage WHERE pgno = 1").fetchone()[0])
        put(page, 36, number(page, 36) + 1)
        application.execute("BEGIN IMMEDIATE")
        application.execute("INSERT INTO sqlite_dbpage(pgno, data) VALUES (1, ?)", (bytes(page),))
        application.execute("COMMIT")
        found = session.verify("baseline", restore_on_fail=True)
        assert (found.verdict, found.restored) == ("damaged", True)
        assert application.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("auto_vacuum", [1, 2])
@pytest.mark.parametrize("place", [0, 5, 30, 300])
def test_a_wrong_pointer_map_is_damage(tmp_path: Path, auto_vacuum: int, place: int) -> None:
    with made(tmp_path, auto_vacuum=auto_vacuum) as snap:
        do(snap, lambda data: put(data, PAGE + place, data[PAGE + place] ^ 7, 1))
        assert snap.verify("baseline", restore_on_fail=True).restored
        assert is_intact(snap.database)


DESCENDING = (
    "CREATE INDEX down ON item(body DESC)",
    "CREATE TABLE below (a, b, PRIMARY KEY (a DESC, b)) WITHOUT ROWID",
    "CREATE TABLE below (a, b, UNIQUE (b DESC, a))",
)


@pytest.mark.parametrize("schema_format", [1, 3])
@pytest.mark.parametrize("made_by", DESCENDING)
def test_a_schema_format_that_knows_no_descending_order_is_damage(
    shop: Single, made_by: str, schema_format: int
) -> None:
    execute(shop.database, made_by, *(["INSERT INTO below SELECT id, id FROM item"] if "below" in made_by else []))
    shop.tag("baseline")
    do(shop, lambda data: put(data, 44, schema_format))
    found = shop.verify("baseline", restore_on_fail=True)
    assert (found.verdict, found.restored) == ("damaged", True)
    assert "in another order" in str(found.databases["default"].damage)
    assert is_intact(shop.database)


def test_a_schema_format_does_not_matter_where_everything_ascends(shop: Single) -> None:
    data = bytearray(shop.database.read_bytes())
    put(data, 44, 1)
    shop.database.write_bytes(data)
    assert is_intact(shop.database)
    assert shop.verify("baseline").verdict == "drifted"


@pytest.mark.parametrize("shadow", SHADOWS)
def test_a_virtual_table_that_lost_its_index_is_damaged(shop: Single, shadow: str) -> None:
    execute(shop.database, SHADOWS[shadow])
    assert not seems_intact(shop.database)
    found = shop.verify("baseline", restore_on_fail=True)
    assert (found.verdict, found.restored) == ("damaged", True)
    assert is_intact(shop.database)


def test_a_page_that_cannot_be_read_is_repaired_on_request(shop: Single) -> None:
    do(shop, lambda data: put(data, pages_of(data, 5)[0], 7, 1))
    found = shop.verify("baseline", restore_on_fail=True)
    assert (found.verdict, found.restored) == ("damaged", True)
    assert is_intact(shop.database)


def test_damage_beside_leaks_is_found_where_leaks_pass(shop: Single) -> None:
    shop.begin_suite("suite", verdicts={"leaked": "pass"}, quiet=0.0)
    shop.begin_test("sound")
    execute(shop.database, "INSERT INTO item(name) VALUES ('leak')")
    ended = shop.end_test()
    assert (ended.verdict, ended.restored) == ("leaked", False)
    shop.begin_test("damaged")
    execute(shop.database, "INSERT INTO item(name) VALUES ('another')")
    do(shop, too_few_are_free)
    ended = shop.end_test()
    assert (ended.verdict, ended.restored, ended.ok) == ("damaged", True, True)
    shop.end_suite()
    assert is_intact(shop.database)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_session_finds_it_at_the_end_of_a_test(tmp_path: Path, journal_mode: str) -> None:
    with made(tmp_path, journal_mode) as snap:
        database, store = snap.database, snap.store_folder
    with Session(db=database, store=store) as session:
        session.begin_suite("suite", quiet=0.0)
        for statement in (*SHADOWS.values(), "INSERT INTO note VALUES ('sound')"):
            session.begin_test(statement)
            execute(database, statement)
            ended = session.end_test()
            assert (ended.restored, ended.ok) == (True, True)
            assert ended.verdict in (("leaked",) if "sound" in statement else ("damaged", "unreadable"))
            assert is_intact(database)
        session.end_suite()


SOUND: dict[str, tuple[str, ...]] = {
    "rows come and go": (
        "INSERT INTO item SELECT id + 5000, name || '!', body FROM item",
        "DELETE FROM item WHERE id > 4000",
    ),
    "long rows come and go": (
        "INSERT INTO item VALUES (2000, 'x', hex(zeroblob(90000)))",
        "DELETE FROM item WHERE id = 2000",
    ),
    "a value changes and is changed back": (
        "UPDATE item SET body = hex(zeroblob(30000)) WHERE id = 7",
        "UPDATE item SET body = printf('%.*c', 90, 'b') WHERE id = 7",
    ),
    "documents come and go": ("INSERT INTO note SELECT body FROM item", "DELETE FROM note WHERE rowid > 49"),
    "the index is merged": ("INSERT INTO note(note) VALUES ('optimize')", "INSERT INTO memo(memo) VALUES ('optimize')"),
    "boxes come and go": (
        "INSERT INTO box SELECT id, id, id + 2 FROM item WHERE id > 500",
        "DELETE FROM box WHERE id > 500",
    ),
    "free pages go": ("PRAGMA incremental_vacuum(3)",),
    "everything moves": ("VACUUM",),
    "statistics": ("ANALYZE",),
    "another index page": ("REINDEX",),
}


@pytest.mark.parametrize("auto_vacuum", [0, 1, 2])
@pytest.mark.parametrize("journal_mode", JOURNAL_MODES)
def test_what_leaves_a_database_sound_is_never_damage(tmp_path: Path, journal_mode: str, auto_vacuum: int) -> None:
    with made(tmp_path, journal_mode, auto_vacuum) as snap:
        for name, statements in SOUND.items():
            execute(snap.database, *statements)
            assert snap.verify("baseline").verdict in ("drifted", "clean"), name


def test_tables_that_are_ignored_are_checked_all_the_same(tmp_path: Path) -> None:
    with made(tmp_path) as snap:
        pass
    (tmp_path / "snapstore.yaml").write_text(
        "database: db.sqlite3\nstore: store\nignore: {tables: [item, word, note]}\n"
    )
    with Snapstore(cwd=tmp_path) as under:
        execute(
            snap.database,
            "UPDATE item SET name = 'other ' || id WHERE id % 3 = 0",
            "DELETE FROM item WHERE id % 7 = 0",
            "UPDATE word SET spelling = 'w' || spelling WHERE spelling < 'name 2'",
            "INSERT INTO note SELECT body FROM item",
        )
        assert under.verify("baseline").verdict == "drifted"
        do(snap, entries_of_an_index_change_places)
        assert under.verify("baseline").verdict == "damaged"
