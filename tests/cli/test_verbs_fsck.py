"""`snap fsck`: its options, exit codes and lines. tests/api/test_fsck.py has what it finds and repairs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from snapstore.store import Store
from tests.cli.hands import add_random, error_of, execute
from tests.damage.here import run_here
from tests.support import Snap, dbhash, make_database


@pytest.fixture
def kept(here: Snap) -> Snap:
    """Return a command with two snapshots, the second of hardly anything in common with the first."""
    here("tag", "first")
    execute(here.database, "DELETE FROM item", "DELETE FROM note")
    add_random(here.database, 300_000)
    execute(here.database, "VACUUM")
    here("tag", "second")
    return here


def packs(store: Path) -> list[Path]:
    """Return the packs, the oldest first."""
    return sorted((store / "packs").glob("*.pack"), key=os.path.getmtime)


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_sound_store_is_reported_as_sound(kept: Snap) -> None:
    for words, how in ((("fsck",), "every object read"), (("fsck", "--quick"), "objects not read")):
        said = kept(*words).stdout
        assert "the store is sound" in said
        assert f"2 snapshots ({how}" in said
    assert "verify" in kept("fsck", "--help").stdout


def test_damage_is_named_until_it_is_healed(kept: Snap) -> None:
    damaged = packs(kept.store)[1]
    flip(damaged, damaged.stat().st_size // 2)
    (damage,) = [one for one in kept.json("fsck", code=20)["damaged"] if one["object"]]
    said = kept("fsck", code=20).stdout
    assert f"object {damage['object'][:10]} in pack {damaged.stem[:10]}" in said
    assert "second" in said
    assert "1 of 2 snapshots can be restored in full" in said
    assert "--heal" in said
    said = kept("fsck", "--heal").stdout
    assert f"healed   object {damage['object'][:10]}, from database default" in said
    assert f"set aside pack {damaged.stem[:10]}" in said
    assert "the store is sound" in said


def test_what_cannot_be_healed_can_be_forgotten(kept: Snap) -> None:
    flip(packs(kept.store)[0], 200)
    assert " --force' forgets what cannot be restored" in kept("fsck", "--heal", code=20).stdout


def test_what_is_left_of_a_snapshot_of_two_databases_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        make_database(tmp_path / f"{name}.sqlite3")
    (tmp_path / "snapstore.yaml").write_text("databases: {one: one.sqlite3, two: two.sqlite3}\nstore: store\n")
    run_here(["tag", "both"])
    whole = dbhash(tmp_path / "one.sqlite3")
    execute(tmp_path / "two.sqlite3", "UPDATE item SET name = upper(name)")
    run_here(["tag", "again"])
    flip(packs(tmp_path / "store")[1], 200)
    done = run_here(["fsck"])
    assert done.code == 20
    assert "still intact: one" in done.out
    (command,) = [line for line in done.out.splitlines() if "--only-db" in line]
    words = command.split("'snap ")[1].rstrip("')").split()
    execute(tmp_path / "one.sqlite3", "DELETE FROM item")
    assert run_here([*words, "--no-safety"]).code == 0
    assert dbhash(tmp_path / "one.sqlite3") == whole


def test_a_lost_catalog_is_rebuilt(kept: Snap) -> None:
    for path in kept.store.glob("catalog.db*"):
        path.unlink()
    assert "--rebuild" in kept("fsck", code=20).stdout
    said = kept("fsck", "--rebuild").stdout
    assert "2 snapshots, 2 names, " in said
    assert "the store is sound" in said
    assert "the old one is kept as '" in kept("fsck", "--rebuild").stdout


def test_nothing_is_changed_while_another_process_has_the_store_open(kept: Snap) -> None:
    with Store.open(kept.store):
        assert "waiting for a lock" in error_of(kept("fsck", "--rebuild", "--timeout", "0", code=11))


def test_what_is_not_a_store_is_left_alone(here: Snap) -> None:
    error_of(here("fsck", code=10))
    here.store.mkdir()
    (here.store / "thesis.tex").write_text("mine")
    error_of(here("fsck", "--rebuild", code=14))
    here("fsck", "--quick", "--heal", code=2)
    assert os.listdir(here.store) == ["thesis.tex"]
