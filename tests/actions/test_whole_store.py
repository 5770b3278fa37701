"""A store against a dictionary of files: after any verbs in any order, every state is unchanged.

`SNAPSTORE_EXAMPLES` sets how many sequences are tried.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from snapstore.actions.bring_back import bring_back_last
from snapstore.actions.export import ExportOptions, export
from snapstore.actions.listing import list_snapshots
from snapstore.actions.names import name_snapshot
from snapstore.actions.prune import PruneOptions, prune
from snapstore.actions.remove import remove
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.undo import undo
from snapstore.errors import NothingToUndo, SnapshotInUse, UnknownRevision, WouldRemoveEverything
from snapstore.history.retention import Retention
from snapstore.objects.pack_index import MAX_DEPTH
from snapstore.project import Project
from snapstore.results.prunes import Pruned
from snapstore.store import Store
from tests.support import add_rows, connect, dbhash, is_intact, make_database

EXAMPLES = int(os.environ.get("SNAPSTORE_EXAMPLES", "12"))
NAMES = st.sampled_from(["one", "two", "three"])
NUMBER = st.integers(0, 10**6)


class WholeStore(RuleBasedStateMachine):
    """`states` has the content of every snapshot ever made; `listed` and `forgotten` have those that should exist."""

    @initialize(journal_mode=st.sampled_from(["wal", "delete"]))
    def begin(self, journal_mode: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="snapstore-test-"))
        self.path = make_database(self.folder / "db.sqlite3", journal_mode=journal_mode, rows=1500)
        self.project = Project.of({"default": self.path})
        self.store = Store.create(self.folder / "store")
        self.states: dict[str, str] = {}
        self.listed: set[str] = set()
        self.forgotten: set[str] = set()
        self.tags: dict[str, str] = {}
        self.changes = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            shutil.rmtree(self.folder)

    @rule(seed=NUMBER, count=st.integers(1, 30))
    def change(self, seed: int, count: int) -> None:
        chance = random.Random(seed)
        with closing(connect(self.path)) as connection:
            connection.execute("BEGIN")
            for _ in range(count):
                body = "".join(chance.choices("abcdefgh ", k=chance.randrange(400)))
                connection.execute("UPDATE item SET body = ? WHERE id = ?", (body, chance.randrange(1, 1500)))
            if seed % 7 == 0:
                add_rows(connection, 20, seed)
            connection.execute("COMMIT")

    @rule(name=NAMES)
    def tag(self, name: str) -> None:
        result = take(self.store, self.project, TakeOptions(name))
        self.knows(result.snapshot)
        self.tags[name] = result.snapshot

    @precondition(lambda self: self.listed)
    @rule(name=NAMES, number=NUMBER)
    def name_an_earlier_one(self, name: str, number: int) -> None:
        """A tag lists a forgotten snapshot again."""
        snapshot = self.one_of(self.listed | self.forgotten, number)
        resolve = self.store.revisions(self.project.origin).with_forgotten().resolve
        name_snapshot(self.store, self.project, resolve(snapshot), TakeOptions(name))
        self.tags[name] = snapshot
        self.back([snapshot])

    @precondition(lambda self: self.tags)
    @rule(number=NUMBER)
    def untag(self, number: int) -> None:
        name = self.one_of(set(self.tags), number)
        remove(self.store, self.project, [name])
        del self.tags[name]

    @precondition(lambda self: self.listed)
    @rule(number=NUMBER, safety=st.booleans())
    def restore(self, number: int, safety: bool) -> None:
        snapshot = self.one_of(self.listed, number)
        before = dbhash(self.path)
        result = restore(self.store, self.project, RestoreOptions(snapshot, safety=safety))
        assert dbhash(self.path) == self.states[snapshot]
        if result.safety:
            self.knows(result.safety, before)

    @rule()
    def undo(self) -> None:
        before = dbhash(self.path)
        try:
            result = undo(self.store, self.project)
        except NothingToUndo:
            return
        assert dbhash(self.path) == self.states[result.snapshot]
        if result.safety:
            self.knows(result.safety, before)

    @precondition(lambda self: self.listed)
    @rule(number=NUMBER)
    def rm(self, number: int) -> None:
        snapshot = self.one_of(self.listed, number)
        try:
            remove(self.store, self.project, [snapshot])
        except SnapshotInUse:
            assert snapshot in {*self.tags.values(), *self.heads()}
        else:
            self.listed.remove(snapshot)
            self.forgotten.add(snapshot)

    @rule(last=st.integers(0, 4), daily=st.none() | st.integers(0, 2), tags=st.booleans(), held=st.booleans())
    def prune(self, last: int, daily: int | None, tags: bool, held: bool) -> None:
        policy = Retention(keep_last=last, keep_daily=daily, tags=tags)
        grace = timedelta(days=1) if held else timedelta()
        try:
            planned = prune(self.store, self.project, PruneOptions(policy, grace, dry_run=True))
            result = prune(self.store, self.project, PruneOptions(policy, grace))
        except WouldRemoveEverything:
            assert last == 0
            return
        self.check_prune(planned, result, tags=tags, held=held)

    def check_prune(self, planned: Pruned, result: Pruned, *, tags: bool, held: bool) -> None:
        assert (planned.kept, planned.removed, set(planned.expired)) == (
            result.kept,
            result.removed,
            set(result.expired),
        )
        removed = set(result.removed)
        assert {one.snapshot for one in result.kept} == self.listed - removed
        assert removed.isdisjoint(self.heads())
        assert tags or removed.isdisjoint(self.tags.values())
        self.listed -= removed
        self.tags = {name: snapshot for name, snapshot in self.tags.items() if snapshot not in removed}
        self.forgotten |= removed
        assert set(result.expired) == (set() if held else self.forgotten)
        self.forgotten -= set(result.expired)
        if not held:
            assert result.held_bytes == 0
            self.check_nothing_is_left_over()

    def check_nothing_is_left_over(self) -> None:
        rows = self.store.catalog.rows
        assert self.store.catalog.value("SELECT count(*) FROM object WHERE kind = 3") == len(self.listed)
        names = {f"{name}.pack" for (name,) in rows("SELECT name FROM pack")}
        assert names == set(os.listdir(self.store.objects.folder))

    @precondition(lambda self: self.forgotten)
    @rule()
    def bring_back(self) -> None:
        self.back(bring_back_last(self.store, self.project).brought_back)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.folder / "store")

    @precondition(lambda self: self.listed)
    @rule(number=NUMBER)
    def look(self, number: int) -> None:
        """Every snapshot can be read."""
        snapshot = self.one_of(self.listed | self.forgotten, number)
        copy = self.folder / "copy.sqlite3"
        export(self.store, self.project, ExportOptions(snapshot, str(copy), None, True))
        assert dbhash(copy) == self.states[snapshot]
        assert is_intact(copy)

    @precondition(lambda self: set(self.states) - self.listed - self.forgotten)
    @rule(number=NUMBER)
    def what_is_freed_is_unknown(self, number: int) -> None:
        snapshot = self.one_of(set(self.states) - self.listed - self.forgotten, number)
        with pytest.raises(UnknownRevision):
            self.store.revisions(self.project.origin).with_forgotten().resolve(snapshot)

    @invariant()
    def lists_agree(self) -> None:
        if not hasattr(self, "store"):
            return
        listed = list_snapshots(self.store, everything=True)
        assert {one.snapshot for one in listed if not one.forgotten} == self.listed
        assert {one.snapshot for one in listed if one.forgotten} == self.forgotten
        assert {ref.name: ref.snapshot for ref in self.store.refs.all()} == self.tags

    @invariant()
    def chains_are_short_and_whole(self) -> None:
        if not hasattr(self, "store"):
            return
        value = self.store.catalog.value
        assert (value("SELECT max(depth) FROM object") or 0) <= MAX_DEPTH
        too_deep = "base ON base.id = one.base WHERE base.depth >= one.depth"
        assert value(f"SELECT count(*) FROM object AS one JOIN object AS {too_deep}") == 0
        assert value("SELECT count(*) FROM object WHERE base NOT IN (SELECT id FROM object)") == 0

    def one_of(self, some: set[str], number: int) -> str:
        """Choose by age or by name, so that a failure can be repeated."""
        known = list(self.states)
        ordered = sorted(some, key=lambda one: (known.index(one) if one in known else 0, one))
        return ordered[number % len(ordered)]

    def knows(self, snapshot: str, state: str | None = None) -> None:
        state = state or dbhash(self.path)
        assert self.states.setdefault(snapshot, state) == state
        self.back([snapshot])

    def back(self, snapshots: Iterable[str]) -> None:
        self.forgotten -= set(snapshots)
        self.listed |= set(snapshots)

    def heads(self) -> set[str]:
        return set(self.store.refs.head(self.project.origin).values())


WholeStore.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestWholeStore = WholeStore.TestCase


def test_a_store_is_clean_after_it_was_pruned(tmp_path: Path) -> None:
    path = make_database(tmp_path / "db.sqlite3")
    project = Project.of({"default": path})
    with Store.create(tmp_path / "store") as store:
        take(store, project, TakeOptions("one"))
        prune(store, project, PruneOptions(Retention(keep_last=1), timedelta()))
        assert status(store, project).verdict == "clean"
