"""Take the last prune back: list what it forgot again, in the store of a project and in those of its workers."""

from __future__ import annotations

from collections.abc import Iterator

from snapstore.layout import workers_of
from snapstore.project import Project
from snapstore.results.prunes import BroughtBack
from snapstore.store import Store


def bring_back_last(store: Store, project: Project) -> BroughtBack:
    """List the snapshots again that the project's last prune, or `rm`, forgot; return them.

    What that prune forgot in the stores of workers comes back, too. Raises what opening these raises.
    """
    for at in _last_times(store, project.origin):
        with store.catalog.transaction():
            found = tuple(filter(store.forgotten.bring_back, store.forgotten.at(at, project.origin)))
        workers = _in_workers(store.path, at, store.deadline.seconds)
        if found or workers:
            return BroughtBack(found, workers)
    return BroughtBack(())


def _last_times(store: Store, origin: str) -> Iterator[str]:
    """Yield when snapshots may have been forgotten last: by a prune that found only some of workers, or as recorded."""
    last = store.forgotten.last_time(origin)
    pruned = store.catalog.value("SELECT at FROM upkeep WHERE origin = ?", (origin,))
    if pruned and pruned > (last or "") and not store.forgotten.at(pruned, origin):
        yield str(pruned)
    if last:
        yield last


def _in_workers(store: str, at: str, timeout: float) -> dict[str, tuple[str, ...]]:
    """List the snapshots again that were forgotten at a time in the stores of workers; return them by worker.

    Raises what opening a store raises.
    """
    found = {}
    for name, path in workers_of(store).items():
        with Store.open(path, timeout) as worker, worker.catalog.transaction():
            if back := tuple(filter(worker.forgotten.bring_back, worker.forgotten.at(at))):
                found[name] = back
    return found
