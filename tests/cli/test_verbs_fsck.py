"""`snap fsck`: every damage is named with the snapshots it spoils; the rest comes out; what can be mended is."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.store import Store
from tests.cli.hands import add_random, error_of, execute, fails, json_keys
from tests.damage.here import SnapHere
from tests.support import Snap, connect, dbhash, make_database, run


@pytest.fixture
def kept(tmp_path: Path) -> Snap:
    """Return a command with three snapshots, the third of hardly anything in common with the others."""
    snap = SnapHere(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode="wal"))
    snap("tag", "first", "-m", "the first", "--pin")
    execute(snap.database, "DELETE FROM item WHERE id % 50 = 0")
    snap("tag", "second")
    execute(snap.database, "DELETE FROM item", "DELETE FROM note")
    add_random(snap.database, 300_000)
    execute(snap.database, "VACUUM")
    snap("tag", "third")
    return snap


def packs(snap: Snap) -> list[Path]:
    """Return the packs, the oldest first."""
    return sorted((snap.store / "packs").glob("*.pack"), key=os.path.getmtime)


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def lose_the_catalog(snap: Snap) -> None:
    for path in snap.store.glob("catalog.db*"):
        path.unlink()


def books(snap: Snap) -> list[Any]:
    """Return what a user sees of ids, names, times, messages, pins and HEAD."""
    return [snap.json(*words) for words in (("log", "--all"), ("tags",), ("reflog",), ("show", "HEAD"))]


def affected(found: Any) -> set[str]:
    return {name for one in found["affected_snapshots"] for name in one["names"]}


def test_a_sound_store_is_said_to_be_sound(kept: Snap) -> None:
    for words in (("fsck",), ("fsck", "--quick")):
        found = kept.json(*words)
        json_keys(found, "ok", "damaged", "affected_snapshots", "objects", "packs")
        assert found["ok"]
        assert (found["damaged"], found["affected_snapshots"], found["packs"], found["snapshots"]) == ([], [], 3, 3)
        assert "sound" in kept(*words).stdout
    assert "verify" in kept("fsck", "--help").stdout


def test_a_flipped_bit_is_named_with_object_pack_and_snapshots(kept: Snap) -> None:
    flip(packs(kept)[2], packs(kept)[2].stat().st_size // 2)
    assert kept.json("fsck", "--quick")["ok"], "quick does not read objects"
    found = kept.json("fsck", code=20)
    (damage,) = [one for one in found["damaged"] if one["what"] == "object"]
    assert damage["pack"] == packs(kept)[2].stem
    (one,) = found["affected_snapshots"]
    assert damage["snapshots"] == [one["snapshot"]]
    assert one["names"] == ["third"]
    out = kept("fsck", code=20).stdout
    assert damage["object"][:10] in out
    assert "third" in out
    assert "2 of 3 snapshots can be restored in full" in out
    kept("export", "first", "first.sqlite3")
    kept("export", "second", "second.sqlite3")
    fails(kept, "export", "third", "third.sqlite3", code=20)


def test_a_lost_pack_spoils_what_rests_on_it_too(kept: Snap) -> None:
    packs(kept)[1].unlink()
    for words in (("fsck", "--quick"), ("fsck",)):
        found = kept.json(*words, code=20)
        assert affected(found) == {"second", "third"}, "the record of the third is a difference to the second's"
        assert [one["what"] for one in found["damaged"]] == ["pack"]
    kept("export", "first", "first.sqlite3")


def test_what_is_left_of_a_snapshot_of_two_databases_can_be_restored(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_database(tmp_path / f"{name}.sqlite3")
    (tmp_path / "snapstore.yaml").write_text("databases: {one: one.sqlite3, two: two.sqlite3}\nstore: store\n")
    run(["tag", "both"], tmp_path)
    execute(tmp_path / "two.sqlite3", "UPDATE item SET name = upper(name)")
    run(["tag", "again"], tmp_path)
    pack = sorted((tmp_path / "store" / "packs").glob("*.pack"), key=os.path.getmtime)[1]
    flip(pack, 200)
    out = run(["fsck"], tmp_path, 20).stdout
    assert "still intact: one" in out
    (command,) = [line for line in out.splitlines() if "--only-db" in line]
    words = command.split("'snap ")[1].rstrip("')").split()
    execute(tmp_path / "one.sqlite3", "DELETE FROM item")
    run([*words, "--no-safety"], tmp_path)


def test_healing_takes_a_block_from_the_live_database(kept: Snap) -> None:
    wanted = dbhash(kept.database)
    flip(packs(kept)[2], packs(kept)[2].stat().st_size // 2)
    found = kept.json("fsck", "--heal")
    assert found["ok"]
    assert [one["source"] for one in found["healed"]["objects"]] == ["database default"]
    assert kept.json("fsck")["ok"]
    kept("export", "third", "third.sqlite3")
    assert dbhash(kept.folder / "third.sqlite3") == wanted
    (aside,) = (kept.store / "packs").glob("*.damaged")
    assert aside.name.startswith(found["healed"]["set_aside"][0])


def test_healing_takes_a_manifest_from_the_live_database(kept: Snap) -> None:
    packs(kept)[2].unlink()
    found = kept.json("fsck", "--heal", code=20)
    assert len(found["healed"]["objects"]) > 1
    with Store.open(kept.store) as store:
        assert len(store.catalog.rows("SELECT 1 FROM object WHERE kind = 2")) == 3
    assert affected(found) == {"third"}, "the record of a snapshot is nowhere else"


def test_healing_takes_an_object_from_another_pack(kept: Snap) -> None:
    """A take that was cut off left a pack that nothing mentions, with the same blocks."""
    other = SnapHere(kept.folder, kept.database, kept.folder / "other")
    other("tag", "same")
    (pack,) = packs(other)
    flip(packs(kept)[2], packs(kept)[2].stat().st_size // 2)
    shutil.copy(pack, kept.store / "packs")
    execute(kept.database, "DELETE FROM noise")
    found = kept.json("fsck", "--heal")
    assert {one["source"] for one in found["healed"]["objects"]} == {f"pack {pack.stem}"}


def test_what_cannot_be_healed_stays_named(kept: Snap) -> None:
    flip(packs(kept)[0], 200)
    execute(kept.database, "DELETE FROM noise")
    found = kept.json("fsck", "--heal", code=20)
    assert affected(found) == {"first", "second"}
    assert "snap rm" in kept("fsck", "--heal", code=20).stdout
    kept("export", "third", "third.sqlite3")


def test_a_lost_catalog_is_made_anew(kept: Snap) -> None:
    before = books(kept)
    lose_the_catalog(kept)
    assert "--rebuild" in kept("fsck", code=20).stdout
    found = kept.json("fsck", "--rebuild")
    assert found["rebuilt"]["snapshots"] == 3
    assert found["rebuilt"]["kept"] is None
    assert books(kept) == before
    kept("restore", "first")
    assert error_of(kept("rm", "first", code=14)), "it is pinned still"


def test_a_readable_catalog_is_kept_beside_and_its_ledger_carried_over(kept: Snap) -> None:
    (kept.folder / "snapstore.yaml").write_text("database: db.sqlite3\nstore: store\n")
    run(["run", "--", "true"], kept.folder)
    with Store.open(kept.store) as store:
        suites = store.catalog.rows("SELECT * FROM suite")
        tests = store.catalog.rows("SELECT * FROM test")
    assert suites
    before = books(kept)
    found = kept.json("fsck", "--rebuild")
    assert found["rebuilt"]["carried"]["suite"] == len(suites)
    assert Path(found["rebuilt"]["kept"]).exists()
    with Store.open(kept.store) as store:
        assert store.catalog.rows("SELECT * FROM suite") == suites
        assert store.catalog.rows("SELECT * FROM test") == tests
    assert books(kept) == before


def test_a_log_of_the_old_catalog_is_not_replayed_over_the_new(kept: Snap) -> None:
    """A copy of catalog and log as a crash leaves them; a log that stays would be read as the new catalog's."""
    copy = kept.folder / "copy"
    with closing(connect(kept.store / "catalog.db")) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("UPDATE ref SET message = 'in the log' WHERE name = 'third'")
        shutil.copytree(kept.store, copy)
    kept.store = copy
    assert (copy / "catalog.db-wal").stat().st_size
    kept("fsck", "--rebuild")
    assert not list(copy.glob("catalog.db-wal"))
    assert kept.json("fsck")["ok"]


def test_forgotten_snapshots_stay_forgotten(kept: Snap) -> None:
    kept("rm", "second")
    gone = kept.json("log", "--all")[1]["snapshot"]
    kept("rm", gone)
    before = books(kept)
    lose_the_catalog(kept)
    kept("fsck", "--rebuild")
    assert books(kept) == before
    assert {one["snapshot"] for one in kept.json("log", "--all") if one["forgotten"]} == {gone}


def test_a_lost_line_of_the_reflog_is_taken_from_the_catalog(kept: Snap) -> None:
    before = books(kept)
    reflog = kept.store / "reflog"
    lines = reflog.read_bytes().splitlines(keepends=True)
    reflog.write_bytes(b"".join(lines[:1] + lines[3:]))
    found = kept.json("fsck", "--quick", code=20)
    assert [one["what"] for one in found["damaged"]] == ["reflog"]
    found = kept.json("fsck", "--heal")
    assert found["healed"]["reflog"]
    assert books(kept) == before
    lose_the_catalog(kept)
    assert kept.json("fsck", "--rebuild")["rebuilt"]["lost"] == []
    assert books(kept) == before


def test_what_neither_reflog_nor_catalog_has_is_said_to_be_lost(kept: Snap) -> None:
    ids = {one["snapshot"] for one in kept.json("log", "--all")}
    reflog = kept.store / "reflog"
    lines = reflog.read_bytes().splitlines(keepends=True)
    (cut,) = [number for number, line in enumerate(lines) if b'"second", "origin": ""' in line]
    reflog.write_bytes(b"".join([*lines[:cut], lines[cut][:40] + b"\n", *lines[cut + 1 :]]))
    lose_the_catalog(kept)
    found = kept.json("fsck", "--rebuild", code=20)
    assert any("reflog" in text for text in found["rebuilt"]["lost"])
    assert {one["snapshot"] for one in kept.json("log", "--all")} == ids, "no snapshot goes with its name"
    assert [one["names"] for one in kept.json("tags")] == [["first"], ["third"]]
    assert kept.json("fsck")["ok"], "what is lost is said once"


def test_a_lost_format_file_is_written_anew(kept: Snap) -> None:
    before = books(kept)
    (kept.store / "format").unlink()
    assert "format" in error_of(kept("log", code=20))
    kept("fsck", "--rebuild")
    assert (kept.store / "format").read_bytes() == b"snapstore 1\n"
    assert books(kept) == before


def test_packs_under_each_others_names_are_put_right(kept: Snap) -> None:
    one, two = packs(kept)[:2]
    data = one.read_bytes(), two.read_bytes()
    one.write_bytes(data[1])
    two.write_bytes(data[0])
    assert affected(kept.json("fsck", code=20)) >= {"first", "second"}
    assert kept.json("fsck", "--rebuild")["ok"]
    assert (one.read_bytes(), two.read_bytes()) == data


def test_entries_after_a_damaged_one_are_found(kept: Snap) -> None:
    flip(packs(kept)[2], 20)
    lose_the_catalog(kept)
    found = kept.json("fsck", "--rebuild", code=20)
    assert affected(found) == {"third"}
    assert found["objects"] > 3
    for name in ("first", "second"):
        kept("export", name, f"{name}.sqlite3")


def test_a_take_that_was_cut_off_stays_off_the_list(kept: Snap) -> None:
    before = books(kept)
    other = SnapHere(kept.folder, kept.database, kept.folder / "other")
    other("tag", "never-finished")
    shutil.copy(packs(other)[0], kept.store / "packs")
    assert kept.json("fsck")["unused_packs"] == 1
    kept("fsck", "--rebuild")
    assert books(kept) == before


@pytest.mark.parametrize("option", ["--rebuild", "--heal"])
def test_nothing_is_changed_while_another_process_has_the_store_open(kept: Snap, option: str) -> None:
    with Store.open(kept.store):
        assert "locked" in error_of(kept("fsck", option, "--timeout", "0", code=11))
    kept("fsck", option)


def test_no_packs_make_no_catalog(kept: Snap) -> None:
    shutil.rmtree(kept.store / "packs")
    (kept.store / "packs").mkdir()
    before = (kept.store / "catalog.db").read_bytes()
    assert "no packs" in error_of(kept("fsck", "--rebuild", code=20))
    assert (kept.store / "catalog.db").read_bytes() == before


def test_mistakes_are_told(snap: Snap) -> None:
    fails(snap, "fsck", code=10)
    fails(snap, "fsck", "--rebuild", code=10)
    snap.store.mkdir()
    (snap.store / "thesis.tex").write_text("mine")
    fails(snap, "fsck", code=14)
    fails(snap, "fsck", "--rebuild", code=14)
    fails(snap, "fsck", "--quick", "--heal", code=2)
    assert os.listdir(snap.store) == ["thesis.tex"]
