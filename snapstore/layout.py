"""What lies in the folder of a store, and how all of it is removed.

format       "snapstore 1" and a line feed
catalog.db   the catalog (objects/catalog.py)
reflog       where names have pointed (history/reflog.py)
packs/       the packs (objects/pack.py)
locks/       files to lock: one a project, one a database that a suite runs on, and those of objects/freeing.py
workers/     the stores of workers that have copies of the project's databases, each in a folder of the worker's name
remotes/     what was seen of remotes, each in a folder of the remote's name (remotes/cache.py)
.gitignore   keeps Git from adding a store that lies inside a repository

Only files with names that snapstore gives are removed, and no link is followed: a folder that holds anything else
stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, suppress

from snapstore.errors import SnapError
from snapstore.files import BEFORE_REBUILD
from snapstore.leftovers import is_temporary
from snapstore.locks import FOLDER, Deadline, acquire
from snapstore.objects.catalog import Catalog
from snapstore.objects.pack import KEPT, SUFFIX, is_given_name
from snapstore.regular import is_regular

FORMAT_FILE, CATALOG, REFLOG, PACKS, LOCKS = "format", "catalog.db", "reflog", "packs", "locks"
WORKERS, REMOTES = "workers", "remotes"
FILES = (FORMAT_FILE, CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm", f"{CATALOG}-journal", REFLOG)
_GIT = ".git"  # a folder, or a file in a worktree
SET_ASIDE = ".damaged"  # suffix of a pack that nothing needs any more
IGNORE_FILE = ".gitignore"
REMOTE_STATE, INCOMING = "state", "incoming"
_INDEX = re.compile(r"[0-9a-f]{64}\.idx")
_LOCK = re.compile(r"[0-9a-f]{32}(?:\.run)?|gate|writers|prune")


def is_at(fd: int, path: str) -> bool:
    """Return whether a descriptor is of what now lies at a path."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(fd), os.stat(path))
    return False


def is_in_repository(path: str) -> bool:
    """Return whether a folder is below the root of a Git repository; the root itself is not."""
    above = os.path.realpath(path)
    if os.path.lexists(os.path.join(above, _GIT)):
        return False
    while (parent := os.path.dirname(above)) != above:
        above = parent
        if os.path.lexists(os.path.join(above, _GIT)):
            return True
    return False


def missing_from(path: str) -> str:
    """Return the topmost folder that would have to be created for a path, empty where it exists."""
    if os.path.lexists(path):
        return ""
    while not os.path.lexists(parent := os.path.dirname(path)):
        path = parent
    return path


def discard_unused(path: str, made: str) -> bool:
    """Remove a store in which nothing was ever recorded and that nobody has open; return whether it went.

    Its folder and empty ones above it go too, up to `made`, the topmost one that was created for it; none without.
    """
    with suppress(SnapError, OSError):
        fd = acquire(path, Deadline(0), shared=False, kind=FOLDER)
        if fd is None:
            return False
        try:
            if not is_at(fd, path) or not _is_unused(path) or _names(os.path.join(path, WORKERS)):
                return False
            discard(path)
            while made:
                os.rmdir(path)
                if path == made:
                    break
                path = os.path.dirname(path)
        finally:
            os.close(fd)
        return True
    return False


def _is_unused(path: str) -> bool:
    """Return whether no table of the catalog has a row. Raises SnapError."""
    where = os.path.join(path, CATALOG)
    if not os.path.exists(where):
        return not any(name.endswith(SUFFIX) for name in _names(os.path.join(path, PACKS)))
    with closing(Catalog(where, Deadline(0))) as catalog:
        tables = catalog.rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return not any(catalog.value(f'SELECT 1 FROM "{name}" LIMIT 1') for (name,) in tables)


def discard(path: str) -> None:
    """Remove what is in a store's folder. The caller holds the folder alone. Raises OSError."""
    for file in _files(path):
        if is_regular(file):
            os.unlink(file)
    remotes = os.path.join(path, REMOTES)
    for name in _names(remotes):
        for folder in (os.path.join(remotes, name, INCOMING), os.path.join(remotes, name)):
            with suppress(FileNotFoundError, NotADirectoryError):
                os.rmdir(folder)
    for name in (PACKS, LOCKS, WORKERS, REMOTES):
        with suppress(FileNotFoundError):
            os.rmdir(os.path.join(path, name))


def worker_store(path: str, worker: str) -> str:
    """Return the folder of a worker's store in a store."""
    return os.path.join(path, WORKERS, worker)


def workers_of(path: str) -> dict[str, str]:
    """Return the folders of the stores of workers that lie in a store, by the worker's name."""
    found = {name: worker_store(path, name) for name in sorted(_names(os.path.join(path, WORKERS)))}
    return {
        name: one
        for name, one in found.items()
        if not os.path.islink(one) and os.path.lexists(os.path.join(one, FORMAT_FILE))
    }


def _files(path: str) -> Iterator[str]:
    """Yield the paths of all files of a store; the one that says that it is a store comes last."""
    for name in _names(path):
        kept = name.startswith((CATALOG + BEFORE_REBUILD, REFLOG + BEFORE_REBUILD))
        if kept or is_temporary(name) or name == IGNORE_FILE or name in FILES[1:]:
            yield os.path.join(path, name)
    packs = os.path.join(path, PACKS)
    for name in _names(packs):
        pack = name.removesuffix(SET_ASIDE)
        if is_temporary(name) or (
            pack.endswith(SUFFIX) and is_given_name(pack.removesuffix(SUFFIX).removeprefix(KEPT))
        ):
            yield os.path.join(packs, name)
    yield from _remote_files(os.path.join(path, REMOTES))
    locks = os.path.join(path, LOCKS)
    yield from (os.path.join(locks, name) for name in _names(locks) if _LOCK.fullmatch(name) or is_temporary(name))
    yield os.path.join(path, FORMAT_FILE)


def _remote_files(remotes: str) -> Iterator[str]:
    """Yield the paths of the files that are kept of remotes."""
    for remote in _names(remotes):
        folder = os.path.join(remotes, remote)
        for name in _names(folder):
            if name == REMOTE_STATE or is_temporary(name) or _INDEX.fullmatch(name):
                yield os.path.join(folder, name)
        incoming = os.path.join(folder, INCOMING)
        for name in _names(incoming):
            if is_temporary(name) or (name.endswith(SUFFIX) and is_given_name(name.removesuffix(SUFFIX))):
                yield os.path.join(incoming, name)


def _names(folder: str) -> list[str]:
    if os.path.islink(folder):
        return []
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(folder)
    return []
