"""The files of a snapshot as a folder beside an exported database, `FILE.files/NAME`, and such a folder back."""

from __future__ import annotations

import os
from collections.abc import Mapping

from snapstore.actions.tree_restore import blocks_of
from snapstore.errors import FileError, WouldOverwrite
from snapstore.files import translated
from snapstore.history.snapshot import Snapshot
from snapstore.project import Project
from snapstore.store import Store
from snapstore.trees.difference import REMOVED, differences
from snapstore.trees.manifest import NOTHING
from snapstore.trees.moves import TreeMoves

SUFFIX = ".files"
_PRIVATE = 0o700


def check_free(path: str) -> None:
    """Raise WouldOverwrite where something has the name of the folder."""
    if os.path.lexists(path + SUFFIX):
        raise WouldOverwrite(path + SUFFIX, hint="remove it, or choose another path")


def export_files(store: Store, snapshot: Snapshot, path: str) -> Mapping[str, str]:
    """Write the trees of a snapshot into a new folder, open to this user alone; return where each is.

    Raises WouldOverwrite, StoreDamaged, DiskFull, FileError.
    """
    check_free(path)
    found = {}
    for name, record in snapshot.files.items():
        target = os.path.join(path + SUFFIX, name)
        with translated(target):
            os.makedirs(os.path.dirname(target), _PRIVATE, exist_ok=True)
        changes = list(differences(NOTHING, store.snapshots.tree(record), spared=REMOVED))
        with TreeMoves(os.path.realpath(target), changes, lambda entry: blocks_of(store, entry)) as moves:
            moves.stage()
            moves.move()
            moves.close()
            moves.sync()
        found[name] = target
    return found


def beside(project: Project, path: str) -> Project:
    """Return the project with the trees that lie in the folder beside a file. Raises FileError where there is none."""
    where = {name: os.path.realpath(os.path.join(path + SUFFIX, name)) for name in project.trees}
    there = {name: one for name, one in where.items() if os.path.lexists(one)}
    if not there:
        raise FileError(path + SUFFIX, "there are none of the configured files in it")
    return project._replace(trees={name: project.trees[name]._replace(path=one) for name, one in there.items()})
