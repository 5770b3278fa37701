"""The skeletons kept in a store: good for the next comparison, and never the cause of a wrong one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.actions.skeletons import FOLDER, MOST_BYTES, MOST_FILES
from snapstore.database.skeleton import MAGIC, VERSION
from snapstore.ids import object_id
from snapstore.store import Store
from tests.cli.hands import LIMITED, call, without_powers
from tests.support import ENVIRONMENT, Snap, connect

ROWS = 9000
CHANGES = (
    "DELETE FROM item WHERE id BETWEEN 100 AND 900 OR id = 4000",
    "UPDATE item SET body = 'changed' WHERE id = 8000",
    "UPDATE word SET meaning = 'other' WHERE spelling = 'word 77'",
    "INSERT INTO item(name, body) VALUES ('new', 'row')",
)
EXPECTED = {"item": {"added": 1, "removed": 802, "changed": 1}, "word": {"added": 0, "removed": 0, "changed": 1}}
LONG_ROW = 7500


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that has enough pages for its skeleton to be kept, and two snapshots."""
    folder = tmp_path_factory.mktemp("built") / "here"
    folder.mkdir()
    snap = Snap(folder)
    with closing(connect(snap.database)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, body TEXT)")
        connection.execute("CREATE TABLE word(spelling TEXT PRIMARY KEY, meaning TEXT) WITHOUT ROWID")
        connection.execute("CREATE INDEX item_name ON item(name)")
        rows = [(f"name {number}", "b" * (number % 150)) for number in range(ROWS)]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO item(name, body) VALUES (?, ?)", rows)
        connection.executemany("INSERT INTO word VALUES (?, 'm')", ((f"word {number}",) for number in range(3000)))
        connection.execute("UPDATE item SET body = ? WHERE id = ?", ("l" * 4000, LONG_ROW))
        connection.execute("COMMIT")
    snap("tag", "baseline")
    execute(snap.database, *CHANGES)
    snap("tag", "later")
    shutil.copytree(folder, folder.with_name("made"))
    return folder


@pytest.fixture
def snap(built: Path) -> Iterator[Snap]:
    """Return a command for the folder as it was built."""
    shutil.rmtree(built)
    shutil.copytree(built.with_name("made"), built)
    yield Snap(built)
    for path in (built, built / "store", built / "store" / FOLDER):
        if path.is_dir():
            path.chmod(0o755)


def execute(path: Path, *statements: str) -> None:
    with closing(connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def skeletons(snap: Snap) -> list[Path]:
    return sorted((snap.store / FOLDER).glob("*"))


def differs(snap: Snap, *arguments: str) -> dict[str, Any]:
    """Return the counts by table."""
    found: dict[str, Any] = snap.json("diff", *arguments)["databases"]["default"]["tables"]
    return found


def is_used(snap: Snap) -> bool:
    """Tell whether the next comparison takes the skeleton from its file, which it then says it did."""
    (path,) = skeletons(snap)
    os.utime(path, (1, 1))
    before = path.read_bytes()
    assert differs(snap, "baseline", "later") == EXPECTED
    return path.stat().st_mtime > 1 and path.read_bytes() == before and skeletons(snap) == [path]


def test_the_first_comparison_keeps_what_the_next_ones_take(snap: Snap) -> None:
    assert not skeletons(snap)
    assert differs(snap, "baseline") == EXPECTED
    assert len(skeletons(snap)) == 1
    assert is_used(snap)
    assert differs(snap, "baseline", "later") == EXPECTED
    turned = {name: {**one, "added": one["removed"], "removed": one["added"]} for name, one in EXPECTED.items()}
    assert differs(snap, "later", "baseline") == turned
    assert snap.json("verify", "baseline", code=1)["databases"]["default"]["tables"] == EXPECTED
    assert len(skeletons(snap)) == 1


def test_a_clean_state_needs_no_skeleton(snap: Snap) -> None:
    snap("verify", "later")
    snap("status")
    assert not skeletons(snap)


def test_clean_and_restore_come_out_right_with_a_kept_skeleton(snap: Snap) -> None:
    differs(snap, "baseline")
    assert snap.json("clean", "baseline")["changed"]
    assert snap.json("verify", "baseline")["verdict"] in ("clean", "drifted")
    snap("restore", "later")
    assert differs(snap, "baseline") == EXPECTED


def test_a_kept_skeleton_spares_the_pages_that_did_not_change(snap: Snap) -> None:
    execute(snap.database, "UPDATE word SET meaning = 'third' WHERE spelling = 'word 5'")
    snap("tag", "third")
    wanted = {"word": {"added": 0, "removed": 0, "changed": 1}}
    assert differs(snap, "later", "third") == wanted
    kept = skeletons(snap)
    _lose_blocks_of_both(snap.store, "later", "third")
    assert differs(snap, "later", "third") == wanted
    shutil.rmtree(kept[0].parent)
    assert "damaged" in snap("diff", "later", "third", code=20).stderr


def _lose_blocks_of_both(path: Path, *names: str) -> None:
    """Overwrite the blocks that two snapshots share, but for the first, which has the schema."""
    with Store.open(path) as store:
        snapshots = [store.snapshots.load(store.refs.demand(name).snapshot) for name in names]
        before, after = (store.snapshots.manifest(one.databases["default"].manifest) for one in snapshots)
        unlike = {number for number, _ in before.blocks_unlike(after)} | {0}
        for number in set(range(before.block_count)) - unlike:
            location = store.objects.index.find(before.block_id(number) or b"")
            assert location
            with (path / "packs" / f"{location.pack}.pack").open("r+b") as pack:
                pack.seek(location.offset)
                pack.write(bytes(location.stored_bytes))


def rewritten(change: Callable[[bytearray], None]) -> Callable[[Path], None]:
    """Return what changes a skeleton and gives it the checksum it then should have."""

    def damage(path: Path) -> None:
        body = bytearray(path.read_bytes()[:-16])
        change(body)
        path.write_bytes(body + object_id(bytes(body)))

    return damage


def cut(length: int | None) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.write_bytes(path.read_bytes()[:length])

    return damage


def flipped(place: float) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[int(place * (len(data) - 1))] ^= 0x40
        path.write_bytes(data)

    return damage


def of_another_version(body: bytearray) -> None:
    assert body[:8] == MAGIC
    body[8:12] = (VERSION + 1).to_bytes(4, "little")


def of_another_manifest(body: bytearray) -> None:
    body[24:40] = bytes(16)


def of_another_size(body: bytearray) -> None:
    body[12:16] = (1).to_bytes(4, "little")


def without_its_end(body: bytearray) -> None:
    del body[-8:]


def with_an_odd_end(body: bytearray) -> None:
    body.append(0)


def without_trees(body: bytearray) -> None:
    body[16:24] = bytes(8)


@pytest.mark.parametrize(
    "damage",
    [
        *(cut(0), cut(7), cut(39), cut(1000), cut(-1)),
        *(flipped(0), flipped(0.3), flipped(0.7), flipped(1)),
        *map(rewritten, (of_another_version, of_another_manifest, of_another_size)),
        *map(rewritten, (without_its_end, with_an_odd_end, without_trees)),
    ],
)
def test_a_skeleton_that_is_not_good_is_made_anew(snap: Snap, damage: Callable[[Path], None]) -> None:
    differs(snap, "baseline")
    (path,) = skeletons(snap)
    good = path.read_bytes()
    for look in (("diff", "baseline"), ("diff", "baseline", "later"), ("verify", "baseline"), ("status",)):
        damage(path)
        assert path.read_bytes() != good
        found = snap.json(*look, code=1 if look[0] == "verify" else 0)
        if look[0] != "status":
            assert found["databases"]["default"]["tables"] == EXPECTED
            assert path.read_bytes() == good
    assert is_used(snap) or path.read_bytes() == good


def test_the_skeleton_of_another_snapshot_is_not_taken_for_its_own(snap: Snap) -> None:
    execute(snap.database, "DELETE FROM item WHERE id % 2")
    snap("tag", "half")
    differs(snap, "baseline", "later")
    (first,) = skeletons(snap)
    differs(snap, "half", "later")
    (second,) = set(skeletons(snap)) - {first}
    wanted = differs(snap, "half", "later")
    first.write_bytes(second.read_bytes())
    assert differs(snap, "baseline", "later") == EXPECTED
    assert differs(snap, "half", "later") == wanted


def test_a_skeleton_without_indexes_gets_them_when_a_long_row_changed(snap: Snap) -> None:
    snap("restore", "baseline")
    differs(snap, "baseline", "later")
    (path,) = skeletons(snap)
    small = path.stat().st_size
    for _ in range(2):
        execute(snap.database, f"UPDATE item SET body = substr(body, 1, 3999) || 'z' WHERE id = {LONG_ROW}")
        assert differs(snap, "baseline") == {"item": {"added": 0, "removed": 0, "changed": 1}}
        execute(snap.database, f"UPDATE item SET body = substr(body, 1, 3998) || 'yy' WHERE id = {LONG_ROW}")
        assert differs(snap, "baseline") == {"item": {"added": 0, "removed": 0, "changed": 1}}
    assert path.stat().st_size > small
    assert is_used(snap)


def test_a_small_database_keeps_none(tmp_path: Path) -> None:
    snap = Snap(tmp_path)
    execute(snap.database, "CREATE TABLE t(x)", "INSERT INTO t VALUES (1)")
    snap("tag", "baseline")
    execute(snap.database, "INSERT INTO t VALUES (2)")
    assert differs(snap, "baseline") == {"t": {"added": 1, "removed": 0, "changed": 0}}
    assert not skeletons(snap)


def left_by_others(snap: Snap, name: str, bytes_: int = 0) -> list[Path]:
    """Put files there that were used one after the other, long ago."""
    (snap.store / FOLDER).mkdir(exist_ok=True)
    paths = [snap.store / FOLDER / name.format(number) for number in range(MOST_FILES)]
    for number, path in enumerate(paths):
        path.touch()
        os.truncate(path, bytes_)
        os.utime(path, (1000 + number, 1000 + number))
    return paths


@pytest.mark.parametrize("name", ["{:032x}.skeleton", ".x.{}.snap-tmp"])
def test_those_that_were_used_long_ago_go_when_there_are_many(snap: Snap, name: str) -> None:
    others = left_by_others(snap, name)
    differs(snap, "baseline")
    (own,) = set(skeletons(snap)) - set(others)
    assert set(skeletons(snap)) == {own, *others[1:]}
    os.utime(own, (1, 1))
    differs(snap, "baseline")
    execute(snap.database, "DELETE FROM item WHERE id = 5000")
    differs(snap, "later")
    assert own in skeletons(snap)
    assert others[1] not in skeletons(snap)


def test_those_that_were_used_long_ago_go_when_they_are_large(snap: Snap) -> None:
    others = left_by_others(snap, "{:032x}.skeleton", MOST_BYTES // 4)
    differs(snap, "baseline")
    (own,) = set(skeletons(snap)) - set(others)
    assert set(skeletons(snap)) == {own, *others[-3:]}


def test_a_store_that_cannot_be_written_compares_all_the_same(snap: Snap) -> None:
    program = without_powers()
    snap("log")
    (snap.store / FOLDER).mkdir()
    (snap.store / FOLDER).chmod(0o555)
    for _ in range(2):
        call(snap, "diff", "baseline", "--exit-code", code=1, program=program)
    assert not skeletons(snap)
    (snap.store / FOLDER).rmdir()
    snap.store.chmod(0o555)
    call(snap, "diff", "baseline", "later", "--exit-code", code=1, program=program)
    assert not skeletons(snap)


def test_nothing_is_kept_of_a_file_that_is_read_without_locks(snap: Snap) -> None:
    program = without_powers()
    execute(snap.database, "PRAGMA journal_mode = wal", "DELETE FROM item WHERE id = 5000")
    assert not Path(f"{snap.database}-wal").exists()
    snap.folder.chmod(0o555)
    call(snap, "diff", "baseline", "--exit-code", code=1, program=program)
    assert not skeletons(snap)
    snap.folder.chmod(0o755)
    call(snap, "diff", "baseline", "--exit-code", code=1, program=program)
    assert skeletons(snap)


def test_a_skeleton_that_cannot_be_read_is_none(snap: Snap) -> None:
    program = without_powers()
    differs(snap, "baseline")
    (path,) = skeletons(snap)
    path.chmod(0)
    call(snap, "diff", "baseline", "--exit-code", code=1, program=program)
    assert differs(snap, "baseline") == EXPECTED


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch])
def test_something_else_in_its_place_does_no_harm(snap: Snap, make: Callable[[Path], None]) -> None:
    differs(snap, "baseline")
    (path,) = skeletons(snap)
    path.unlink()
    make(path)
    assert differs(snap, "baseline") == EXPECTED
    shutil.rmtree(snap.store / FOLDER)
    make(snap.store / FOLDER)
    assert differs(snap, "baseline") == EXPECTED


def test_a_full_disk_keeps_none_and_says_nothing(snap: Snap) -> None:
    limited = (sys.executable, "-c", LIMITED, "4096")
    done = call(snap, "diff", "baseline", "later", "--exit-code", code=1, program=limited)
    assert done.stderr == ""
    assert not skeletons(snap)


def test_processes_that_compare_at_once_agree(snap: Snap) -> None:
    command = [sys.executable, "-m", "snapstore", "diff", "baseline", "--stat"]
    command += ["--db", os.fspath(snap.database), "--store", os.fspath(snap.store)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) for _ in range(5)
    ]
    said = {one.communicate() for one in running}
    assert len(said) == 1
    assert said.pop()[1] == b""
    assert len(skeletons(snap)) == 1
    assert is_used(snap)


def test_a_removed_snapshot_leaves_a_skeleton_that_nothing_needs(snap: Snap) -> None:
    differs(snap, "baseline", "later")
    snap("rm", "baseline", "-y")
    assert differs(snap, "later") == {}
    execute(snap.database, "DELETE FROM word WHERE spelling = 'word 5'")
    assert differs(snap, "later") == {"word": {"added": 0, "removed": 1, "changed": 0}}


def test_damage_below_a_page_that_changed_is_found_with_a_kept_skeleton(snap: Snap) -> None:
    differs(snap, "baseline")
    snap("restore", "baseline")
    with closing(connect(snap.database)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'item'").fetchone()[0]
        other = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'word'").fetchone()[0]
    with snap.database.open("r+b") as file:
        file.seek((root - 1) * 512 + 8)
        file.write(other.to_bytes(4, "big"))
    for verb in (("diff", "baseline"), ("verify", "baseline"), ("status",)):
        assert f"page {other} of table 'item'" in snap(*verb, code=15).stderr
