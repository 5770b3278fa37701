"""List stores with what they belong to, and remove those that nobody needs any more."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from snapstore.actions.gone import is_gone, last_used, paths_of
from snapstore.errors import NoStore, SnapError, StoreInUse
from snapstore.files import translated
from snapstore.layout import FORMAT_FILE, discard, workers_of
from snapstore.locks import Deadline
from snapstore.results.stores import StoreProject, StoreSummary
from snapstore.store import Store, folder_held

_COUNTS = "SELECT origin, count(*) FROM snapshot WHERE origin IS NOT NULL GROUP BY origin"


def stores_in(folder: str) -> list[str]:
    """Return the paths of the stores in a folder."""
    with suppress(OSError):
        paths = (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
        return [path for path in paths if os.path.lexists(os.path.join(path, FORMAT_FILE))]
    return []


def summarize(path: str, timeout: float) -> StoreSummary:
    """Describe a store with those of workers inside it, also one that cannot be read."""
    try:
        with Store.open(path, timeout) as store:
            projects = _projects(store)
        for name, one in workers_of(path).items():
            with Store.open(one, timeout) as store:
                projects += tuple(replace(project, worker=name) for project in _projects(store))
    except SnapError as error:
        return StoreSummary(path, _bytes_of(path), None, False, (), str(error))
    used = max((one.last_used for one in projects), default=None)
    is_orphan = all(one.gone for one in projects)
    return StoreSummary(path, _bytes_of(path), used, is_orphan, projects, None)


def remove_store(path: str, timeout: float, *, force: bool) -> str:
    """Remove a store with those of workers inside it; return its path.

    Raises StoreInUse unless all its projects are gone, NoStore, StoreLocked.
    """
    path = os.path.abspath(path)
    if not os.path.lexists(os.path.join(path, FORMAT_FILE)):
        raise NoStore(path)
    if not force:
        found = summarize(path, timeout)
        there = [file for one in found.projects if not one.gone for file in one.databases.values()]
        if found.problem or there:
            raise StoreInUse(path, found.problem or f"it has snapshots of '{there[0]}'")
    with folder_held(path, Deadline(timeout), shared=False), translated(path):
        for worker in workers_of(path).values():
            _remove(worker, timeout)
        _remove_held(path)
    return path


def _remove(path: str, timeout: float) -> None:
    with folder_held(path, Deadline(timeout), shared=False):
        _remove_held(path)


def _remove_held(path: str) -> None:
    discard(path)
    os.rmdir(path)


def _projects(store: Store) -> tuple[StoreProject, ...]:
    counts = dict(store.catalog.typed_rows(_COUNTS, (), str, int))
    return tuple(
        StoreProject(paths, counts.get(origin, 0), at, all(map(is_gone, paths.values())))
        for origin, at in last_used(store).items()
        for paths in [paths_of(origin)]
    )


def _bytes_of(path: str) -> int:
    return sum(_sizes(path))


def _sizes(path: str) -> Iterable[int]:
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                yield os.lstat(os.path.join(folder, name)).st_size
