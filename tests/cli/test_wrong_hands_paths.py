"""Paths as people and programs make them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.hands import error_of, execute, fails, items
from tests.support import Application, Snap, dbhash, make_database, run

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
    snap = Snap(tmp_path, plain.rename(folder / NAMES[name]), folder / "store")
    snap("tag", "baseline")
    with Application(snap.database) as application:
        application.ask("DELETE FROM item WHERE id > 50")
        changed = snap.json("status")["databases"]["default"]
        assert not changed["clean"]
        assert changed["path"] == os.fspath(snap.database)
        snap("restore", "baseline")
        assert application.ask("SELECT count(*) FROM item") == [[500]]
    snap("undo")
    origin = os.fsencode(snap.database).decode("utf-8", "backslashreplace")
    assert snap.json("show", "HEAD")["databases"]["default"]["origin"] == origin
    snap("show", "HEAD")
    snap("export", "baseline", os.fspath(folder / "out"))
    assert items(folder / "out") == 500
    assert {path.name for path in folder.iterdir()} <= {
        "store",
        "out",
        NAMES[name],
        NAMES[name] + "-wal",
        NAMES[name] + "-shm",
    }


@pytest.mark.parametrize("name", ["newline", "escape", "not-utf8", "umlaut", "brackets"])
def test_an_error_about_any_path_is_one_line(tmp_path: Path, name: str) -> None:
    snap = Snap(tmp_path, tmp_path / NAMES[name])
    message = error_of(fails(snap, "tag", "baseline", code=15))
    assert "\x1b" not in message
    assert "\x07" not in message


@pytest.mark.parametrize("name", ["newline", "escape", "not-utf8"])
def test_an_error_about_any_revision_is_one_line(snap: Snap, name: str) -> None:
    snap("tag", "baseline")
    message = error_of(fails(snap, "restore", NAMES[name], code=12))
    assert "\x1b" not in message


@pytest.mark.parametrize("name", ["spaces", "newline", "hash", "not-utf8", "quotes", "umlaut", "percent", "backslash"])
def test_init_writes_any_path_so_that_it_is_read_back(tmp_path: Path, name: str) -> None:
    make_database(tmp_path / "plain").rename(tmp_path / NAMES[name])
    run(["init", "--db", NAMES[name]], tmp_path)
    run(["tag", "baseline"], tmp_path)
    run(["restore", "baseline"], tmp_path)


def test_a_message_of_any_text_is_kept(snap: Snap) -> None:
    text = "first\nsecond \x1b[31m 'quoted' größe 数据"
    snap("tag", "baseline", "-m", text)
    assert snap.json("log")[0]["message"] == text
    out = snap("log").stdout
    assert len(out.splitlines()) == 1
    assert "\x1b[31m" not in out


def test_a_symbolic_link_stays_a_link_and_its_target_is_restored_in_place(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    target = make_database(tmp_path / "data" / "real.sqlite3", journal_mode="wal")
    link = tmp_path / "db.sqlite3"
    link.symlink_to("data/real.sqlite3")
    snap, inode = Snap(tmp_path, link), target.stat().st_ino
    whole = dbhash(target)
    snap("tag", "baseline")
    execute(link, "DELETE FROM item WHERE id > 10")
    assert snap.json("restore", "baseline")["databases"]["default"]["method"] == "in-place"
    assert link.is_symlink()
    assert target.stat().st_ino == inode
    assert dbhash(target) == whole
    assert Snap(tmp_path, target, snap.store).json("status")["clean"]


def test_a_symbolic_link_stays_a_link_when_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    target = make_database(tmp_path / "data" / "real.sqlite3")
    link = tmp_path / "db.sqlite3"
    link.symlink_to("data/real.sqlite3")
    snap, whole = Snap(tmp_path, link), dbhash(target)
    snap("tag", "baseline")
    for damage in (target.unlink, lambda: target.write_bytes(b"garbage")):
        damage()
        snap("reset")
        assert link.is_symlink()
        assert dbhash(target) == whole


def test_a_link_to_nothing_is_a_missing_database(tmp_path: Path) -> None:
    snap = Snap(tmp_path)
    snap.database.symlink_to("nowhere.sqlite3")
    fails(snap, "tag", "baseline", code=15)


def test_a_link_in_a_circle_is_an_error(tmp_path: Path) -> None:
    snap = Snap(tmp_path)
    snap.database.symlink_to("db.sqlite3")
    fails(snap, "tag", "baseline", code=15)


def test_export_and_restore_to_do_not_overwrite_the_live_database(snap: Snap) -> None:
    snap("tag", "baseline")
    with Application(snap.database) as application:
        application.ask("DELETE FROM item WHERE id > 10")
        for verb in (("export", "baseline", "db.sqlite3"), ("restore", "baseline", "--to", "db.sqlite3")):
            error_of(snap(*verb, code=14))
            error_of(snap(*verb, "--force", code=14))
        assert application.ask("SELECT count(*) FROM item") == [[10]]


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_even_by_force_a_copy_does_not_go_over_the_live_database(tmp_path: Path, journal_mode: str) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode))
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item WHERE id > 10")
    fails(snap, "restore", "baseline", "--to", "db.sqlite3", "--force", code=14)
    assert items(snap.database) == 10


@pytest.mark.parametrize("name", ["spaces", "newline", "uri", "not-utf8", "link"])
def test_a_store_under_any_path_is_checked_and_made_anew(tmp_path: Path, name: str) -> None:
    place = tmp_path / NAMES.get(name, "link")
    if name == "link":
        (tmp_path / "real").mkdir()
        place.symlink_to("real")
    snap = Snap(tmp_path, make_database(tmp_path / NAMES["long"], journal_mode="wal"), place)
    snap("tag", "baseline")
    wanted = snap.json("tags")
    (place / "catalog.db").unlink()
    assert "damaged" in snap("fsck", code=20).stdout
    snap("fsck", "--rebuild")
    assert snap.json("tags") == wanted
    assert snap.json("fsck")["ok"]
    snap("doctor")
    assert place.is_symlink() == (name == "link")
