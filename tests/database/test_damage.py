"""One damaged place in a live database: the error names page and table, and nothing gets worse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from snapstore.actions.clean import CleanOptions, clean
from snapstore.errors import DatabaseCorrupt, DatabaseUnusable, SnapError
from tests.cli.hands import error_of, hint_of
from tests.database.damaged import LEAF_HEADER, Tagged, pages_of
from tests.database.damages import DAMAGES, TABLES, Damage, pointer, zero_leaf
from tests.support import Snap


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tagged]:
    with Tagged(tmp_path_factory.mktemp("damaged")) as made:
        yield made


@pytest.fixture
def tagged(made: Tagged) -> Iterator[Tagged]:
    yield made
    made.heal()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_an_error_that_names_page_and_table(tagged: Tagged, damage: Damage, table: str) -> None:
    said = damage(tagged, table)
    for look in (tagged.verify, tagged.diff, tagged.status):
        with pytest.raises(DatabaseCorrupt) as caught:
            look()
        assert re.search(said, str(caught.value)), (said, str(caught.value))
        assert str(tagged.path) in str(caught.value)


def test_a_damaged_schema_is_an_error(tagged: Tagged) -> None:
    for pgno in (1, pages_of(tagged.path, "sqlite_schema").leaves[0]):
        page = tagged.page(pgno)
        page[100:] = bytes(len(page) - 100)
        tagged.put(pgno, page)
        for look in (tagged.verify, tagged.diff, tagged.status):
            with pytest.raises(DatabaseCorrupt):
                look()
        tagged.heal()


@pytest.mark.parametrize("root", [-3, 90_000, 1 << 40])
def test_a_table_whose_root_is_no_page_is_an_error(tagged: Tagged, root: int) -> None:
    with closing(apsw.Connection(str(tagged.path))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 0)
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = ? WHERE name = 'plain'", (root,))
    for look in (tagged.verify, tagged.diff, tagged.status):
        with pytest.raises(DatabaseCorrupt):
            look()


@pytest.mark.parametrize("missing", [1, 100, 1024, 40_000])
def test_a_file_cut_short_is_an_error(tagged: Tagged, missing: int) -> None:
    tagged.path.write_bytes(tagged.bytes[:-missing])
    for look in (tagged.verify, tagged.diff, tagged.status):
        with pytest.raises(DatabaseCorrupt):
            look()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("place", [0, 3, -1])
@pytest.mark.parametrize("fill", [b"\x00", b"\x01", b"\x05", b"\x0a", b"\xff"])
def test_an_overwritten_overflow_page_is_an_error_or_a_changed_row(
    tagged: Tagged, table: str, place: int, fill: bytes
) -> None:
    pgno = pages_of(tagged.path, table).overflow[place]
    tagged.put(pgno, fill * tagged.page_size)
    try:
        assert tagged.diff() == {table: (0, 0, 1)}
        assert tagged.verify() == tagged.status() == "damaged"
    except DatabaseCorrupt as error:
        assert f"of table '{table}'" in str(error)
        assert place != -1


def test_an_overflow_page_that_became_a_page_of_its_own_table_is_a_changed_row(tagged: Tagged) -> None:
    pages = pages_of(tagged.path, "word")
    for leaf in pages.leaves:
        for pgno in pages.overflow:
            tagged.put(pgno, tagged.page(leaf))
            try:
                assert tagged.diff() == {"word": (0, 0, 1)}
            except DatabaseCorrupt as error:
                assert "of table 'word'" in str(error)
            tagged.put(pgno, tagged.page(pgno))


@pytest.mark.parametrize("table", TABLES)
def test_a_chain_that_loops_is_an_error_or_a_changed_row(tagged: Tagged, table: str) -> None:
    first, second, *_ = pages_of(tagged.path, table).overflow
    page = tagged.page(second)
    page[:4] = first.to_bytes(4, "big")
    tagged.put(second, page)
    try:
        assert tagged.diff() == {table: (0, 0, 1)}
    except DatabaseCorrupt as error:
        assert f"of table '{table}'" in str(error)


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_is_there_twice_is_an_error_or_a_difference(tagged: Tagged, table: str) -> None:
    pgno = pages_of(tagged.path, table).leaves[1]
    page = tagged.page(pgno)
    count = pointer(page, 3)
    end = LEAF_HEADER + 2 * count
    page[3:5] = (count + 1).to_bytes(2, "big")
    page[end : end + 2] = page[end - 2 : end]
    tagged.put(pgno, page)
    assert tagged.contradictions() == [table]
    for look in (tagged.verify, tagged.status):
        with suppress(DatabaseCorrupt):
            assert look() not in ("clean", "drifted")


def test_a_freelist_without_an_end_ends(tagged: Tagged) -> None:
    trunk = int.from_bytes(tagged.bytes[32:36], "big")
    page1 = tagged.page(1)
    page1[36:40] = b"\x7f\xff\xff\xff"
    tagged.put(1, page1)
    tagged.put(trunk, trunk.to_bytes(4, "big") + bytes(tagged.page_size - 4))
    last = pages_of(tagged.path, "doc").overflow[-1]
    tagged.put(last, bytes(4) + b"x" * (tagged.page_size - 4))
    try:
        assert tagged.verify() == "damaged"
    except DatabaseUnusable as error:
        assert "freelist" in str(error)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"title", b"ti\xe9le"),
        (b"title", b",, le"),
        (b"fts5", b"ft\xfe5"),
        (b"bottom, top", b"bottom, to,"),
        (b"left, right, bottom, top, ", b"                          "),
        (b"spelling", b"spell\xe9ng"),
        (b"TABLE spare", b"TA\xe9LE spare"),
        (b"TABLE spare", b"TABLE sp\xe9re"),
        (b"REAL", b"RE\xc1L"),
        (b"rowid INTEGER PRIMARY", b"rowid INTEGER PRIMAjY"),
    ],
)
def test_a_schema_of_other_bytes_is_an_error_or_a_change(tagged: Tagged, before: bytes, after: bytes) -> None:
    tagged.path.write_bytes(tagged.bytes.replace(before, after))
    with suppress(DatabaseUnusable):
        assert tagged.verify() == "schema-changed"
        assert tagged.status() == "schema-changed"


@pytest.mark.parametrize("place", [2, 3, 4, 11])
def test_a_damaged_node_of_an_rtree_is_an_error_or_a_changed_row(tagged: Tagged, place: int) -> None:
    for pgno in pages_of(tagged.path, "box_node").leaves:
        page = tagged.page(pgno)
        at = pointer(page, LEAF_HEADER)
        start = page.index(b"\x00\x00", at + 6) if place < 4 else at + 8
        page[start + place] ^= 1
        tagged.put(pgno, page)
        with suppress(DatabaseUnusable):
            assert tagged.verify() == "damaged" or not tagged.contradictions()
        tagged.heal()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_clean_leaves_a_damaged_database_as_it_is(tagged: Tagged, damage: Damage) -> None:
    damage(tagged, "doc")
    before = tagged.path.read_bytes()
    with pytest.raises(SnapError):
        clean(tagged.store, tagged.project, CleanOptions(tagged.snapshot))
    assert tagged.path.read_bytes() == before


def test_the_command_line_says_how_to_go_on(tmp_path: Path) -> None:
    with Tagged(tmp_path) as tagged:
        said = zero_leaf(tagged, "doc")
    snap = Snap(tmp_path)
    for verb in (["verify", "baseline"], ["diff", "baseline"], ["status"], ["clean", "baseline"]):
        done = snap(*verb, code=15)
        assert said in error_of(done)
        assert " restore" in hint_of(done)
        assert "--force" in hint_of(done)
    snap("restore", "baseline", "--force")
    assert snap.json("verify", "baseline")["verdict"] in ("clean", "drifted")


def test_a_node_of_an_rtree_that_names_another_child_is_an_error_or_a_difference(tagged: Tagged) -> None:
    with closing(apsw.Connection(str(tagged.path))) as connection:
        ((data,),) = connection.execute("SELECT data FROM box_node WHERE nodeno = 1").fetchall()
        assert isinstance(data, bytes)
        first, entry = slice(4, 12), 8 + 4 * 4
        second = slice(4 + entry, 12 + entry)
        damaged = data[: second.start] + data[first] + data[second.stop :]
        connection.execute("UPDATE box_node SET data = ? WHERE nodeno = 1", (damaged,))
    assert tagged.contradictions() == ["box"]
    with suppress(DatabaseCorrupt):
        assert tagged.verify() == "damaged"
