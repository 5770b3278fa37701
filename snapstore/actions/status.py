"""Status: how the live databases differ from the snapshot they stand on, in pages."""

from __future__ import annotations

import time
from dataclasses import dataclass

from snapstore.actions.image import page_images
from snapstore.actions.settle import settle
from snapstore.blocks import BLOCK_BYTES
from snapstore.database.live import LiveDatabases
from snapstore.database.view import View
from snapstore.errors import NoSnapshot
from snapstore.history.intents import Intent
from snapstore.history.manifest import Manifest
from snapstore.ids import ID_BYTES
from snapstore.patience import Patience
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import DEFAULT_TIMEOUT, Store


@dataclass(frozen=True)
class DatabaseStatus:
    """One live database against its HEAD; pages that are new or gone count as changed."""

    path: str
    head: str
    names: tuple[str, ...]
    clean: bool
    pages_changed: int
    pages: int
    head_pages: int
    journal_mode: str


@dataclass(frozen=True)
class StatusResult:
    """All databases of the project; `settled` is a restore that had been cut off and was put right in the books."""

    clean: bool
    databases: dict[str, DatabaseStatus]
    settled: Intent | None
    seconds: float


def status(
    store: Store, project: Project, timeout: float = DEFAULT_TIMEOUT, progress: Progress = SILENT
) -> StatusResult:
    """Compare. Raises NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged."""
    start = time.monotonic()
    with store.lock(project.origin, shared=True):
        settled = settle(store, project, timeout)
    heads = store.refs.head(project.origin)
    found = {}
    with LiveDatabases(project.databases, Patience(timeout)) as live:
        for name, view in live.read().items():
            if name not in heads or not store.snapshots.exists(heads[name]):
                raise NoSnapshot(f"snapshot of database '{name}'")
            found[name] = _compare(store, view, name, heads[name], progress)
    return StatusResult(all(one.clean for one in found.values()), found, settled, time.monotonic() - start)


def _compare(store: Store, view: View, name: str, head: str, progress: Progress) -> DatabaseStatus:
    databases = store.snapshots.load(head).databases
    if name not in databases:
        raise NoSnapshot(f"snapshot of database '{name}'")
    base = store.snapshots.manifest(databases[name].manifest)
    progress.start(f"reading {name}", view.bytes)
    changed = _changed_pages(store, view, base, progress)
    return DatabaseStatus(
        path=view.file.path,
        head=head,
        names=tuple(ref.name for ref in store.refs.naming(head)),
        clean=not changed,
        pages_changed=changed,
        pages=view.page_count,
        head_pages=base.page_count,
        journal_mode=view.journal_mode,
    )


def _changed_pages(store: Store, view: View, base: Manifest, progress: Progress) -> int:
    if view.page_count and base.page_count and view.page_size != base.page_size:
        return max(view.page_count, base.page_count)
    changed: int = abs(view.page_count - base.page_count)
    for scanned in view.scan(base.block_ids):
        progress.advance(len(scanned.ids) // ID_BYTES * BLOCK_BYTES)
        for number, _, data in scanned.new:
            if old_id := base.block_id(number):
                old = dict(page_images(base, number, store.objects.read(old_id)))
                new = dict(page_images(base, number, data))
                changed += sum(1 for pgno in old.keys() & new.keys() if old[pgno] != new[pgno])
    return changed
