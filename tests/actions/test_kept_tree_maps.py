"""Tree maps that a long-lived process keeps in memory speed up comparisons and never make one wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.actions.clean import CleanOptions, clean
from snapstore.actions.diff import DiffOptions, diff
from snapstore.actions.remove import remove
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.compare.state import State, live_state, snapshot_state
from snapstore.database import btree, tree_map_cache, walked_tree_map
from snapstore.database.file import DatabaseFile
from snapstore.database.tree_map_cache import TreeMapCache
from snapstore.errors import DatabaseCorrupt, StoreDamaged
from snapstore.project import Project
from snapstore.store import Store
from tests.support import Snap, connect

ROWS = 9000
CHANGES = (
    "DELETE FROM item WHERE id BETWEEN 100 AND 900 OR id = 4000",
    "UPDATE item SET body = 'changed' WHERE id = 8000",
    "UPDATE word SET meaning = 'other' WHERE spelling = 'word 77'",
    "INSERT INTO item(name, body) VALUES ('new', 'row')",
)
Counted = dict[str, tuple[int, int, int]]
EXPECTED: Counted = {"item": (1, 802, 1), "word": (0, 0, 1)}
LONG_ROW = 7500


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database of many b-tree pages, and two snapshots."""
    folder = tmp_path_factory.mktemp("built") / "here"
    folder.mkdir()
    database = folder / "db.sqlite3"
    with closing(connect(database)) as connection:
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
    with Store.create(folder / "store") as store:
        take(store, Project.of({"default": database}), TakeOptions("baseline"))
        execute(database, *CHANGES)
        take(store, Project.of({"default": database}), TakeOptions("later"))
    shutil.copytree(folder, folder.with_name("made"))
    return folder


class Here:
    """The database, the store and its cache; `walks` has the root of each b-tree that was walked."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.database = folder / "db.sqlite3"
        self.project = Project.of({"default": self.database})
        self.store = store
        self.store.tree_maps = TreeMapCache()
        self.walks: list[int] = []

    def state(self, name: str) -> State:
        return live_state() if name == "live" else snapshot_state(self.store, self.id(name), name)

    def id(self, name: str) -> str:
        return self.store.refs.demand(name).snapshot

    def differs(self, before: str, after: str = "live") -> Counted:
        """Return the counts of rows added, removed and changed by table."""
        with diff(self.store, self.project, DiffOptions(self.state(before), self.state(after))) as found:
            tables = [(table.name, table.counted()) for one in found.databases for table in one.tables]
        return {name: (one.added, one.removed, one.changed) for name, one in tables if one}

    def walked(self) -> int:
        """Return how many b-trees were walked since the last call."""
        count = len(self.walks)
        self.walks.clear()
        return count


@pytest.fixture
def here(built: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    shutil.rmtree(built)
    shutil.copytree(built.with_name("made"), built)
    with Store.open(built / "store") as store:
        found = Here(built, store)
        walk = btree.walk

        def noted(root: int, *rest: Any) -> Any:
            found.walks.append(root)
            return walk(root, *rest)

        monkeypatch.setattr(walked_tree_map, "walk", noted)
        yield found


def execute(path: Path, *statements: str) -> None:
    with closing(connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_the_first_comparison_walks_and_the_next_ones_do_not(here: Here) -> None:
    assert here.differs("baseline") == EXPECTED
    assert here.walked() == 3
    assert here.differs("baseline", "later") == EXPECTED
    turned = {name: (removed, added, changed) for name, (added, removed, changed) in EXPECTED.items()}
    assert here.differs("later", "baseline") == turned
    assert verify(here.store, here.project, VerifyOptions(here.state("baseline"))).verdict == "damaged"
    assert here.walked() == 0


def test_a_single_command_keeps_nothing(here: Here) -> None:
    snap = Snap(here.database.parent)
    before = set(snap.store.iterdir())
    snap("diff", "baseline")
    snap("status")
    assert set(snap.store.iterdir()) == before
    with Store.open(snap.store) as store:
        assert store.tree_maps is None


def test_a_clean_state_needs_no_map(here: Here) -> None:
    assert verify(here.store, here.project, VerifyOptions(here.state("later"))).verdict == "clean"
    assert here.walked() == 0


def test_clean_and_restore_come_out_right_with_a_kept_map(here: Here) -> None:
    here.differs("baseline")
    assert clean(here.store, here.project, CleanOptions(here.id("baseline"))).changed
    assert verify(here.store, here.project, VerifyOptions(here.state("baseline"))).verdict in ("clean", "drifted")
    restore(here.store, here.project, RestoreOptions(here.id("later")))
    assert here.differs("baseline") == EXPECTED


def test_a_kept_map_spares_the_pages_that_did_not_change(here: Here) -> None:
    execute(here.database, "UPDATE word SET meaning = 'third' WHERE spelling = 'word 5'")
    take(here.store, here.project, TakeOptions("third"))
    wanted = {"word": (0, 0, 1)}
    assert here.differs("later", "third") == wanted
    _lose_shared_blocks(here.store, "later", "third")
    assert here.differs("later", "third") == wanted
    here.store.tree_maps = TreeMapCache()
    with pytest.raises(StoreDamaged):
        here.differs("later", "third")


def _lose_shared_blocks(store: Store, *names: str) -> None:
    """Overwrite the blocks that two snapshots share, except the first block, which has the schema."""
    snapshots = [store.snapshots.load(store.refs.demand(name).snapshot) for name in names]
    before, after = (store.snapshots.manifest(one.databases["default"].manifest) for one in snapshots)
    unlike = {number for number, _ in before.blocks_unlike(after)} | {0}
    for number in set(range(before.block_count)) - unlike:
        location = store.objects.index.find(before.block_id(number) or b"")
        assert location
        with (Path(store.path) / "packs" / f"{location.pack}.pack").open("r+b") as pack:
            pack.seek(location.offset)
            pack.write(bytes(location.stored_bytes))
    store.objects.close()


def test_the_map_of_one_snapshot_is_not_taken_for_that_of_another(here: Here) -> None:
    execute(here.database, "DELETE FROM item WHERE id % 2")
    take(here.store, here.project, TakeOptions("half"))
    fresh = here.differs("half", "later")
    here.differs("baseline", "later")
    assert here.differs("baseline", "later") == EXPECTED
    assert here.differs("half", "later") == fresh


def test_a_map_gets_the_indexes_when_a_long_row_changed(here: Here) -> None:
    restore(here.store, here.project, RestoreOptions(here.id("baseline")))
    here.differs("baseline", "later")
    here.walked()
    execute(here.database, f"UPDATE item SET body = substr(body, 1, 3999) || 'z' WHERE id = {LONG_ROW}")
    assert here.differs("baseline") == {"item": (0, 0, 1)}
    assert here.walked() == 1
    execute(here.database, f"UPDATE item SET body = substr(body, 1, 3998) || 'yy' WHERE id = {LONG_ROW}")
    assert here.differs("baseline") == {"item": (0, 0, 1)}
    assert here.differs("baseline", "later") == EXPECTED
    assert here.walked() == 0


@pytest.mark.parametrize(("limit", "most"), [("_MOST_IMAGES", 1), ("_MOST_PAGES", 4000)])
def test_the_maps_that_were_used_long_ago_go(
    here: Here, limit: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_map_cache, limit, most)
    execute(here.database, "DELETE FROM word WHERE spelling = 'word 5'")
    for _ in range(2):
        here.differs("baseline")
        assert here.walked() == 3
        here.differs("baseline")
        assert here.walked() == 0
        here.differs("later")
        assert here.walked() == 3
    monkeypatch.setattr(tree_map_cache, limit, 0)
    here.differs("baseline")
    here.differs("baseline")
    assert here.walked() == 6


def test_nothing_is_kept_of_a_file_that_is_read_without_locks(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(here.database, "PRAGMA journal_mode = wal", "DELETE FROM item WHERE id = 5000")
    assert not Path(f"{here.database}-wal").exists()
    with monkeypatch.context() as patch:
        patch.setattr(DatabaseFile, "_needs_immutable", lambda *_: True)
        here.differs("baseline")
        assert here.walked() == 3
        here.differs("baseline")
        assert here.walked() == 3
    here.differs("baseline")
    assert here.walked() == 3
    here.differs("baseline")
    assert here.walked() == 0


def test_a_removed_snapshot_leaves_a_map_that_does_no_harm(here: Here) -> None:
    here.differs("baseline", "later")
    remove(here.store, here.project, ["baseline"])
    assert here.differs("later") == {}
    execute(here.database, "DELETE FROM word WHERE spelling = 'word 5'")
    assert here.differs("later") == {"word": (0, 1, 0)}


def test_damage_below_a_page_that_changed_is_found_with_a_kept_map(here: Here) -> None:
    here.differs("baseline")
    restore(here.store, here.project, RestoreOptions(here.id("baseline")))
    root, other = _roots(here.database, "item", "word")
    _point_rightmost_child(here.database, root, other)
    for _ in range(2):
        with pytest.raises(DatabaseCorrupt, match=f"page {other} of table 'item'"):
            here.differs("baseline")


def test_a_walk_that_fails_leaves_the_kept_map_as_it_was(here: Here) -> None:
    """A long row makes the comparison walk the index of the snapshot, whose root points to itself."""
    (root,) = _roots(here.database, "item_name")
    before = os.stat(here.database)
    restore(here.store, here.project, RestoreOptions(here.id("baseline")))
    _point_rightmost_child(here.database, root, root)
    os.utime(here.database, ns=(before.st_atime_ns, before.st_mtime_ns))
    take(here.store, here.project, TakeOptions("damaged"))
    execute(here.database, "UPDATE word SET meaning = 'third' WHERE spelling = 'word 5'")
    assert here.differs("damaged") == {"word": (0, 0, 1)}
    here.walked()
    execute(here.database, f"UPDATE item SET body = substr(body, 1, 3999) || 'z' WHERE id = {LONG_ROW}")
    for _ in range(2):
        with pytest.raises(DatabaseCorrupt, match=f"page {root} of table 'item_name'"):
            here.differs("damaged")
        assert here.walked() == 1
    restore(here.store, here.project, RestoreOptions(here.id("damaged")))
    execute(here.database, "UPDATE word SET meaning = 'third' WHERE spelling = 'word 5'")
    assert here.differs("damaged") == {"word": (0, 0, 1)}
    assert here.walked() == 0


def _roots(path: Path, *names: str) -> list[int]:
    with closing(connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        return [connection.execute(sql, (name,)).fetchone()[0] for name in names]


def _point_rightmost_child(path: Path, page: int, to: int) -> None:
    with path.open("r+b") as file:
        file.seek((page - 1) * 512 + 8)
        file.write(to.to_bytes(4, "big"))
