"""Processes take, restore, compare and prune in one store at the same time; nothing is lost or wrong.

`SNAPSTORE_ROUNDS` sets how often each of them does what it does.
"""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

from snapstore.actions.diff import DiffOptions, diff
from snapstore.actions.export import ExportOptions, export
from snapstore.actions.fsck import fsck
from snapstore.actions.keep import keep_state
from snapstore.actions.names import name_snapshot
from snapstore.actions.prune import PruneOptions, prune
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.compare.state import snapshot_state
from snapstore.compare.verdicts import VERDICTS
from snapstore.errors import NothingToUndo, StoreDamaged, UnknownRevision
from snapstore.history.retention import Retention
from snapstore.ids import ID_BYTES, object_id
from snapstore.project import Project
from snapstore.store import Store
from tests.support import connect, is_intact, make_database

ROUNDS = int(os.environ.get("SNAPSTORE_ROUNDS", "14"))
TIMEOUT = 120.0
Work = Callable[[Store, Project, Path, random.Random], None]


def test_takes_restores_and_prunes_side_by_side(tmp_path: Path) -> None:
    Store.create(tmp_path / "store").close()
    for name, mode in (("a", "wal"), ("b", "delete")):
        make_database(tmp_path / name, journal_mode=mode, rows=1200)
        with Store.open(tmp_path / "store") as store:
            take(store, Project.of({"default": tmp_path / name}), TakeOptions(f"{tmp_path.name}-{name}-0"))
    context = multiprocessing.get_context("spawn")
    works: list[tuple[Work, str]] = [(work, name) for name in "ab" for work in (write, read, prune_now, prune_later)]
    workers = [context.Process(target=run, args=(work, tmp_path, name)) for work, name in works]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * len(workers)
    with Store.open(tmp_path / "store") as store:
        for name in "ab":
            project = Project.of({"default": tmp_path / name})
            check_all(store, project, tmp_path / name)
            prune(store, project, PruneOptions(Retention(keep_last=1), timedelta()))
            check_all(store, project, tmp_path / name)
        assert store.catalog.rows("PRAGMA integrity_check") == [("ok",)]
        checked = fsck(store.path)
        assert checked.ok, checked.damaged
        names = {f"{pack}.pack" for (pack,) in store.catalog.rows("SELECT name FROM pack")}
        assert names == set(os.listdir(store.objects.folder))


def content(path: Path) -> str:
    """Return a hash of all rows, as an application sees them; wait while the database is locked."""
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA busy_timeout = 60000")
        connection.execute("BEGIN")
        rows = [connection.execute(f"SELECT rowid, * FROM {table}").fetchall() for table in ("item", "note")]
    return object_id(repr(rows).encode()).hex()


def check_all(store: Store, project: Project, path: Path) -> None:
    """Read every snapshot, block by block; restore each tag and check it from outside."""
    for row in [*store.snapshots.all(), *(one.row for one in store.forgotten.all())]:
        for record in store.snapshots.load(row.id).databases.values():
            ids = store.snapshots.manifest(record.manifest).block_ids
            pieces = [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]
            assert [object_id(block) for block in store.objects.read_many(pieces)] == pieces
    for ref in store.refs.all():
        if f"-{path.name}-" in ref.name and ref.message:
            restore(store, project, RestoreOptions(ref.snapshot))
            assert content(path) == ref.message
            assert is_intact(path)
            assert status(store, project).verdict == "clean"


def run(work: Work, folder: Path, name: str) -> None:
    """Be one of the processes; a round opens the store again, but every third round keeps the open one."""
    chance = random.Random(f"{work.__name__} {name}")
    project = Project.of({"default": folder / name})
    store = Store.open(folder / "store", TIMEOUT)
    for number in range(ROUNDS):
        if number % 3 == 0:
            store.close()
            store = Store.open(folder / "store", TIMEOUT)
        work(store, project, folder / name, chance)
    store.close()


def write(store: Store, project: Project, path: Path, chance: random.Random) -> None:
    """Change, take and name, with the content as the message; restore something, and undo that."""
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA busy_timeout = 60000")
        connection.execute("UPDATE item SET body = hex(randomblob(200)) WHERE id % 90 = ?", (chance.randrange(90),))
    state = content(path)
    name = f"{path.parent.name}-{path.name}-{chance.randrange(4)}"
    result = take(store, project, TakeOptions(name, state, timeout=TIMEOUT))
    assert content(path) == state
    ref = chance.choice([one for one in store.refs.all() if f"-{path.name}-" in one.name and one.message])
    restore(store, project, RestoreOptions(ref.snapshot, timeout=TIMEOUT))
    assert content(path) == ref.message
    with suppress(NothingToUndo):
        undo(store, project, TIMEOUT)
    if ref.snapshot != result.snapshot:
        assert content(path) in (state, ref.message)


def read(store: Store, project: Project, path: Path, chance: random.Random) -> None:
    """Compare and copy all snapshots, and list forgotten ones again; they may be freed meanwhile."""
    keep_state(store, project, "forensic", "", TIMEOUT)
    rows = [*store.snapshots.all(), *(one.row for one in store.forgotten.all())]
    snapshot = chance.choice(rows).id
    try:
        copy = path.with_suffix(".copy")
        export(store, project, ExportOptions(snapshot, str(copy), None, True))
        assert is_intact(copy)
        states = snapshot_state(store, snapshot, "one"), snapshot_state(store, snapshot, "the same")
        with diff(store, project, DiffOptions(*states, timeout=TIMEOUT)) as found:
            assert found.identical
        assert verify(store, project, VerifyOptions(states[0], timeout=TIMEOUT)).verdict in VERDICTS
        name_snapshot(store, project, snapshot, TakeOptions(f"back-{path.name}", force=True))
    except (StoreDamaged, UnknownRevision):
        assert not store.snapshots.exists(snapshot)
        assert not store.forgotten.holds(snapshot)


def prune_now(store: Store, project: Project, _path: Path, chance: random.Random) -> None:
    prune(store, project, PruneOptions(Retention(keep_last=chance.randrange(1, 4)), timedelta(), timeout=TIMEOUT))


def prune_later(store: Store, project: Project, _path: Path, _chance: random.Random) -> None:
    prune(store, project, PruneOptions(Retention(keep_last=2), timedelta(seconds=0.2), timeout=TIMEOUT))
