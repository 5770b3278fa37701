"""Prune: forget snapshots by a policy, free those whose grace period is over, and repack what stays.

The steps: decide and forget, in one transaction; mark what the snapshots that stay need; free the forgotten snapshots
whose grace period is over; remove what nothing needs from the catalog, bit by bit, and the packs that are empty; copy
needed objects out of packs that are small or mostly garbage; remove the rest of those packs. A kill anywhere leaves
only garbage that the next prune finds. Other processes may take and restore meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from snapstore.actions.fsck import check_store
from snapstore.actions.gone import NOTHING_GONE, find_gone, forget_gone
from snapstore.actions.retained import NOTHING_PLANNED, Planned, Retained
from snapstore.errors import EmptyPolicy, StoreDamaged, StoreLocked
from snapstore.history.reachable import Reachable
from snapstore.history.retention import MOST_STATES, Retention
from snapstore.objects.garbage import Garbage
from snapstore.objects.inspection import OBJECT, PACK
from snapstore.objects.repack import Repacker
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.prunes import ForgottenSnapshot, KeptSnapshot, Pruned
from snapstore.store import DEFAULT_TIMEOUT, Store
from snapstore.timestamps import now, parse

_DESCRIPTION = (
    "SELECT created, message FROM (SELECT id, created, message FROM snapshot"
    " UNION ALL SELECT id, created, message FROM forgotten) WHERE id = ?"
)
DEFAULT_GRACE = timedelta(days=14)


@dataclass(frozen=True)
class PruneOptions:
    """Options of `prune`.

    `grace` is how long a forgotten snapshot can be listed again. `everywhere` applies the rules to each project of the
    store separately. `lock` is a descriptor that holds the prune lock already. `timeout` bounds each wait for writers
    to finish. With `gone`, projects whose databases have not been there for so long are forgotten (gone.py). The tags
    in `dropped` are removed first, if they still name these snapshots (hex). `keep_states` states of failed tests
    stay. `at` is the time on the entries of a prune and of its parts.
    """

    policy: Retention
    grace: timedelta = DEFAULT_GRACE
    dry_run: bool = False
    everywhere: bool = False
    lock: int | None = None
    timeout: float = DEFAULT_TIMEOUT
    gone: timedelta | None = None
    dropped: Mapping[str, str] = field(default_factory=dict)
    keep_states: int = MOST_STATES
    at: str = field(default_factory=now)


def prune(store: Store, project: Project | None, options: PruneOptions, progress: Progress = SILENT) -> Pruned:
    """Forget and free; without a project, only what belongs to projects that are gone. Raises as `prune_origin`."""
    return prune_origin(store, project.origin if project else "", options, progress)


def prune_origin(store: Store, origin: str, options: PruneOptions, progress: Progress = SILENT) -> Pruned:
    """Forget and free of the project that a text identifies, which is empty for none.

    Raises EmptyPolicy, WouldRemoveEverything, StoreLocked, DiskFull, and StoreDamaged where a snapshot that stays
    cannot be read: then nothing is freed, since nobody knows what it needs.
    """
    if options.policy.is_empty and options.gone is None:
        raise EmptyPolicy
    with store.prune_lock(options.lock, options.timeout):
        return _Prune(store, origin, options).run(progress)


class _Prune:
    """One prune; its methods stand in the order in which they run."""

    def __init__(self, store: Store, origin: str, options: PruneOptions) -> None:
        self._store = store
        self._origin = origin
        self._gone = NOTHING_GONE
        self._options = options
        self._freed = 0
        self._damaged: tuple[str, ...] = ()

    def run(self, progress: Progress) -> Pruned:
        start = time.monotonic()
        origin = None if self._options.everywhere else self._origin
        retained = Retained(self._store, self._options.policy, origin, self._options.dropped, self._options.keep_states)
        if self._options.dry_run:
            planned = self._plan(retained)
            going = (*planned.removed, *self._gone.snapshots)
            expired = self._expired([] if self._options.grace else going)
        else:
            self._refuse_damage(progress)
            with self._store.catalog.transaction():
                self._store.forgotten.follow_reflog()
                planned = self._plan(retained)
                retained.forget(planned, self._options.at)
                forget_gone(self._store, self._gone)
                expired = self._expired([])
        removed = (*planned.removed, *self._gone.snapshots)
        forgotten = self._described(removed, {**planned.tags, **self._gone.tags})
        without_writers = partial(self._store.without_writers, self._options.timeout)
        with Garbage(self._store.catalog, self._store.objects.folder, without_writers) as garbage:
            reachable = Reachable(self._store.catalog, self._store.snapshots, garbage, progress)
            reachable.mark_all(without=expired, held=removed if self._options.dry_run else ())
            garbage.settle_bases()
            if self._options.dry_run:
                self._freed = garbage.condemned_bytes()
            else:
                expired = self._give_up(expired)
                self._free(garbage, reachable, progress)
            held = garbage.held_bytes()
        if not self._options.dry_run:
            self._freed += self._store.catalog.shrink()
            self._note()
        return replace(self._result(planned, expired, held, start), forgotten=forgotten)

    def _plan(self, retained: Retained) -> Planned:
        """Decide by the rules, and find what is gone; without rules only that goes."""
        if self._options.gone is not None:
            self._gone = find_gone(self._store, self._options.gone)
        return NOTHING_PLANNED if self._options.policy.is_empty else retained.plan().without(self._gone.snapshots)

    def _refuse_damage(self, progress: Progress) -> None:
        """Check that the catalog can be relied on: what it wrongly calls unneeded would be lost.

        Damaged packs are left alone, and no reason not to prune. Raises StoreDamaged.
        """
        for damage in check_store(self._store, full=False, progress=progress, pruning=True).checked.damaged:
            if damage.what not in (PACK, OBJECT):
                raise StoreDamaged(self._store.path, f"{damage.detail}; nothing was pruned")

    def _expired(self, also: Iterable[str]) -> list[str]:
        """Return the forgotten snapshots whose grace is over; never those of another project.

        Only time up to the last record counts, so that a clock that is ahead for one command frees nothing.
        """
        moment = min(datetime.now(UTC), self._last_record())
        rows = self._store.forgotten.all(None if self._options.everywhere else self._origin)
        rows += [one for origin in self._gone.origins for one in self._store.forgotten.all(origin)]
        expired = [one.row.id for one in rows if parse(one.at) + self._options.grace <= moment]
        return list(dict.fromkeys([*expired, *also]))

    def _last_record(self) -> datetime:
        """Return the time that was recorded last."""
        newest = self._store.reflog.newest_time()
        noted = self._store.catalog.value("SELECT at FROM upkeep WHERE origin = ?", (self._origin,))
        return max((parse(at) for at in (newest, noted) if at), default=datetime.now(UTC))

    def _give_up(self, expired: list[str]) -> list[str]:
        """Enter that snapshots are freed, except those that were listed again meanwhile."""
        with self._store.catalog.transaction():
            still = [snapshot for snapshot in expired if self._store.forgotten.holds(snapshot)]
            self._store.forgotten.free(still)
        return still

    def _free(self, garbage: Garbage, reachable: Reachable, progress: Progress) -> None:
        garbage.remove(reachable.mark_new)
        self._freed += garbage.remove_empty_packs()
        repacker = Repacker(self._store.catalog, self._store.objects)
        repacker.run(progress)
        garbage.settle_bases()
        garbage.remove(reachable.mark_new)
        self._freed += garbage.remove_empty_packs()
        with suppress(StoreLocked):  # by a long writer; the next prune finds them
            self._freed += garbage.remove_orphans()
        self._freed = max(0, self._freed - repacker.written_bytes)
        self._damaged = tuple(repacker.damaged)

    def _note(self) -> None:
        if not self._origin:
            return
        with self._store.catalog.transaction():
            self._store.catalog.rows(
                "INSERT OR REPLACE INTO upkeep(origin, at, store_bytes) VALUES (?, ?, ?)",
                (self._origin, self._options.at, self._store.bytes_used()),
            )

    def _described(
        self, snapshots: Iterable[str], tags: Mapping[str, tuple[str, ...]]
    ) -> tuple[ForgottenSnapshot, ...]:
        """Return what is reported about snapshots that go; they are still in the catalog."""
        found = []
        for one in snapshots:
            for created, message in self._store.catalog.typed_rows(_DESCRIPTION, (bytes.fromhex(one),), str, str):
                found.append(ForgottenSnapshot(one, created, tags.get(one, ()), message))
        return tuple(found)

    def _message(self, snapshot: str) -> str:
        rows = self._store.catalog.typed_rows(_DESCRIPTION, (bytes.fromhex(snapshot),), str, str)
        return str(rows[0][1]) if rows else ""

    def _result(self, planned: Planned, expired: list[str], held: int, start: float) -> Pruned:
        gone = set(expired)
        removed = (*planned.removed, *self._gone.snapshots)
        tags = {**planned.tags, **self._gone.tags}
        left = [one.at for one in self._store.forgotten.all() if one.row.id not in gone]
        left += [now()] if self._options.dry_run and not gone.issuperset(removed) else []
        until = parse(max(left)) + self._options.grace if left else None
        return Pruned(
            tuple(
                KeptSnapshot(one, reasons, planned.created[one], planned.tags.get(one, ()), self._message(one))
                for one, reasons in planned.kept.items()
            ),
            removed,
            (*self._options.dropped, *(name for one in removed for name in tags.get(one, ()))),
            tuple(expired),
            self._freed,
            held,
            until.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if until else None,
            self._damaged,
            self._options.dry_run,
            time.monotonic() - start,
            self._gone.projects,
        )
