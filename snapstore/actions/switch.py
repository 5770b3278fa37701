"""Switch: the live databases from the branch that they belong to, to the one that is checked out.

The steps, under a lock that one switch holds at a time: find out whose the live state is; where the new branch has no
state, take one for the old branch and leave the databases as they are; else note where they are going, restore the new
branch's state, and have the safety snapshot of that restore be the old branch's state. A kill before the restore's
commit leaves the old state, as the old branch's. After it, the next switch finds the note and completes it
(branch_owner.py). So no state is ever kept for another branch than its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial

from snapstore.actions.branch_owner import ACTION, Arrival, Ownership, SwitchOptions, keep, move_state, ownership
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.take import TakeOptions, check_name_free, take
from snapstore.errors import BadName, DatabaseLocked, StoreLocked
from snapstore.files import reached, storable
from snapstore.git.repository import Repository
from snapstore.history.branch_names import branch_of, shown, state_name
from snapstore.history.refs import Ref
from snapstore.ids import object_id
from snapstore.locks import held
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.branches import GitSynced
from snapstore.results.restores import Restored
from snapstore.store import Store
from snapstore.timestamps import parse

_MOST_PLAN_SECONDS = 1.0  # what holds a lock may be what a hook is about to stop


def switch(
    store: Store, project: Project, repository: Repository, options: SwitchOptions, progress: Progress = SILENT
) -> GitSynced:
    """Switch. Raises BadName, NamePinned, GitUnusable, WrongDatabase, and what `restore` raises."""
    start = time.monotonic()
    with _alone(store, project):
        switching = _Switch(store, project, repository, options, progress)
        return replace(switching.run(state_name(options.branch)), seconds=time.monotonic() - start)


def would_change(store: Store, project: Project, options: SwitchOptions) -> bool:
    """Return whether a switch would write to the live databases, as far as can be seen."""
    found = ownership(store, project, options.since, options.timeout)
    ref = store.refs.get(state_name(options.branch))
    if found.arrival or ref is None or found.name == ref.name:
        return found.arrival is not None
    store.snapshots.expect(ref.snapshot)
    only = tuple(sorted(store.snapshots.load(ref.snapshot).databases.keys() & project.databases.keys()))
    seconds = min(options.timeout, _MOST_PLAN_SECONDS)
    try:
        return restore(store, project, RestoreOptions(ref.snapshot, only, dry_run=True, timeout=seconds)).changed
    except DatabaseLocked:
        return True


def _alone(store: Store, project: Project) -> AbstractContextManager[int]:
    name = object_id(f"branch\n{project.origin}".encode()).hex()
    path = os.path.join(store.locks_folder(), name)
    return held(path, store.deadline, shared=False, busy=partial(StoreLocked, store.path))


@dataclass
class _Switch:
    """One switch; its methods stand in the order in which they run."""

    store: Store
    project: Project
    repository: Repository
    options: SwitchOptions
    progress: Progress
    warnings: list[str] = field(default_factory=list)

    def run(self, new: str) -> GitSynced:
        if self.repository.branch_now() != self.options.branch:
            self.warnings.append("another branch was checked out meanwhile; nothing was done")
            return self._result(None, None, None)
        found = ownership(self.store, self.project, self.options.since, self.options.timeout)
        old = self._recorded(self._completed(found.arrival) if found.arrival else found)
        if old and old != new:
            old = self._renamed(old)
        if old == new:
            return self._result(new, None, None)
        if old is None:
            old = self._left()
        if old is None:
            self._note_unknown(new)
            self.store.branches.add(self.project.origin, new)
            return self._result(None, None, None)
        check_name_free(self.store, self.project, TakeOptions(old))
        there = any(map(os.path.exists, self.project.databases.values()))
        state = self._state_of(new)
        if state is None:
            kept = self._take(old) if there else None
            self.store.branches.add(self.project.origin, new)
            return self._result(old, kept, None)
        return self._restored(old, new, state.snapshot, there=there)

    def _completed(self, arrival: Arrival) -> Ownership:
        """Note a restore that a switch had begun; one that ended between two databases is taken back first."""
        row, origin = arrival.row, self.project.origin
        branch, before = shown(row.name), self.store.branches.rows(origin)[-2:-1]
        is_whole = arrival.databases.issuperset(self._names_in(row.target))
        if not is_whole and arrival.before and before:
            self.warnings.append(f"a switch to '{branch}' had ended between two databases; it was taken back")
            self._restore(arrival.before, arrival.databases)
            self.store.branches.add(origin, before[0].name)
            return Ownership(before[0].name)
        if not is_whole:
            self._restore(row.target)
        self.warnings.append(f"a switch to '{branch}' had not been recorded; the databases are its own")
        with self.store.catalog.transaction():
            if is_whole and before and arrival.before and before[0].name != row.name:
                keep(self.store, before[0].name, arrival.before)
            self.store.branches.add(origin, row.name, moved=arrival.moved)
        return Ownership(row.name)

    def _recorded(self, found: Ownership) -> str | None:
        """Note whose the databases are since an undo; return it."""
        if found.undone and found.name:
            self.store.branches.add(self.project.origin, found.name, moved=found.undone)
        return found.name

    def _renamed(self, old: str) -> str:
        """Return the owner's new name where its branch was renamed, under which its state is kept from now on."""
        if self.repository.has(branch_of(old)):
            left = self.repository.came_from(self.options.branch)
            if left and left != branch_of(old):
                owner = shown(old)
                self.warnings.append(f"the databases were still those of '{owner}', not of '{storable(left)}'")
            return old
        now = self._followed(old)
        if now == old:
            return old
        with self.store.catalog.transaction():
            move_state(self.store, old, now)
            self.store.branches.add(self.project.origin, now)
        return now

    def _followed(self, name: str) -> str:
        """Return the tag for the branch that the one of `name` was renamed to."""
        renamed = self.repository.renamed()
        branch, seen = branch_of(name), set()
        while branch in renamed and branch not in seen and not self.repository.has(branch):
            seen.add(branch)
            branch = renamed[branch]
        is_known = branch == self.options.branch or self.repository.has(branch)
        return (_name_or_none(branch) or name) if is_known else name

    def _left(self) -> str | None:
        """Return the branch that Git left, where nothing is recorded."""
        left = self.options.left()
        return _name_or_none(left) if left else None

    def _note_unknown(self, new: str) -> None:
        if self.store.refs.get(new):
            self.warnings.append(
                f"whose the databases were is not known, so they stay as they are, as those of '{shown(new)}';"
                f" its kept state is {new}"
            )

    def _state_of(self, new: str) -> Ref | None:
        """Return the tag with the state of the new branch; None where only an earlier branch of that name had one."""
        ref = self.store.refs.get(new)
        if ref is None:
            for old, now in self.repository.renamed().items():
                if now == self.options.branch and not self.repository.has(old) and (name := _name_or_none(old)):
                    move_state(self.store, name, new)
            ref = self.store.refs.get(new)
        if ref is None:
            return None
        self.store.refs.check(ref)
        created = self.repository.created(self.options.branch)
        if created is not None and created > int(parse(ref.updated).timestamp()):
            self.warnings.append(
                f"{new} is of an earlier branch of that name; 'snap restore {new}@{{1}}' brings it back"
            )
            return None
        return ref

    def _take(self, old: str) -> str:
        options = TakeOptions(old, kind=ACTION, timeout=self.options.timeout)
        return take(self.store, self.project, options, self.progress).snapshot

    def _restored(self, old: str, new: str, target: str, *, there: bool) -> GitSynced:
        """Restore; the state that was replaced is the old branch's."""
        if there and self._names_in(target) != set(self.project.parts):
            self._take(old)  # the restore would keep only what it replaces
        self.store.branches.add(self.project.origin, new, target=target)
        reached("switch-noted")
        restored = self._restore(target)
        reached("switch-restored")
        found = ownership(self.store, self.project, self.options.since, self.options.timeout).arrival
        kept = restored.safety or (target if there else None)
        if there and self._names_in(target) != set(self.project.parts):
            kept = self.store.refs.demand(old).snapshot
        with self.store.catalog.transaction():
            if kept:
                keep(self.store, old, kept)
            self.store.branches.add(self.project.origin, new, moved=found.moved if found else 0)
        return self._result(old, kept, restored)

    def _restore(self, target: str, wanted: Set[str] | None = None) -> Restored:
        only = tuple(sorted(self._names_in(target) & (wanted or set(self.project.parts))))
        options = RestoreOptions(target, only, timeout=self.options.timeout)
        return restore(self.store, self.project, options, self.progress)

    def _names_in(self, snapshot: str) -> set[str]:
        self.store.snapshots.expect(snapshot)
        return set(self.store.snapshots.load(snapshot).parts) & set(self.project.parts)

    def _result(self, before: str | None, kept: str | None, restored: Restored | None) -> GitSynced:
        return GitSynced(
            storable(self.options.branch),
            shown(before) if before else None,
            before if kept else None,
            kept,
            restored,
            0.0,
            tuple(self.warnings),
        )


def _name_or_none(branch: str) -> str | None:
    """Return the tag for a branch, None where its name is too long for one."""
    try:
        return state_name(branch)
    except BadName:
        return None
