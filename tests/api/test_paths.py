"""Paths as people and programs make them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.errors import DatabaseMissing, DatabaseUnreadable, LiveDatabaseTarget, UnknownRevision
from tests.api.folders import Single, refused
from tests.contents import execute, items
from tests.support import ENVIRONMENT, Application, dbhash, make_database

NAMES = {
    "spaces": " my data .sqlite3",
    "newline": "two\nlines.sqlite3",
    "percent": "100%41%.sqlite3",
    "question": "what?mode=memory.sqlite3",
    "hash": "frag#ment.sqlite3",
    "uri": "file:db?cache=shared",
    "memory": ":memory:",
    "umlaut": "größe 数据.sqlite3",
    "quotes": """it's "quoted" & <b>.sqlite3""",
    "brackets": "[red]db[+red]{0}%s.sqlite3",
    "escape": "\x1b[31mred\x07.sqlite3",
    "backslash": "back\\slash\\n.sqlite3",
    "not-utf8": os.fsdecode(b"caf\xe9 \xff.sqlite3"),
    "long": "x" * 240,
}


@pytest.mark.parametrize("name", NAMES)
def test_any_path_is_taken_and_restored(tmp_path: Path, name: str) -> None:
    folder = tmp_path / NAMES[name][:150]  # SQLite takes no path of more than 512 bytes
    folder.mkdir()
    plain = make_database(tmp_path / "plain", journal_mode="wal")
    with Single(tmp_path, plain.rename(folder / NAMES[name]), folder / "store") as snap:
        snap.tag("baseline")
        with Application(snap.database) as application:
            application.ask("DELETE FROM item WHERE id > 50")
            changed = snap.status().databases["default"]
            assert changed.verdict != "clean"
            assert changed.path == os.fspath(snap.database)
            snap.restore("baseline")
            assert application.ask("SELECT count(*) FROM item") == [[500]]
        snap.undo()
        origin = os.fsencode(snap.database).decode("utf-8", "backslashreplace")
        assert snap.show("HEAD").databases["default"].origin == origin
        snap.export("baseline", folder / "out")
        assert items(folder / "out") == 500
    found = {path.name for path in folder.iterdir()}
    assert found <= {"store", "out", *(NAMES[name] + suffix for suffix in ("", "-wal", "-shm"))}


LONG = {
    "225": "x" * 225,
    "247": "x" * 247,  # the longest that leaves room for SQLite's "-journal"
    "255": "x" * 255,
    "of two bytes": "ü" * 127,
    "cut inside a letter": "x" + "ü" * 127,
    "not UTF-8": os.fsdecode(b"\xff" * 250),
}


@pytest.mark.parametrize("name", LONG)
def test_a_file_with_a_long_name_is_written_as_a_whole(tmp_path: Path, name: str) -> None:
    database = make_database(tmp_path / "plain").rename(tmp_path / LONG[name])
    with Single(tmp_path, database) as snap:
        snap.tag("baseline")
        database.unlink()
        snap.restore("baseline")
        assert dbhash_of(database) == dbhash_of(make_database(tmp_path / "plain"))
        database.write_bytes(b"garbage" * 1000)
        kept = snap.restore("baseline", force=True).databases["default"].kept
        assert kept is not None
        assert Path(kept).read_bytes() == b"garbage" * 1000
        assert snap.status().verdict == "clean"
        out = tmp_path / LONG[name][::-1].replace("x", "y").replace("ü", "ö").replace(os.fsdecode(b"\xff"), "z")
        snap.export("baseline", out)
        snap.export("baseline", out, force=True)
        assert out.read_bytes()[:16] == b"SQLite format 3\0"
    assert not [one.name for one in tmp_path.iterdir() if one.name.endswith(".snap-tmp")]


def dbhash_of(path: Path) -> str:
    """Return the hash of a database that may have a name which leaves no room for a journal's."""
    short = path.parent / "short"
    short.hardlink_to(path)
    try:
        return dbhash(short)
    finally:
        short.unlink()


@pytest.mark.parametrize("name", LONG)
def test_a_database_with_a_long_name_has_a_store_by_default(tmp_path: Path, name: str) -> None:
    database = make_database(tmp_path / "plain").rename(tmp_path / LONG[name])
    with Snapstore(db=database, env={**ENVIRONMENT, "XDG_DATA_HOME": str(tmp_path / "data")}) as snap:
        snap.tag("baseline")
        assert snap.status().verdict == "clean"


@pytest.mark.parametrize("name", ["newline", "escape", "not-utf8", "umlaut", "brackets"])
def test_an_error_about_any_path_keeps_it(tmp_path: Path, name: str) -> None:
    with Single(tmp_path, tmp_path / NAMES[name]) as snap, refused(snap, DatabaseMissing, 15) as raised:
        snap.tag("baseline")
    assert raised.value.path == os.fspath(snap.database)


@pytest.mark.parametrize("name", ["newline", "escape", "not-utf8"])
def test_any_text_can_be_an_unknown_revision(tmp_path: Path, name: str) -> None:
    make_database(tmp_path / "db.sqlite3", rows=1)
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        with refused(snap, UnknownRevision, 12) as raised:
            snap.restore(NAMES[name])
        assert raised.value.revision == NAMES[name]
        with refused(snap, UnknownRevision, 12):
            snap.reflog(NAMES[name])
        with refused(snap, UnknownRevision, 12):
            snap.restore(f"{NAMES[name]}@{{1}}")


def test_a_message_of_any_text_is_kept(tmp_path: Path) -> None:
    text = "first\nsecond \x1b[31m 'quoted' größe 数据"
    make_database(tmp_path / "db.sqlite3", rows=1)
    with Single(tmp_path) as snap:
        snap.tag("baseline", message=text)
        assert snap.log()[0].message == text


def test_a_symbolic_link_stays_a_link_and_its_target_is_restored_in_place(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    target = make_database(tmp_path / "data" / "real.sqlite3", journal_mode="wal")
    link = tmp_path / "db.sqlite3"
    link.symlink_to("data/real.sqlite3")
    inode, whole = target.stat().st_ino, dbhash(target)
    with Single(tmp_path, link) as snap:
        snap.tag("baseline")
        execute(link, "DELETE FROM item WHERE id > 10")
        assert snap.restore("baseline").databases["default"].method == "in-place"
    assert link.is_symlink()
    assert target.stat().st_ino == inode
    assert dbhash(target) == whole
    with Single(tmp_path, target) as direct:
        assert direct.status().verdict == "clean"


def test_a_symbolic_link_stays_a_link_when_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    target = make_database(tmp_path / "data" / "real.sqlite3")
    link = tmp_path / "db.sqlite3"
    link.symlink_to("data/real.sqlite3")
    whole = dbhash(target)
    with Single(tmp_path, link) as snap:
        snap.tag("baseline")
        for damage in (target.unlink, lambda: target.write_bytes(b"garbage")):
            damage()
            snap.reset()
            assert link.is_symlink()
            assert dbhash(target) == whole


def test_a_link_to_nothing_is_a_missing_database(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").symlink_to("nowhere.sqlite3")
    with Single(tmp_path) as snap, refused(snap, DatabaseMissing, 15):
        snap.tag("baseline")


def test_a_link_in_a_circle_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite3").symlink_to("db.sqlite3")
    with Single(tmp_path) as snap, refused(snap, DatabaseUnreadable, 15) as raised:
        snap.tag("baseline")
    assert "symbolic links" in raised.value.detail


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_no_export_goes_over_the_live_database(tmp_path: Path, journal_mode: str) -> None:
    make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode)
    with Single(tmp_path) as snap:
        snap.tag("baseline")
        for statement in ("DELETE FROM item WHERE id > 10", "DELETE FROM item WHERE id > 9"):
            with Application(snap.database) as application:
                application.ask(statement)
                for force in (False, True):
                    with refused(snap, LiveDatabaseTarget, 14) as raised:
                        snap.export("baseline", snap.database, force=force)
                    assert raised.value.path == os.fspath(snap.database)
        assert items(snap.database) == 9


@pytest.mark.parametrize("name", ["spaces", "newline", "uri", "not-utf8", "link"])
def test_a_store_under_any_path_is_checked_and_rebuilt(tmp_path: Path, name: str) -> None:
    store = tmp_path / NAMES.get(name, "link")
    if name == "link":
        (tmp_path / "real").mkdir()
        store.symlink_to("real")
    with Single(tmp_path, make_database(tmp_path / NAMES["long"], journal_mode="wal"), store) as snap:
        snap.tag("baseline")
        wanted = snap.tags()
        snap.close()
        (store / "catalog.db").unlink()
        found = snap.fsck()
        assert (found.ok, [one.what for one in found.damaged]) == (False, ["catalog"])
        assert snap.fsck(rebuild=True).ok
        assert snap.tags() == wanted
        assert snap.fsck().ok
    assert store.is_symlink() == (name == "link")
