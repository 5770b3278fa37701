"""Fsck: whether a store can give back all it says it has; every damage, and the snapshots it touches.

Nothing is changed here. actions/rebuild.py makes the catalog anew, actions/heal.py stores anew what is damaged
and intact elsewhere. `verify` is another question: whether the live database is what a snapshot holds.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field

from snapstore.actions.caches import NO_CACHES, Caches, examine_caches
from snapstore.errors import StoreDamaged
from snapstore.history.soundness import SnapshotCheck, Touched, name_flaws
from snapstore.objects.inspection import CATALOG, Flaw, Inspection
from snapstore.objects.pack_check import packs_in
from snapstore.progress import SILENT, Progress
from snapstore.store import DEFAULT_TIMEOUT, PACKS, Store


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it should be.

    `what` is pack, object, name, reflog, catalog or format; `snapshots` are the ids of those that it spoils.
    """

    what: str
    detail: str
    pack: str | None = None
    object: str | None = None
    snapshots: tuple[str, ...] = ()


@dataclass(frozen=True)
class AffectedSnapshot:
    """A snapshot that cannot be restored as a whole; both lists are empty where not even its databases are known."""

    snapshot: str
    names: tuple[str, ...]
    created: str
    damaged: tuple[str, ...]
    intact: tuple[str, ...]


@dataclass(frozen=True)
class FsckResult:
    """What was found; `unused_packs` are left by takes that were cut off, and no damage, and neither are `caches`."""

    ok: bool
    damaged: list[Damage]
    affected_snapshots: list[AffectedSnapshot]
    snapshots: int
    objects: int
    packs: int
    unused_packs: int
    full: bool
    seconds: float
    caches: Caches = NO_CACHES
    spoiled: dict[bytes, int] = field(default_factory=dict, repr=False)


def fsck(path: str, *, full: bool = True, timeout: float = DEFAULT_TIMEOUT, progress: Progress = SILENT) -> FsckResult:
    """Check a store, also one that cannot be opened. Raises NoStore, NotAStore, StoreTooNew, StoreLocked, FileError."""
    start = time.monotonic()
    try:
        with Store.open(path, timeout) as store:
            return check_store(store, full=full, progress=progress)
    except StoreDamaged as error:
        damage = Damage("format" if "format" in error.detail else CATALOG, error.detail)
        return FsckResult(False, [damage], [], 0, 0, len(_packs(path)), 0, full, time.monotonic() - start)


def check_store(store: Store, *, full: bool, progress: Progress = SILENT) -> FsckResult:
    """Check an open store."""
    start = time.monotonic()
    inspection = Inspection(store.objects)
    touched: dict[str, Touched] = {}
    rows = []
    try:
        problems = store.catalog.problems()
        rows = store.snapshots.all()[::-1]
        names = _names(store)
        inspection.run(full=full, progress=progress)
        check = SnapshotCheck(store.snapshots, store.objects, inspection)
        progress.start("checking snapshots", len(rows))
        for row in rows:
            if (found := check.check(row)) and store.snapshots.exists(row.id):
                touched[row.id] = found
            progress.advance(1)
        with store.catalog.reading():
            flaws = name_flaws(store.refs, store.reflog, store.snapshots, store.reflog_path)
    except StoreDamaged as error:
        names, flaws, problems = {}, [], [error.detail]
    flaws = [*(Flaw(CATALOG, problem) for problem in problems), *flaws]
    damaged = _damages(inspection, touched) + [Damage(one.what, one.detail, one.pack, one.object) for one in flaws]
    unused = set(_packs(store.path)) - {name for name, _ in inspection.packs.values()}
    return FsckResult(
        not damaged,
        damaged,
        [
            AffectedSnapshot(row.id, names.get(row.id, ()), row.created, *touched[row.id][:2])
            for row in rows
            if row.id in touched
        ],
        len(rows),
        inspection.object_count,
        len(inspection.packs),
        len(unused) if inspection.packs else 0,
        full,
        time.monotonic() - start,
        examine_caches(store.path) if full else NO_CACHES,
        inspection.spoiled,
    )


def _damages(inspection: Inspection, touched: dict[str, Touched]) -> list[Damage]:
    by_flaw: dict[int, list[str]] = {}
    for id_, one in touched.items():
        for flaw in one.flaws:
            by_flaw.setdefault(flaw, []).append(id_)
    return [
        Damage(flaw.what, flaw.detail, flaw.pack, flaw.object, tuple(by_flaw.get(number, ())))
        for number, flaw in enumerate(inspection.flaws)
        if flaw.what
    ]


def _names(store: Store) -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for ref in store.refs.all():
        names.setdefault(ref.snapshot, []).append(ref.name)
    return {id_: tuple(some) for id_, some in names.items()}


def _packs(path: str) -> list[str]:
    with suppress(OSError):
        return packs_in(os.path.join(path, PACKS))
    return []
