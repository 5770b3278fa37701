"""Settle a restore that was cut off: find out in the live databases how far it came, and record that."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress

from snapstore.compare.state import State, part_text
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.database.wal import sync_log
from snapstore.errors import DatabaseUnusable, NoSnapshot
from snapstore.files import translated
from snapstore.history.intents import Intent
from snapstore.history.manifest import Manifest
from snapstore.history.reflog import HEAD
from snapstore.leftovers import sweep
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import Store
from snapstore.trees.names import tree_of


def settle(store: Store, project: Project, timeout: float) -> Intent | None:
    """Complete or drop the restore that was cut off; return it, None if there is none.

    The caller holds the project's lock, so no restore is running. If a database holds neither the state before nor the
    target, it was written to since. It counts as restored, so that undo leads to the state before.

    Files get their names only after the last database was committed. So those that have not got theirs do now if all
    databases hold the target, and else none has moved yet.
    Raises TreeNotConfigured, and what reading and writing trees raises.
    """
    intent = store.intents.get(project.origin)
    if intent is None or not any(tree_of(part) for part in intent.databases):
        return _settle(store, project, timeout) if intent else None
    # Those who read share the project's lock, and what one of them still moves, somebody may have written since.
    with store.lock(f"{project.origin} files", shared=False):
        return _settle(store, project, timeout)


def _settle(store: Store, project: Project, timeout: float) -> Intent | None:
    intent = store.intents.get(project.origin)
    if intent is None:
        return None
    databases = [name for name in intent.databases if name in project.databases]
    for name in databases:
        sweep(os.path.dirname(project.databases[name]))
    contents = _live_contents(project, intent, timeout)
    stayed = _standing_on(store, intent.before, contents) if intent.before else ()
    at_target = _standing_on(store, intent.target, contents) if intent.target != intent.before else ()
    arrived = tuple(name for name in databases if name in at_target or (name in contents and name not in stayed))
    arrived += _settled_files(store, project, intent, at_target if not intent.before else arrived, contents, timeout)
    for name in filter(project.databases.__contains__, arrived):
        with translated(project.databases[name]):  # the process may have died before it synced the log
            sync_log(os.path.realpath(project.databases[name]))
    with store.catalog.transaction():
        if store.intents.get(project.origin) != intent:
            return None
        if arrived:
            finish_move(store, project, intent, arrived)
        else:
            _drop(store, project, intent)
    return intent


def _settled_files(
    store: Store, project: Project, intent: Intent, arrived: Sequence[str], contents: Mapping[str, str], timeout: float
) -> tuple[str, ...]:
    """Give the files of an interrupted restore their names, if all its databases arrived; return those parts."""
    parts = tuple(part for part in intent.databases if tree_of(part) is not None)
    if not parts:
        return ()
    from snapstore.actions.tree_restore import settle_trees

    databases = {name for name in intent.databases if name in project.databases}
    is_sure = databases == set(arrived)
    may_be = is_sure or not databases <= contents.keys()
    return parts if settle_trees(store, project, intent, is_sure=is_sure, may_be=may_be, timeout=timeout) else ()


def finish_move(store: Store, project: Project, intent: Intent, arrived: tuple[str, ...]) -> None:
    """Write to the reflog that databases moved from one state to another, inside the caller's transaction."""
    store.intents.clear(project.origin)
    present = store.refs.position(HEAD, project.origin)
    if intent.before and (present is None or present.snapshot != intent.before):
        held = tuple(name for name in store.snapshots.load(intent.before).parts if name in project.parts)
        store.refs.move_head(project.origin, intent.before, held, "safety")
    if arrived:
        store.refs.move_head(project.origin, intent.target, arrived, intent.action)


def try_move(store: Store, project: Project, intent: Intent, databases: tuple[str, ...]) -> None:
    """Check before a live database changes that a catalog, damaged perhaps, can record the move afterwards.

    Nothing is written. It runs inside the caller's transaction. Raises StoreDamaged.
    """
    with store.catalog.trial():
        finish_move(store, project, intent, databases)


def _drop(store: Store, project: Project, intent: Intent) -> None:
    """Drop a restore that changed nothing, and the safety snapshot that was made only for it."""
    store.intents.clear(project.origin)
    row = store.snapshots.row(intent.before) if intent.before else None
    if row and row.kind == "safety" and not store.refs.naming(row.id) and not store.reflog.mentions(row.id):
        store.snapshots.drop(bytes.fromhex(row.id))


def _standing_on(store: Store, snapshot: str, contents: dict[str, str]) -> tuple[str, ...]:
    databases = store.snapshots.load(snapshot).databases
    return tuple(name for name, content in contents.items() if name in databases and databases[name].content == content)


def _live_contents(project: Project, intent: Intent, timeout: float) -> dict[str, str]:
    """Return the content ids of the databases that can be read."""
    contents = {}
    for name in filter(project.databases.__contains__, intent.databases):
        with (
            suppress(DatabaseUnusable),
            LiveDatabases({name: project.databases[name]}, Deadline(timeout)) as live,
        ):
            contents[name] = _content(live.read()[name])
    return contents


def _content(view: View) -> str:
    return Manifest.of(view.page_size, view.page_count, b"".join(view.ids())).id.hex()


def settle_alone(store: Store, project: Project, timeout: float) -> Intent | None:
    """Settle for a verb that only reads."""
    with store.lock(project.origin, shared=True):
        return settle(store, project, timeout)


def head_state(store: Store, project: Project, timeout: float) -> tuple[State, Intent | None]:
    """Settle a restore that was cut off; return the state that the live databases stand on, and that restore.

    The restore is None if there is none. Raises NoSnapshot.
    """
    settled = settle_alone(store, project, timeout)
    heads = store.refs.head(project.origin)
    for name in project.parts:
        if name not in heads or not store.snapshots.exists(heads[name]):
            raise NoSnapshot(f"snapshot of {part_text(name)}")
        store.snapshots.expect(heads[name])
    return State("HEAD", {name: heads[name] for name in project.parts}), settled
