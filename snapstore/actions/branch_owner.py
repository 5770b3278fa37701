"""Whose the live databases are: the branch that they belong to, whatever is checked out.

The table `branch` of the catalog says so, and the reflog what happened since: a restore that was on its way when its
process was killed, or that a user made by hand after it had failed, has arrived once HEAD moved to its target. An undo
of a move from one branch to another takes the branch back, too.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from snapstore.history.branch_names import PREFIX
from snapstore.history.branches import Holder
from snapstore.history.reflog import HEAD, UNDOABLE, WITHOUT_SAFETY, ReflogEntry
from snapstore.history.refs import Ref
from snapstore.project import Project
from snapstore.store import DEFAULT_TIMEOUT, Store

ACTION = "branch"  # the reflog's word for keeping the state of a branch, and what such a snapshot was taken by
_RESTORE, _UNDO = "restore", "undo"


@dataclass(frozen=True)
class SwitchOptions:
    """The branch that is checked out; `left` returns the one that Git left for it, where that is known.

    It is asked where the store has no record. Records from before `since` do not count.
    """

    branch: str
    left: Callable[[], str | None] = lambda: None
    since: str = ""
    timeout: float = DEFAULT_TIMEOUT


@dataclass(frozen=True)
class Arrival:
    """How far the restore to `row.target` came: HEAD of `databases` moved; `before` is the state it replaced."""

    row: Holder
    databases: frozenset[str]
    moved: int
    before: str | None


@dataclass(frozen=True)
class Ownership:
    """The tag of the branch that the databases belong to, None where it is not known.

    `arrival` is a restore that came at least part of the way and is not recorded yet, `undone` the entry of an undo
    that is not recorded yet, 0 without one.
    """

    name: str | None
    arrival: Arrival | None = None
    undone: int = 0


def ownership(store: Store, project: Project, since: str, timeout: float) -> Ownership:
    """Find out, with what was recorded from the time `since` on. Raises DatabaseLocked, DatabaseUnusable, StoreLocked.

    A restore that was cut off is settled first.
    """
    rows = [row for row in store.branches.rows(project.origin) if row.at >= since]
    arrived = [row for row in rows if not row.target]
    waiting = next((row for row in rows if row.target), None)
    if waiting:
        from snapstore.actions.settle import settle  # few switches were cut off

        with store.lock(project.origin, shared=True):
            settle(store, project, timeout)
        arrival = _arrival(store, project, waiting)
        if arrival:
            return Ownership(arrived[-1].name if arrived else None, arrival)
    return _after_undo(store, project, arrived)


def keep(store: Store, name: str, snapshot: str) -> None:
    """Have the tag of a branch name its state."""
    store.refs.set(name, snapshot, ACTION)


def move_state(store: Store, old: str, new: str) -> None:
    """Keep the state of a branch that was renamed under its new name, unless that has a state."""
    ref = store.refs.get(old)
    if ref and is_state(store, old) and not store.refs.get(new):
        with store.catalog.transaction():
            keep(store, new, ref.snapshot)
            if not ref.pinned:
                store.refs.delete(old, ACTION)


def states(store: Store, origin: str) -> list[Ref]:
    """Return the tags that keep states of branches of a project; those that a user set under such a name are none."""
    found = []
    for ref in store.refs.all():
        if ref.name.startswith(PREFIX) and is_state(store, ref.name):
            row = store.snapshots.row(ref.snapshot)
            if row and store.snapshots.note_origin(ref.snapshot) == origin:
                found.append(ref)
    return found


def is_state(store: Store, name: str) -> bool:
    """Return whether a tag was last set to keep a state of a branch."""
    position = store.refs.position(name)
    return position is not None and position.action == ACTION


def _arrival(store: Store, project: Project, row: Holder) -> Arrival | None:
    """Find the moves of HEAD to the target of a row, and the state right before the first of them."""
    databases: set[str] = set()
    first: ReflogEntry | None = None
    before: ReflogEntry | None = None
    moved = 0
    with closing(store.refs.positions(HEAD, project.origin)) as positions:
        for entry in positions:  # the newest first
            if first is not None and before is None:
                before = entry
            if entry.entry <= row.entry:
                break
            if entry.snapshot == row.target and entry.action.split()[0] == _RESTORE:
                databases.update(entry.databases or project.databases)
                moved = moved or entry.entry
                first, before = entry, None
    if first is None:
        return None
    if WITHOUT_SAFETY in first.action:
        return Arrival(row, frozenset(databases), moved, None)
    if first.action != _RESTORE:  # the live databases held the same
        return Arrival(row, frozenset(databases), 0, row.target)
    return Arrival(row, frozenset(databases), moved, before.snapshot if before else None)


def _after_undo(store: Store, project: Project, rows: list[Holder]) -> Ownership:
    """Return the last owner, or the one before where the move from there was undone; and so on for its redo."""
    if not rows:
        return Ownership(None)
    owners = [(row.moved, row.name) for row in rows]
    since = owners[-1][0] or rows[-1].entry
    moves = []
    with closing(store.refs.positions(HEAD, project.origin)) as positions:
        for entry in positions:
            if entry.entry < since:
                break
            moves.append(entry)
    last = 0  # what the next undo takes back
    for entry in reversed(moves):
        if entry.action.split()[0] == _UNDO and last and last == owners[-1][0] and len(owners) > 1:
            owners.append((entry.entry, owners[-2][1]))
        last = entry.entry if entry.action in UNDOABLE else last
    return Ownership(owners[-1][1], undone=owners[-1][0] if len(owners) > len(rows) else 0)
