"""The queries of a command do not get slower with the number of snapshots: they use indexes."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from snapstore.actions.listing import list_snapshots
from snapstore.actions.remove import remove
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.actions.upkeep import Automatic, is_due
from snapstore.errors import SnapError
from snapstore.project import Project
from snapstore.store import Store
from tests.support import connect, make_database

LARGE = ("snapshot", "reflog", "object", "pack", "forgotten")
ASKING: dict[str, Callable[[Store, Project], object]] = {
    "tag": lambda store, project: take(store, project, TakeOptions("new")),
    "restore": lambda store, project: restore(store, project, RestoreOptions(resolve(store, project, "one"))),
    "undo": undo,
    "status": status,
    "log -n": lambda store, _: list_snapshots(store, limit=20),
    "rm": lambda store, project: remove(store, project, ["one"]),
    "HEAD": lambda store, project: resolve(store, project, "HEAD"),
    "latest": lambda store, project: resolve(store, project, "latest"),
    "prefix": lambda store, project: resolve(store, project, "abcd"),
    "forgotten": lambda store, _: store.forgotten.demand("ab" * 16),
}


def resolve(store: Store, project: Project, revision: str) -> str:
    return store.revisions(project.origin).resolve(revision)


@pytest.mark.parametrize("verb", ASKING)
def test_no_statement_reads_all_of_a_large_table(tmp_path: Path, verb: str) -> None:
    path = make_database(tmp_path / "db.sqlite3", rows=50)
    project = Project.of({"default": path})
    with Store.create(tmp_path / "store") as store:
        for name in ("one", "two"):
            take(store, project, TakeOptions(name))
            with closing(connect(path)) as connection:
                connection.execute("DELETE FROM item WHERE id = (SELECT max(id) FROM item)")
        restore(store, project, RestoreOptions(resolve(store, project, "two")))
        statements: list[str] = []
        store.catalog._connection._connection.set_trace_callback(statements.append)
        try:
            ASKING[verb](store, project)
        except SnapError as error:
            assert verb in ("prefix", "forgotten"), error
        store.catalog._connection._connection.set_trace_callback(None)
        assert statements
        for statement in statements:
            if re.match(r"\s*(SELECT|WITH|UPDATE|DELETE|INSERT)", statement):
                steps = [row[3] for row in store.catalog.rows(f"EXPLAIN QUERY PLAN {statement}")]
                assert not is_full(statement, steps), (statement, steps)


def is_full(statement: str, steps: list[str]) -> bool:
    """Return whether a plan reads all of a large table; one in the order of an index stops at its limit."""
    if "LIMIT" in statement and not any("TEMP B-TREE" in step for step in steps):
        return False
    found = [re.match(r"SCAN (\w+)", step) for step in steps]
    return any(one and one[1] in LARGE for one in found)


def test_the_list_of_a_large_store_is_cut_by_the_catalog(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db.sqlite3", rows=50)
    with Store.create(tmp_path / "store") as store:
        taken = take(store, Project.of({"default": path}), TakeOptions("one"))
        record = store.snapshots.load(taken.snapshot)
        with store.catalog.transaction():
            for number in range(3000):
                made = record._replace(created=f"2020-01-01T00:00:00.{number:06}Z")
                store.snapshots.record(number.to_bytes(16, "big"), made, 0)
        listed = list_snapshots(store, limit=3)
        assert [one.snapshot for one in listed] == [f"{number:032x}" for number in (2999, 2998, 2997)]
        assert [one.snapshot for one in list_snapshots(store)][3000:] == [taken.snapshot], "it was recorded first"
        assert store.snapshots.with_prefix("0000000000000000000000000000000b") == [f"{11:032x}"]
        assert len(store.snapshots.with_prefix("0000000000000000000000000000000")) == 16


def test_an_automatic_prune_is_decided_by_the_catalog(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db.sqlite3", rows=50)
    project = Project.of({"default": path})
    with Store.create(tmp_path / "store") as store:
        take(store, project, TakeOptions("one"))
        assert not is_due(store, project, Automatic())
        assert not is_due(store, project, Automatic(snapshots=2))
        assert is_due(store, project, Automatic(snapshots=1))
        assert is_due(store, project, Automatic(size=10))
        assert not is_due(store, project, Automatic(size=10**9))
        assert not is_due(store, Project.of({"default": tmp_path / "other"}), Automatic(snapshots=1))
