"""A snapshot that another process frees while it is being read is an unknown revision, and the store is not damaged.

The other process is a real one. A hook in the code runs it at a certain moment inside the command.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snapstore.history.revision import Revisions
from snapstore.history.snapshots import Snapshots
from tests.cli.hands import add_random, error_of, execute, files_beside_the_store
from tests.damage.here import SnapHere
from tests.support import Snap, make_database, run

READERS: dict[str, tuple[str, ...]] = {
    "restore": ("restore", "doomed"),
    "restore elsewhere": ("restore", "doomed", "--to", "copy.sqlite3"),
    "restore, would": ("restore", "doomed", "-n"),
    "diff": ("diff", "doomed", "kept"),
    "diff with live": ("diff", "doomed"),
    "diff as SQL": ("diff", "kept", "doomed", "--format", "sql"),
    "verify": ("verify", "doomed"),
    "clean": ("clean", "doomed"),
    "query": ("query", "doomed", "SELECT sum(length(body)) FROM noise"),
    "export": ("export", "doomed", "copy.sqlite3"),
    "show": ("show", "doomed"),
}
BLOCK_READERS = [name for name in READERS if not name.startswith(("restore", "clean", "show", "verify"))]


@pytest.fixture
def snap(tmp_path: Path) -> Snap:
    """Return a command for a store with two snapshots that share few blocks."""
    snap = SnapHere(tmp_path, make_database(tmp_path / "db.sqlite3", journal_mode="wal"))
    add_random(snap.database, 400_000)
    snap("tag", "doomed")
    execute(snap.database, "UPDATE noise SET body = randomblob(1000)", "UPDATE item SET body = hex(randomblob(400))")
    snap("tag", "kept")
    execute(snap.database, "DELETE FROM note")
    return snap


@pytest.fixture
def once(snap: Snap, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that lets a prune run after the first successful call of a method, and commands before it."""

    def after(kind: type, name: str, *others: list[str]) -> None:
        method: Any = getattr(kind, name)

        def hooked(*arguments: Any, **named: Any) -> Any:
            found = method(*arguments, **named)
            monkeypatch.setattr(kind, name, method)
            places = ["--db", str(snap.database), "--store", str(snap.store)]
            for words in (*others, ["prune", "--keep-last", "1", "--tags", "--now", "-y"]):
                run([*words, *places], snap.folder)
            return found

        monkeypatch.setattr(kind, name, hooked)

    return after


@pytest.mark.parametrize("reader", READERS)
def test_it_is_gone_once_it_was_found(snap: Snap, once: Callable[..., None], reader: str) -> None:
    once(Revisions, "resolve")
    gone(snap, READERS[reader])


@pytest.mark.parametrize("reader", [name for name in READERS if name != "show"])
def test_its_pages_are_gone_once_it_was_read(snap: Snap, once: Callable[..., None], reader: str) -> None:
    once(Snapshots, "load")
    gone(snap, READERS[reader])


@pytest.mark.parametrize("reader", BLOCK_READERS)
def test_its_blocks_are_gone_once_the_list_of_them_was_read(snap: Snap, once: Callable[..., None], reader: str) -> None:
    once(Snapshots, "manifest")
    gone(snap, READERS[reader])


@pytest.mark.parametrize("moment", ["exists", "load"])
def test_what_undo_brings_back_is_gone_once_it_was_found(snap: Snap, once: Callable[..., None], moment: str) -> None:
    """No prune frees it, as long as nobody restores something else."""
    snap("restore", "doomed")
    once(Snapshots, moment, ["restore", "kept"])
    error = error_of(snap("undo", code=12))
    assert error.startswith("unknown revision '")
    assert snap.json("fsck")["ok"]


def gone(snap: Snap, words: tuple[str, ...]) -> None:
    """Demand one clear line and code 12, an unchanged database, and a sound store."""
    before = files_beside_the_store(snap)
    error = error_of(snap(*words, code=12))
    assert error.startswith("unknown revision '")
    assert "damaged" not in error
    assert files_beside_the_store(snap) == before
    assert snap.json("fsck")["ok"]
    assert len(snap.json("log", "--all")) == 1
    assert "unknown revision" in error_of(snap("show", "doomed", code=12))


def test_a_missing_object_of_a_snapshot_that_is_there_is_damage(snap: Snap) -> None:
    for pack in (snap.store / "packs").iterdir():
        pack.unlink()
    for words in (("export", "doomed", "copy.sqlite3"), ("query", "doomed", "SELECT 1 FROM noise")):
        assert "is damaged" in error_of(snap(*words, code=20))
    execute(snap.store / "catalog.db", "DELETE FROM object")
    assert "is missing" in error_of(snap("export", "doomed", "copy.sqlite3", code=20))
