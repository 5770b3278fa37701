"""One tree to restore, beside the databases: what differs, its new files written aside, and its names moved.

The order of things is restore.py's: nothing that can be seen changes before the databases are committed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from snapstore.actions.capture import Capture
from snapstore.actions.origin import IMPORTED
from snapstore.actions.tree_check import drawn
from snapstore.actions.tree_state import read_live, reader, save, sweep
from snapstore.errors import TreeNotConfigured, WouldOverwrite, WrongFiles
from snapstore.files import as_path, path_text
from snapstore.history.intents import Intent
from snapstore.history.snapshot import FilesEntry, Snapshot
from snapstore.ids import short
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.files import RestoredFiles
from snapstore.store import Store
from snapstore.trees.difference import DRIFTED, REMOVED, PathChange, differences, is_same
from snapstore.trees.manifest import FILE, TreeEntry
from snapstore.trees.moves import TreeMoves, to_finish
from snapstore.trees.names import key_of, tree_of
from snapstore.trees.reading import ReadTree
from snapstore.trees.settings import TreeSettings
from snapstore.trees.stat_cache import CachedFile, is_settled_as_written
from snapstore.trees.walk import Stamp

_WORTH_NOTING = 8 << 20  # bytes of files; to read fewer takes no longer than to note them
_MOST_PATHS = 1000  # of each tree, for people and programs to read


class TreeJob:
    """A live tree and its target; `changes` lead from the one to the other once `read` was called."""

    def __init__(self, store: Store, project: Project, name: str, record: FilesEntry) -> None:
        self.name = name
        self._store = store
        self._project = project
        self._settings = project.trees[name]
        self.target = store.snapshots.tree(record)
        self.changes: list[PathChange] = []
        self._now: ReadTree | None = None
        self._moves = TreeMoves(self._settings.path, [], store.objects.read_many)

    def read(self, capture: Capture, deadline: Deadline, progress: Progress = SILENT, *, keeps: bool) -> None:
        """Read the present state, into the store if that keeps it, and compare. Raises what reading a tree raises."""
        if keeps:
            self._now = capture.read_tree(self.name, deadline, progress)
        else:
            self._now = reader(self._store, self._project, self.name, deadline).read()
            capture.note_tree(self.name, self._now)
        holding = self._now.walked.holding
        self.changes = list(differences(self._now.manifest, self.target, holding, spared=REMOVED))
        self._moves = TreeMoves(self._settings.path, self.changes, self._store.objects.read_many)
        self._moves.check(holding)

    def refuse_to_replace(self) -> None:
        """Raise WouldOverwrite if something that is there would be replaced or removed."""
        for one in self.changes:
            if one.before and one.change != DRIFTED:
                path = os.path.join(self._settings.path, os.fsdecode(one.path)) if one.path else self._settings.path
                raise WouldOverwrite(path, "there is no database to keep it with: move it away, or --no-safety")

    def stage(self) -> None:
        """Write new files aside, durably. Raises StoreDamaged, DiskFull, FileError."""
        sweep(self._settings)
        self._moves.stage()

    def check_unchanged(self) -> None:
        """Check that nobody has written what is about to be replaced. Raises FilesChanging."""
        assert self._now is not None
        self._moves.check(self._now.walked.holding, self._now.stamps)

    def move(self) -> None:
        """Give everything its name. Raises FileError."""
        self._moves.move()
        self._moves.close()

    def sync(self) -> None:
        """Make the names durable, and keep what is known of the files now. Raises FileError."""
        self._moves.sync()
        written = sum(one.after.size for one in self.changes if one.has_new_content and one.after)
        if self._now and (written >= _WORTH_NOTING or self._store.live_trees is not None):
            self._note(self._now, self._moves.stamps())

    def _note(self, before: ReadTree, stamps: Mapping[bytes, Stamp]) -> None:
        cache = dict(before.cache)
        for path in (one.path for one in self.changes):
            cache.pop(path, None)
        entries = {path: self.target.by_path[path] for path in stamps}
        for path, entry in entries.items():
            if is_settled_as_written(stamps[path], entry):
                cache[path] = CachedFile(stamps[path], entry)
        save(self._store, self._settings.path, self.target, cache)

    def close(self) -> None:
        """Remove what was written aside."""
        self._moves.close()

    def result(self, *, names_paths: bool) -> RestoredFiles:
        """Return what differs, and so is or would be restored."""
        named = drawn(self.changes, _MOST_PATHS) if names_paths else drawn((), 0)
        return RestoredFiles(
            path=self._settings.path,
            written=sum(1 for one in self.changes if one.after and one.change != DRIFTED),
            removed=sum(1 for one in self.changes if one.after is None),
            adjusted=sum(1 for one in self.changes if one.change == DRIFTED),
            entries=self.target.count,
            bytes_written=sum(one.after.size for one in self.changes if one.has_new_content and one.after),
            paths=named.paths,
            paths_left_out=named.paths_left_out,
        )


def blocks_of(store: Store, entry: TreeEntry) -> Iterator[bytes]:
    """Yield the blocks of a file. Raises StoreDamaged."""
    if entry.kind == FILE:
        yield from store.objects.read_many(list(entry.blocks()))


def jobs(
    store: Store, project: Project, id_: str, snapshot: Snapshot, only: Sequence[str] | None, *, foreign: bool
) -> list[TreeJob]:
    """Return a job for each tree that both the snapshot and the project have. Raises WrongFiles, StoreDamaged."""
    names = [name for name in snapshot.files if name in project.trees and (only is None or key_of(name) in only)]
    if not foreign and snapshot.kind != IMPORTED and not _came_from_remote(store, project, id_, snapshot):
        for name in names:
            check_origin(id_, snapshot.files[name], project.trees[name])
    return [TreeJob(store, project, name, snapshot.files[name]) for name in names]


def _came_from_remote(store: Store, project: Project, id_: str, snapshot: Snapshot) -> bool:
    """Tell whether a snapshot of other paths is listed for this project: it was pulled from the project's remote."""
    return store.snapshots.listed_for(id_) == project.origin != snapshot.origin


def check_origin(id_: str, record: FilesEntry, settings: TreeSettings) -> None:
    """Raise WrongFiles for a tree that was taken at another place, unless that is gone: then the project moved."""
    if record.origin != path_text(settings.path) and os.path.lexists(as_path(record.origin)):
        raise WrongFiles(settings.path, short(id_), record.origin)


def settle_trees(
    store: Store, project: Project, intent: Intent, *, is_sure: bool, may_be: bool, timeout: float
) -> bool:
    """Finish the files of an interrupted restore, if `is_sure` says that all databases were committed.

    If that only `may_be`, files that have got their names tell. Return whether they are finished; else none has moved.
    Raises TreeNotConfigured, and what reading a tree raises, StoreDamaged, DiskFull, FileError.
    """
    names = [name for part in intent.databases if (name := tree_of(part)) is not None]
    for name in names:
        if name not in project.trees:
            raise TreeNotConfigured(name)
        sweep(project.trees[name])
    if is_sure or (may_be and _has_begun(store, project, intent, names)):
        _finish(store, project, intent, names, timeout)
        return True
    return False


def _has_begun(store: Store, project: Project, intent: Intent, names: Sequence[str]) -> bool:
    """Tell whether an interrupted restore has given anything in its trees the state of the target."""
    target = store.snapshots.load(intent.target).files
    before = store.snapshots.load(intent.before).files if intent.before else {}
    for name in names:
        if name in before and name in target:
            live = read_live(store, project, name, store.deadline).manifest.by_path
            changes = differences(store.snapshots.tree(before[name]), store.snapshots.tree(target[name]))
            if any(is_same(live.get(one.path), one.after) for one in changes):
                return True
    return False


def _finish(store: Store, project: Project, intent: Intent, names: Sequence[str], timeout: float) -> None:
    """Move what an interrupted restore has not moved yet; what somebody has written since is left alone."""
    target = store.snapshots.load(intent.target).files
    before = store.snapshots.load(intent.before).files if intent.before else {}
    for name in names:
        live = read_live(store, project, name, Deadline(timeout)).manifest
        was = store.snapshots.tree(before[name]) if name in before else live
        left = list(to_finish(was, store.snapshots.tree(target[name]), live))
        with TreeMoves(project.trees[name].path, left, store.objects.read_many) as moves:
            moves.stage()
            moves.move()
            moves.close()
            moves.sync()
