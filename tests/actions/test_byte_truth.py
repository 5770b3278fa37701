"""After a restore the content is that of the snapshot, by content id and by SQLite's own hash."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.actions.export import ExportOptions, export
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.objects.pack_index import NEW_DEPTH
from snapstore.project import Project
from snapstore.store import Store
from tests.support import add_rows, connect, dbhash, is_intact, make_database


def grow(connection: Any) -> None:
    add_rows(connection, 900, seed=1)


def shrink(connection: Any) -> None:
    connection.execute("DELETE FROM item WHERE id % 4")
    connection.execute("VACUUM")


def change_schema(connection: Any) -> None:
    connection.execute("ALTER TABLE note ADD COLUMN at TEXT DEFAULT 'now'")
    connection.execute("CREATE TABLE added (a, b)")
    connection.execute("DROP INDEX item_name")
    connection.execute("INSERT INTO added VALUES (1, 2)")


def remove_all(connection: Any) -> None:
    connection.execute("DELETE FROM note")
    connection.execute("DELETE FROM item")


def leave(connection: Any) -> None:
    connection.execute("SELECT * FROM item")


def change_auto_vacuum(connection: Any) -> None:
    present = connection.execute("PRAGMA auto_vacuum").fetchone()[0]
    connection.execute(f"PRAGMA auto_vacuum = {(present + 1) % 3}")
    connection.execute("DELETE FROM item WHERE id % 3 = 0")
    connection.execute("VACUUM")


MUTATIONS: dict[str, Callable[[Any], None]] = {
    "grown": grow,
    "shrunk": shrink,
    "schema": change_schema,
    "emptied": remove_all,
    "untouched": leave,
    "auto-vacuum": change_auto_vacuum,
}
PAGE_SIZES = (512, 1024, 4096, 8192, 65536)


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("auto_vacuum", [0, 1, 2])
@pytest.mark.parametrize("page_size", PAGE_SIZES)
@pytest.mark.parametrize("journal_mode", ["delete", "truncate", "persist", "wal"])
def test_restore_gives_the_snapshots_bytes(
    tmp_path: Path, store: Store, journal_mode: str, page_size: int, auto_vacuum: int, mutation: str
) -> None:
    path = make_database(
        tmp_path / "db", journal_mode=journal_mode, page_size=page_size, auto_vacuum=auto_vacuum, rows=300
    )
    project = Project.of({"default": path})
    hash_before = dbhash(path)
    with closing(connect(path)) as application:
        application.execute(f"PRAGMA journal_mode = {journal_mode}")
        baseline = take(store, project, TakeOptions("baseline"))
        MUTATIONS[mutation](application)

        done = restore(store, project, RestoreOptions(baseline.snapshot))

        assert done.changed is (mutation != "untouched")
        assert done.databases["default"].method == ("none" if mutation == "untouched" else "in-place")
        assert application.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert application.execute("SELECT count(*), max(id) FROM item").fetchone() == (300, 300)
        assert application.execute("PRAGMA journal_mode").fetchone() == (journal_mode,)
        again = take(store, project, TakeOptions("again"))
    assert again.databases["default"].content == baseline.databases["default"].content
    assert again.unchanged
    assert status(store, project).verdict == "clean"
    copy = tmp_path / "copy"
    export(store, project, ExportOptions(baseline.snapshot, str(copy)))
    assert dbhash(copy) == hash_before == dbhash(path)
    assert is_intact(copy)


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_every_state_of_a_long_history_is_restored(tmp_path: Path, store: Store, journal_mode: str) -> None:
    """The history is longer than the bound on chains of bases."""
    path = make_database(tmp_path / "db", journal_mode=journal_mode)
    project = Project.of({"default": path})
    hashes = {}
    with closing(connect(path)) as application:
        for number in range(30):
            application.execute("UPDATE item SET body = body || ? WHERE id % 7 = ?", (f" run {number}", number % 7))
            taken = take(store, project, TakeOptions(f"run-{number}"))
            hashes[taken.snapshot] = dbhash(path)
        assert store.catalog.value("SELECT max(depth) FROM object") == NEW_DEPTH
        for id_, wanted in reversed(hashes.items()):
            restore(store, project, RestoreOptions(id_))
            assert dbhash(path) == wanted
    assert is_intact(path)
