"""Snapshots that are forgotten, brought back and freed, as the reflog records it."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from snapstore.actions.bring_back import bring_back_last
from snapstore.actions.capture import Capture
from snapstore.actions.prune import PruneOptions, prune
from snapstore.actions.remove import remove
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.database.live import LiveDatabases
from snapstore.errors import SnapshotForgotten, StoreDamaged, UnknownRevision
from snapstore.history.intents import Intent
from snapstore.history.retention import Retention
from snapstore.locks import Deadline
from snapstore.objects.pack import pack_path
from snapstore.project import Project
from snapstore.store import Store
from tests.support import connect, make_database

NOW = timedelta()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.of({"default": make_database(tmp_path / "db")})


@pytest.fixture
def ids(store: Store, project: Project) -> list[str]:
    """Five snapshots, of which the last has a name."""
    found = []
    for number in range(5):
        with closing(connect(project.databases["default"])) as connection:
            connection.execute("DELETE FROM item WHERE id = ?", (number + 1,))
        found.append(take(store, project, TakeOptions("moving")).snapshot)
    return found


def lists(store: Store) -> tuple[dict[str, str], dict[str, str]]:
    """Return when each listed snapshot was taken, and when each forgotten one was forgotten."""
    listed = {row.id: row.created for row in store.snapshots.all()}
    return listed, {one.row.id: one.at for one in store.forgotten.all()}


def test_a_forgotten_snapshot_is_no_revision_but_can_be_named(store: Store, project: Project, ids: list[str]) -> None:
    remove(store, project, [ids[0]])
    revisions = store.revisions(project.origin)
    for revision in (ids[0], ids[0][:9], "moving@{4}", "@{4}"):
        with pytest.raises(SnapshotForgotten):
            revisions.resolve(revision)
        assert revisions.with_forgotten().resolve(revision) == ids[0]
    store.refs.set("back", ids[0], "tag")
    assert revisions.resolve(ids[0]) == ids[0]
    assert not store.forgotten.holds(ids[0])


def test_what_head_moves_to_is_not_forgotten(store: Store, project: Project, ids: list[str]) -> None:
    remove(store, project, [ids[1]])
    restore(store, project, RestoreOptions(ids[1]))
    assert store.snapshots.exists(ids[1])
    assert status(store, project).verdict == "clean"


def test_what_was_freed_cannot_be_named_or_restored(store: Store, project: Project, ids: list[str]) -> None:
    loaded = store.snapshots.load(ids[0])
    prune(store, project, PruneOptions(Retention(keep_last=1), NOW))
    with pytest.raises(UnknownRevision):
        store.refs.set("late", ids[0], "tag")
    with pytest.raises(UnknownRevision), store.catalog.transaction():
        store.intents.put(project.origin, Intent("restore", "", ids[0], ("default",)))
    assert loaded.created
    assert status(store, project).verdict == "clean"


def test_an_unsettled_restore_keeps_both_of_its_ends(store: Store, project: Project, ids: list[str]) -> None:
    with store.catalog.transaction():
        store.intents.put(project.origin, Intent("restore", ids[2], ids[0], ("default",)))
    result = prune(store, project, PruneOptions(Retention(keep_last=1), NOW))
    reasons = {one.snapshot: one.reasons for one in result.kept}
    assert reasons[ids[0]] == reasons[ids[2]] == ("unsettled restore",)
    assert set(result.removed) == {ids[1], ids[3]}


def test_a_state_that_was_found_and_then_freed_is_listed_again(store: Store, project: Project, ids: list[str]) -> None:
    """A take finds its state in the store; before it reports that, another process forgets the snapshot."""
    restore(store, project, RestoreOptions(ids[0], safety=False))
    with store.writer() as writer:
        capture = Capture(store, writer, project)
        with LiveDatabases(project.databases, Deadline(1)) as live:
            capture.read("default", live.read()["default"])
        known = capture.known(anywhere=True)
        assert known is not None
        remove(store, project, [known.id], force=True)
        store.forgotten.free([known.id])
        with store.catalog.transaction():
            capture.record(known)
    assert store.snapshots.exists(known.id)
    rows = store.catalog.rows("SELECT action FROM reflog WHERE ref = '' ORDER BY entry")
    assert [action for (action,) in rows] == ["forget", "free", "return"]


def test_the_reflog_tells_what_is_listed_forgotten_and_freed(store: Store, project: Project, ids: list[str]) -> None:
    """A list that is rebuilt from the snapshots in the packs agrees with it."""
    remove(store, project, [ids[0]])
    prune(store, project, PruneOptions(Retention(keep_last=2)))
    store.refs.set("back", ids[1], "tag")
    before = lists(store)
    assert [len(part) for part in before] == [3, 2]
    snapshots = [id_ for (id_,) in store.catalog.rows("SELECT lower(hex(id)) FROM object WHERE kind = 3")]
    with store.catalog.transaction():
        store.catalog.rows("DELETE FROM snapshot")
        store.catalog.rows("DELETE FROM forgotten")
        assert all(store.snapshots.list_again(id_) for id_ in snapshots)
        store.forgotten.follow_reflog()
    assert lists(store) == before
    prune(store, project, PruneOptions(Retention(keep_last=9), NOW))
    with store.catalog.transaction():  # an orphan pack may still have one that was freed
        store.snapshots.record(bytes.fromhex(ids[0]), store.snapshots.load(ids[4]), 0)
        store.forgotten.follow_reflog()
    assert lists(store) == (before[0], {})


def test_a_prune_of_an_earlier_release_is_not_needed_to_free_what_it_forgot(
    store: Store, project: Project, ids: list[str]
) -> None:
    """It wrote the reflog and deleted the row; the snapshot can be brought back like any other."""
    with store.catalog.transaction():
        store.reflog.append("", ids[0], "forget")
        store.snapshots.drop(bytes.fromhex(ids[0]))
    prune(store, project, PruneOptions(Retention(keep_last=9)))
    assert bring_back_last(store, project).brought_back == (ids[0],)
    assert store.snapshots.exists(ids[0])


def test_nothing_is_freed_while_a_snapshot_that_stays_cannot_be_read(
    store: Store, project: Project, ids: list[str]
) -> None:
    name = store.catalog.value("SELECT name FROM object JOIN pack USING (pack) WHERE id = ?", (bytes.fromhex(ids[4]),))
    path = Path(pack_path(store.objects.folder, name))
    data = path.read_bytes()
    path.write_bytes(data[:-200])
    before = sorted(Path(store.objects.folder).iterdir())
    with Store.open(store.path) as fresh, pytest.raises(StoreDamaged):
        prune(fresh, project, PruneOptions(Retention(keep_last=1), NOW))
    assert sorted(Path(store.objects.folder).iterdir()) == before
    path.write_bytes(data)
    with Store.open(store.path) as fresh:
        result = prune(fresh, project, PruneOptions(Retention(keep_last=1), NOW))
        assert set(result.expired) == set(ids[:4])


def test_a_dry_run_writes_nothing(store: Store, project: Project, ids: list[str]) -> None:
    store.catalog.rows("UPDATE snapshot SET origin = NULL")  # as an earlier release listed them
    tables = ("object", "pack", "snapshot", "reflog", "forgotten", "upkeep", "ref")
    before = [store.catalog.rows(f"SELECT * FROM {table}") for table in tables]
    planned = prune(store, project, PruneOptions(Retention(keep_last=2), NOW, dry_run=True))
    assert [store.catalog.rows(f"SELECT * FROM {table}") for table in tables] == before
    assert planned.removed == tuple(ids[2::-1])
    assert prune(store, project, PruneOptions(Retention(keep_last=2), NOW)).removed == planned.removed
