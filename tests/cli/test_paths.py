"""Paths and texts as people and programs make them, on the command line: each is read, and printed on one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore import Snapstore
from tests.api.test_paths import NAMES
from tests.cli.hands import error_of
from tests.cli.inside import Inside, run_inside
from tests.contents import execute, items
from tests.support import ENVIRONMENT, Snap, make_database


@pytest.mark.parametrize("name", ["newline", "escape", "not-utf8", "umlaut", "brackets"])
def test_an_error_about_any_path_is_one_line(tmp_path: Path, name: str) -> None:
    snap = Inside(tmp_path, tmp_path / NAMES[name])
    message = error_of(snap.refuses("tag", "baseline", code=15))
    assert "\x1b" not in message
    assert "\x07" not in message


def test_an_error_about_any_revision_is_one_line(tmp_path: Path) -> None:
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", rows=1))
    snap("tag", "baseline")
    for name in ("newline", "escape", "not-utf8"):
        assert "\x1b" not in error_of(snap.refuses("restore", NAMES[name], code=12))


def test_a_message_of_any_text_is_printed_on_one_line(tmp_path: Path) -> None:
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", rows=1))
    text = "first\nsecond \x1b[31m 'quoted' größe 数据"
    snap("tag", "baseline", "-m", text)
    assert snap.json("log")[0]["message"] == text
    out = snap("log").stdout
    assert len(out.splitlines()) == 1
    assert "\x1b[31m" not in out


def test_show_prints_any_path_on_one_line(tmp_path: Path) -> None:
    plain = make_database(tmp_path / "plain", rows=1)
    for name in NAMES.values():
        snap = Inside(tmp_path, plain.rename(tmp_path / name))
        snap("tag", "baseline", "--force")
        lines = snap("show", "HEAD").stdout.split("\n")
        assert len(lines) < 30, name
        assert all(line.isprintable() for line in lines)
        plain = snap.database


def test_a_name_that_is_not_text_is_printed_by_a_process(tmp_path: Path) -> None:
    snap = Snap(tmp_path, make_database(tmp_path / NAMES["not-utf8"]), tmp_path / NAMES["escape"])
    snap("tag", "baseline")
    assert "caf" in snap("show", "HEAD").stdout
    assert snap.json("status")["databases"]["default"]["path"] == os.fspath(snap.database)
    snap("export", "baseline", NAMES["newline"])
    assert items(tmp_path / NAMES["newline"]) == 500
    assert error_of(snap("export", "baseline", NAMES["newline"], code=14))


@pytest.mark.parametrize("name", ["spaces", "newline", "hash", "not-utf8", "quotes", "umlaut", "percent", "backslash"])
def test_init_writes_any_path_so_that_it_is_read_back(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_database(tmp_path / "plain").rename(tmp_path / NAMES[name])
    monkeypatch.chdir(tmp_path)
    run_inside(["init", "--db", NAMES[name]])
    with Snapstore(store=tmp_path / "store", env=ENVIRONMENT) as snap:
        assert snap.project.databases["default"] == os.fspath(tmp_path / NAMES[name])
        snap.tag("baseline")
        execute(tmp_path / NAMES[name], "DELETE FROM item")
        snap.restore("baseline")
    assert items(tmp_path / NAMES[name]) == 500


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_copy_does_not_go_over_the_live_database_even_by_force(tmp_path: Path, journal_mode: str) -> None:
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode=journal_mode))
    live = os.fspath(snap.database)
    snap("tag", "baseline")
    execute(snap.database, "DELETE FROM item WHERE id > 10")
    for verb in (("export", "baseline", live), ("restore", "baseline", "--to", live)):
        snap.refuses(*verb, code=14)
        snap.refuses(*verb, "--force", code=14)
    assert items(snap.database) == 10


@pytest.mark.parametrize("name", ["spaces", "newline", "uri", "not-utf8", "link"])
def test_a_store_under_any_path_is_printed_by_doctor_and_fsck(tmp_path: Path, name: str) -> None:
    store = tmp_path / NAMES.get(name, "link")
    if name == "link":
        (tmp_path / "real").mkdir()
        store.symlink_to("real")
    snap = Inside(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode="wal"), store)
    snap("tag", "baseline")
    assert snap("doctor").stdout
    (store / "catalog.db").unlink()
    assert "damaged" in snap("fsck", code=20).stdout
