"""The stores of workers, which lie in the store of their project: check and prune them, and remove those of nobody.

Projects that share a store share the names of workers, too. So what is pruned in the store of a worker is what belongs
to copies of the project's databases, as far as the store knows whose copies they were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from snapstore.actions.fsck import fsck
from snapstore.actions.gone import last_used
from snapstore.actions.prune import PruneOptions, prune_origin
from snapstore.actions.stores import remove_store, summarize
from snapstore.errors import SnapError, StoreInUse, StoreLocked
from snapstore.layout import workers_of
from snapstore.progress import SILENT, Progress
from snapstore.results.checks import CheckedWorker
from snapstore.results.prunes import GoneWorker, PrunedWorker
from snapstore.store import Store
from snapstore.timestamps import parse

_AT_ONCE = 0.0  # seconds: one that is open is in use


def gone_workers(store: str, age: timedelta, timeout: float) -> Iterator[GoneWorker]:
    """Yield the workers whose databases are all gone, and whose stores were last used so long ago."""
    limit = datetime.now(UTC) - age
    for name, path in workers_of(store).items():
        found = summarize(path, timeout)
        if found.gone and (found.last_used is None or parse(found.last_used) <= limit):
            yield GoneWorker(name, path, found.bytes)


def remove_gone_workers(store: str, age: timedelta, timeout: float) -> Iterator[GoneWorker]:
    """Remove the stores that `gone_workers` finds, unless somebody has them open; yield what went. Raises FileError."""
    for one in gone_workers(store, age, timeout):
        with suppress(StoreLocked, StoreInUse):
            remove_store(one.path, _AT_ONCE, force=False)
            yield one


def prune_workers(
    store: Store, origin: str, options: PruneOptions, progress: Progress = SILENT, passing_over: Collection[str] = ()
) -> Iterator[PrunedWorker]:
    """Prune the stores of workers by the rules for the project `origin`, in whose store they lie.

    One that the rules would leave empty, that is damaged, or that is locked for too long is left alone.
    """
    foreign = frozenset() if options.everywhere else _copies_of_others(store, origin)
    own = replace(options, everywhere=False, lock=None, gone=None, dropped={})
    for name, path in workers_of(store.path).items():
        if name in passing_over:
            continue
        try:
            with Store.open(path, options.timeout) as worker:
                done = [prune_origin(worker, one, own, progress) for one in last_used(worker) if one not in foreign]
        except SnapError as error:
            yield PrunedWorker(name, problem=str(error))
            continue
        removed = tuple(one for pruned in done for one in pruned.removed)
        kept, freed = sum(len(one.kept) for one in done), sum(one.freed_bytes for one in done)
        yield PrunedWorker(name, kept, removed, freed, max((one.held_bytes for one in done), default=0))


def _copies_of_others(store: Store, origin: str) -> frozenset[str]:
    """Return the copies that only other projects have had, by the texts that identify them."""
    if not store.catalog.value("SELECT 1 FROM sqlite_schema WHERE name = 'part'"):
        return frozenset()
    sql = "SELECT DISTINCT part.origin, suite.origin = ? FROM part JOIN suite USING (suite)"
    rows = store.catalog.typed_rows(sql, (origin,), str, int)
    return frozenset(copy for copy, is_own in rows if not is_own) - {copy for copy, is_own in rows if is_own}


def check_workers(store: str, *, full: bool, timeout: float, progress: Progress = SILENT) -> dict[str, CheckedWorker]:
    """Check the stores of all workers, by name. Raises what `fsck` raises."""
    checks = {}
    for name, path in workers_of(store).items():
        found = fsck(path, full=full, timeout=timeout, progress=progress)
        checks[name] = CheckedWorker(found.ok, found.damaged)
    return checks
