"""A file that looks as it did when it was read need not be read again; one that was touched is, and proof always is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.sightings import FOLDER, look_at
from snapstore.actions.state import snapshot_state
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.ids import object_id
from snapstore.patience import Patience
from snapstore.project import Project
from snapstore.store import Store
from tests.support import JOURNAL_MODES, connect, count, make_database


@pytest.fixture(params=JOURNAL_MODES)
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return make_database(tmp_path / "db.sqlite3", journal_mode=request.param, rows=400)


@pytest.fixture
def project(database: Path) -> Project:
    return Project.of({"default": database})


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], bool]]:
    """Return what tells whether no live file was hashed since it was asked last."""
    hashed: list[View] = []
    hash_all = View.ids_hashed

    def noted(view: View) -> Iterator[bytes]:
        hashed.append(view)
        return hash_all(view)

    monkeypatch.setattr(View, "ids_hashed", noted)

    def ask() -> bool:
        was, hashed[:] = bool(hashed), []
        return not was

    yield ask


def settle(project: Project) -> None:
    """Wait until the times of the files are old enough to tell later writes from those before."""
    while True:
        with LiveDatabases(project.databases, Patience(5)) as live:
            if look_at(live.read()["default"]):
                return
        time.sleep(0.01)


def is_clean(store: Store, project: Project) -> bool:
    return status(store, project).databases["default"].clean


def test_an_untouched_file_is_not_read_again(store: Store, project: Project, unread: Callable[[], bool]) -> None:
    settle(project)
    take(store, project, TakeOptions("baseline"))
    unread()
    assert is_clean(store, project)
    assert unread()


def test_a_file_written_to_a_moment_ago_is_read_again(
    store: Store, project: Project, database: Path, unread: Callable[[], bool]
) -> None:
    with closing(connect(database)) as connection:
        connection.execute("DELETE FROM item WHERE id = 7")
        connection.execute("PRAGMA wal_checkpoint")
    os.utime(database)
    take(store, project, TakeOptions("baseline"))
    unread()
    assert is_clean(store, project)
    assert not unread()


def test_what_a_comparison_read_the_next_one_need_not(
    store: Store, project: Project, database: Path, unread: Callable[[], bool]
) -> None:
    os.utime(database)
    take(store, project, TakeOptions("baseline"))  # a moment after
    settle(project)
    assert is_clean(store, project)
    unread()
    assert is_clean(store, project)
    assert unread()


@pytest.mark.parametrize("keeps_open", [True, False])
def test_what_is_committed_afterwards_is_seen(store: Store, project: Project, database: Path, keeps_open: bool) -> None:
    with closing(connect(database)) as other:
        assert count(other) == 400
        settle(project)
        take(store, project, TakeOptions("baseline"))
        assert is_clean(store, project)
        connection: Any = other if keeps_open else connect(database)
        connection.execute("UPDATE note SET text = 'x' WHERE item = 5")
        if not keeps_open:
            connection.close()
        assert not is_clean(store, project)


def test_a_byte_changed_behind_the_back_of_sqlite_is_seen(store: Store, project: Project, database: Path) -> None:
    settle(project)
    take(store, project, TakeOptions("baseline"))
    assert is_clean(store, project)
    before = os.stat(database)
    with open(database, "r+b") as file:
        file.seek(database.stat().st_size - 100)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(database, ns=(before.st_atime_ns, before.st_mtime_ns))  # whoever did it hid the time
    assert not is_clean(store, project)


def test_a_file_put_in_its_place_is_read(store: Store, project: Project, database: Path) -> None:
    settle(project)
    take(store, project, TakeOptions("baseline"))
    other = make_database(database.parent / "other", journal_mode="delete", rows=399)
    for sidecar in ("-wal", "-shm"):
        Path(f"{database}{sidecar}").unlink(missing_ok=True)
    other.replace(database)
    assert not is_clean(store, project)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: bytes(len(data)), lambda data: data[::-1]])
def test_a_damaged_sighting_is_none(
    store: Store, project: Project, unread: Callable[[], bool], damage: Callable[[bytes], bytes]
) -> None:
    settle(project)
    take(store, project, TakeOptions("baseline"))
    kept = sighting(store)
    kept.write_bytes(damage(kept.read_bytes()))
    unread()
    assert is_clean(store, project)
    assert not unread()


def test_verify_reads_whatever_the_file_looks_like(store: Store, project: Project, database: Path) -> None:
    settle(project)
    taken = take(store, project, TakeOptions("first"))
    with closing(connect(database)) as connection:
        connection.execute("UPDATE item SET name = 'another' WHERE id = 300")
    settle(project)
    assert not is_clean(store, project)
    with LiveDatabases(project.databases, Patience(5)) as live:
        look = look_at(live.read()["default"])
    assert look is not None
    lie = look + bytes.fromhex(taken.databases["default"].content)
    sighting(store).write_bytes(lie + object_id(lie))
    assert is_clean(store, project)
    first = snapshot_state(store, taken.snapshot, "first")
    assert verify(store, project, VerifyOptions(first)).verdict == "damaged"


def test_a_store_that_cannot_be_written_keeps_none(store: Store, project: Project) -> None:
    settle(project)
    (Path(store.path) / FOLDER).write_bytes(b"in the way")
    take(store, project, TakeOptions("baseline"))
    assert is_clean(store, project)


def test_a_restore_keeps_no_look_of_what_it_changes(store: Store, project: Project, database: Path) -> None:
    settle(project)
    taken = take(store, project, TakeOptions("baseline"))
    before = sighting(store).read_bytes()
    with closing(connect(database)) as connection:
        connection.execute("DELETE FROM item WHERE id > 100")
    settle(project)
    assert restore(store, project, RestoreOptions(taken.snapshot)).safety
    assert sighting(store).read_bytes() == before
    assert is_clean(store, project)


def sighting(store: Store) -> Path:
    (found,) = (Path(store.path) / FOLDER).iterdir()
    return found
