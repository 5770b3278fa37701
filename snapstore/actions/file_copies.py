"""The files of a snapshot as a folder beside an exported database, `FILE.files/NAME`, and such a folder back."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from snapstore.errors import FileError, WouldOverwrite
from snapstore.files import reached, sync_folder, translated
from snapstore.history.snapshot import FilesEntry, Snapshot
from snapstore.project import Project
from snapstore.store import Store
from snapstore.trees.difference import REMOVED, differences
from snapstore.trees.folders import FOLDER_FLAGS
from snapstore.trees.manifest import NOTHING
from snapstore.trees.moves import TreeMoves
from snapstore.trees.staging import create_staging, sweep_staging

SUFFIX = ".files"
_PRIVATE = 0o700


def check_free(path: str) -> None:
    """Raise WouldOverwrite where something has the name of the folder."""
    if os.path.lexists(path + SUFFIX):
        raise WouldOverwrite(path + SUFFIX, hint="remove it, or choose another path")


def path_beside(path: str, name: str) -> str:
    """Return where the files with a name are, beside a file."""
    return os.path.join(path + SUFFIX, name)


@contextmanager
def files_beside(store: Store, snapshot: Snapshot, path: str) -> Iterator[Callable[[], None]]:
    """Write the trees of a snapshot durably into a new folder, open to this user alone.

    What is yielded gives the folder its name, `FILE.files`; without that it is removed. Raises WouldOverwrite,
    StoreDamaged, DiskFull, FileError.
    """
    check_free(path)
    with translated(path + SUFFIX), ExitStack() as stack:
        host = os.open(os.path.dirname(path), FOLDER_FLAGS & ~os.O_NOFOLLOW)
        stack.callback(os.close, host)
        deque(sweep_staging(host), 0)
        temporary, fd = create_staging(host)
        stack.callback(os.close, fd)
        stack.callback(shutil.rmtree, temporary, ignore_errors=True, dir_fd=host)
        place = os.path.join(os.path.dirname(path), temporary)
        for name, record in snapshot.files.items():
            _write(store, record, os.path.join(place, name))
            for folder in Path(name).parents:
                sync_folder(os.path.join(place, folder))

        def give_name() -> None:
            check_free(path)
            os.rename(temporary, path + SUFFIX, src_dir_fd=host)
            reached("files-named")

        yield give_name


def _write(store: Store, record: FilesEntry, path: str) -> None:
    with translated(path):
        os.makedirs(os.path.dirname(path), _PRIVATE, exist_ok=True)
    changes = list(differences(NOTHING, store.snapshots.tree(record), spared=REMOVED))
    with TreeMoves(path, changes, store.objects.read_many) as moves:
        moves.stage()
        moves.move()
        moves.close()
        moves.sync()


def beside(project: Project, path: str) -> Project:
    """Return the project with the trees that lie in the folder beside a file. Raises FileError where there is none."""
    where = {name: os.path.realpath(path_beside(path, name)) for name in project.trees}
    there = {name: one for name, one in where.items() if os.path.lexists(one)}
    if not there:
        raise FileError(path + SUFFIX, "there are none of the configured files in it")
    return project._replace(trees={name: project.trees[name]._replace(path=one) for name, one in there.items()})
