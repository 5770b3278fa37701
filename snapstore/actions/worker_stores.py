"""The stores of workers, which lie in the store of their project: check them, and remove those that nobody needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from snapstore.actions.fsck import fsck
from snapstore.actions.stores import remove_store, summarize
from snapstore.errors import StoreInUse, StoreLocked
from snapstore.layout import workers_of
from snapstore.progress import SILENT, Progress
from snapstore.results.checks import CheckedWorker
from snapstore.results.prunes import GoneWorker
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


def check_workers(store: str, *, full: bool, timeout: float, progress: Progress = SILENT) -> dict[str, CheckedWorker]:
    """Check the stores of all workers, by name. Raises what `fsck` raises."""
    checks = {}
    for name, path in workers_of(store).items():
        found = fsck(path, full=full, timeout=timeout, progress=progress)
        checks[name] = CheckedWorker(found.ok, found.damaged)
    return checks
