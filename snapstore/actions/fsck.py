"""Fsck: check that a store can give back all that it lists; report every damage, and the snapshots it affects.

It changes nothing but the cache folders of earlier releases, which it removes (old_caches.py). rebuild.py rebuilds the
catalog, and heal.py stores damaged objects again. `verify` answers another question: whether the live database holds
what a snapshot holds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from typing import NamedTuple

from snapstore.actions.old_caches import remove_old_caches
from snapstore.actions.tree_state import sweep as sweep_tree
from snapstore.errors import FileError, StoreDamaged
from snapstore.history.snapshots import SnapshotRow
from snapstore.history.soundness import SnapshotCheck, Touched, name_flaws
from snapstore.layout import PACKS
from snapstore.leftovers import sweep
from snapstore.objects.inspection import CATALOG, Flaw, Inspection
from snapstore.objects.pack_check import packs_in
from snapstore.progress import SILENT, Progress
from snapstore.results.checks import AffectedSnapshot, Checked, Damage
from snapstore.store import DEFAULT_TIMEOUT, Store, check_format
from snapstore.trees.settings import TreeSettings


class Found(NamedTuple):
    """What a check found, and the numbers of the flaws by the ids of the objects that they spoil."""

    checked: Checked
    spoiled: dict[bytes, int]


def remove_leftovers(path: str, databases: Iterable[str], trees: Iterable[TreeSettings] = ()) -> tuple[str, ...]:
    """Remove what killed processes left in a store, and beside live databases and files; return the paths.

    Raises what `check_format` raises.
    """
    check_format(path)
    folders = dict.fromkeys([path, os.path.join(path, PACKS), *map(os.path.dirname, databases)])
    swept = tuple(os.path.join(folder, name) for folder in folders for name in sweep(folder))
    return swept + tuple(name for tree in trees for name in sweep_tree(tree))


def fsck(path: str, *, full: bool = True, timeout: float = DEFAULT_TIMEOUT, progress: Progress = SILENT) -> Checked:
    """Check a store, also one that cannot be opened, and remove the caches of earlier releases from it.

    Raises NoStore, NotAStore, StoreTooNew, StoreLocked, FileError.
    """
    start = time.monotonic()
    try:
        with Store.open(path, timeout) as store:
            found = check_store(store, full=full, progress=progress).checked
            return replace(found, removed=remove_old_caches(store.path))
    except StoreDamaged as error:
        damage = Damage("format" if "format" in error.detail else CATALOG, error.detail)
        return Checked(False, (damage,), (), 0, 0, len(_packs(path)), 0, full, time.monotonic() - start)


def check_store(store: Store, *, full: bool, progress: Progress = SILENT, pruning: bool = False) -> Found:
    """Check an open store, beside other processes; `pruning` if the caller holds the prune lock.

    Raises StoreLocked if something was found, and a prune kept it from being looked at again.
    """
    return _Check(store, full=full).run(progress, pruning=pruning)


class _Check:
    """One check; its methods stand in the order in which they run."""

    def __init__(self, store: Store, *, full: bool) -> None:
        self._store = store
        self._full = full
        self._start = time.monotonic()
        self._inspection = Inspection(store.objects)
        self._rows: list[SnapshotRow] = []
        self._names: dict[str, tuple[str, ...]] = {}
        self._touched: dict[str, Touched] = {}

    def run(self, progress: Progress, *, pruning: bool) -> Found:
        store = self._store
        try:
            problems = store.catalog.problems()
            self._inspection.run(full=self._full, progress=progress)
            found = len(self._inspection.flaws)
            self._check_snapshots(progress)
            if self._inspection.flaws:
                with nullcontext() if pruning else _prunes_kept_out(store):
                    self._look_again(found, progress)
            with store.catalog.reading():
                flaws = name_flaws(store.refs, store.reflog, store.snapshots, store.reflog_path)
        except StoreDamaged as error:
            self._names, flaws, problems = {}, [], [error.detail]
        return self._result([*(Flaw(CATALOG, problem) for problem in problems), *flaws])

    def _check_snapshots(self, progress: Progress) -> None:
        store = self._store
        self._rows, self._touched = store.snapshots.all()[::-1], {}
        self._names = _names(store)
        check = SnapshotCheck(store.snapshots, store.objects, self._inspection)
        progress.start("checking snapshots", len(self._rows))
        for row in self._rows:
            if (found := check.check(row)) and store.snapshots.exists(row.id):
                self._touched[row.id] = found
            progress.advance(1)

    def _look_again(self, found: int, progress: Progress) -> None:
        """Look up every finding again while no prune runs: it may have been freed, moved or forgotten meanwhile.

        The first `found` flaws are those of the objects; those of the snapshots are found again.
        """
        self._store.objects.index.forget()
        self._inspection.drop_after(found)
        self._inspection.look_again(full=self._full)
        self._check_snapshots(progress)

    def _result(self, flaws: list[Flaw]) -> Found:
        inspection, rows, touched = self._inspection, self._rows, self._touched
        damaged = _damages(inspection, touched) + [Damage(one.what, one.detail, one.pack, one.object) for one in flaws]
        unused = set(_packs(self._store.path)) - {name for name, _ in inspection.packs.values()}
        affected = (
            AffectedSnapshot(row.id, self._names.get(row.id, ()), row.created, *touched[row.id][:2])
            for row in rows
            if row.id in touched
        )
        checked = Checked(
            not damaged,
            tuple(damaged),
            tuple(affected),
            len(rows),
            inspection.object_count,
            len(inspection.packs),
            len(unused) if inspection.packs else 0,
            self._full,
            time.monotonic() - self._start,
        )
        return Found(checked, inspection.spoiled)


@contextmanager
def _prunes_kept_out(store: Store) -> Iterator[None]:
    """Hold the prune lock over the body, if the store can be written at all. Raises StoreLocked."""
    with ExitStack() as stack:
        with suppress(FileError):
            stack.enter_context(store.prune_lock(timeout=store.deadline.seconds))
        yield


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
