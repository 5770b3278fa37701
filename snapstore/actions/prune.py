"""Prune: forget snapshots by a policy, free those whose grace is over, and pack anew what stays.

In the order things happen: decide and forget, in one transaction; mark what every snapshot that stays needs; give up
the forgotten ones whose grace is over; take what nothing needs out of the catalog, piece by piece, and remove the
packs that hold nothing; copy what is needed out of packs that are mostly garbage, or small; remove what that leaves
over. A kill anywhere leaves garbage that the next prune finds, and nothing else. Others may take and restore meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial

from snapstore.actions.fsck import check_store
from snapstore.actions.retained import Planned, Retained
from snapstore.errors import StoreDamaged, StoreLocked
from snapstore.history.reachable import Reachable
from snapstore.history.retention import Retention
from snapstore.objects.garbage import Garbage
from snapstore.objects.inspection import OBJECT, PACK
from snapstore.objects.repack import Repacker
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.refusals import EmptyPolicy
from snapstore.store import DEFAULT_TIMEOUT, Store
from snapstore.timestamps import now, parse

DEFAULT_GRACE = timedelta(days=14)


@dataclass(frozen=True)
class PruneOptions:
    """What `prune` may be told.

    `grace` is how long a forgotten snapshot can be brought back; `everywhere` applies the rules to each project of the
    store by itself; `lock` is a descriptor that holds the prune's lock already. `timeout` is
    the waiting for writers to come to their end, before each piece of work that needs that.
    """

    policy: Retention
    grace: timedelta = DEFAULT_GRACE
    dry_run: bool = False
    everywhere: bool = False
    lock: int | None = None
    timeout: float = DEFAULT_TIMEOUT


@dataclass(frozen=True)
class KeptSnapshot:
    """A snapshot that stays, and why."""

    snapshot: str
    reasons: tuple[str, ...]
    created: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class PruneResult:
    """What was done, or with `dry_run` would be.

    `removed` are forgotten now, `untagged` the tags that went with them, `expired` were given up, some of `removed`
    among them where there is no grace. `held_bytes` are needed by forgotten snapshots alone, until `held_until`.
    `damaged_packs` were left as they are.
    """

    kept: tuple[KeptSnapshot, ...]
    removed: tuple[str, ...]
    untagged: tuple[str, ...]
    expired: tuple[str, ...]
    freed_bytes: int
    held_bytes: int
    held_until: str | None
    damaged_packs: tuple[str, ...]
    dry_run: bool
    seconds: float


def prune(store: Store, project: Project, options: PruneOptions, progress: Progress = SILENT) -> PruneResult:
    """Forget and free.

    Raises EmptyPolicy, WouldRemoveEverything, StoreLocked, DiskFull, and StoreDamaged where a snapshot that stays
    cannot be read: then nothing is freed, since nobody knows what it needs.
    """
    if options.policy.is_empty:
        raise EmptyPolicy
    with store.prune_lock(options.lock, options.timeout):
        return _Prune(store, project, options).run(progress)


def bring_back_last(store: Store, project: Project) -> list[str]:
    """List the snapshots again that the project's last prune, or `rm`, forgot; return them."""
    with store.catalog.transaction():
        return [snapshot for snapshot in store.forgotten.last(project.origin) if store.forgotten.bring_back(snapshot)]


class _Prune:
    """One prune; its methods stand in the order they run in."""

    def __init__(self, store: Store, project: Project, options: PruneOptions) -> None:
        self._store = store
        self._origin = project.origin
        self._options = options
        self._freed = 0
        self._damaged: tuple[str, ...] = ()

    def run(self, progress: Progress) -> PruneResult:
        start = time.monotonic()
        retained = Retained(self._store, self._options.policy, None if self._options.everywhere else self._origin)
        if self._options.dry_run:
            planned = retained.plan()
            expired = self._expired([] if self._options.grace else planned.removed)
        else:
            self._refuse_damage(progress)
            with self._store.catalog.transaction():
                self._store.forgotten.follow_reflog()
                planned = retained.plan()
                retained.forget(planned)
                expired = self._expired([])
        without_writers = partial(self._store.without_writers, self._options.timeout)
        with Garbage(self._store.catalog, self._store.objects.folder, without_writers) as garbage:
            reachable = Reachable(self._store.catalog, self._store.snapshots, garbage, progress)
            reachable.mark_all(without=expired, held=planned.removed if self._options.dry_run else ())
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
        return self._result(planned, expired, held, start)

    def _refuse_damage(self, progress: Progress) -> None:
        """Look whether the books can be relied on: what they wrongly call unneeded would be gone for good.

        Damaged packs are left alone, and no reason not to prune. Raises StoreDamaged.
        """
        for damage in check_store(self._store, full=False, progress=progress).damaged:
            if damage.what not in (PACK, OBJECT):
                raise StoreDamaged(self._store.path, f"{damage.detail}; nothing was pruned")

    def _expired(self, also: Iterable[str]) -> list[str]:
        """Return the forgotten snapshots that may be given up: never those of another project."""
        moment = datetime.now(timezone.utc)
        rows = self._store.forgotten.all(None if self._options.everywhere else self._origin)
        return [one.row.id for one in rows if parse(one.at) + self._options.grace <= moment] + list(also)

    def _give_up(self, expired: list[str]) -> list[str]:
        """Write down that snapshots are freed, but for those that were brought back meanwhile."""
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
        with suppress(StoreLocked):  # by a writer that takes long; they are found again
            self._freed += garbage.remove_orphans()
        self._freed = max(0, self._freed - repacker.written_bytes)
        self._damaged = tuple(repacker.damaged)

    def _note(self) -> None:
        with self._store.catalog.transaction():
            self._store.catalog.rows(
                "INSERT OR REPLACE INTO upkeep(origin, at, store_bytes) VALUES (?, ?, ?)",
                (self._origin, now(), self._store.bytes_used()),
            )

    def _result(self, planned: Planned, expired: list[str], held: int, start: float) -> PruneResult:
        gone = set(expired)
        left = [one.at for one in self._store.forgotten.all() if one.row.id not in gone]
        left += [now()] if self._options.dry_run and not gone.issuperset(planned.removed) else []
        until = parse(max(left)) + self._options.grace if left else None
        return PruneResult(
            tuple(
                KeptSnapshot(one, reasons, planned.created[one], planned.tags.get(one, ()))
                for one, reasons in planned.kept.items()
            ),
            planned.removed,
            tuple(name for one in planned.removed for name in planned.tags.get(one, ())),
            tuple(expired),
            self._freed,
            held,
            until.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if until else None,
            self._damaged,
            self._options.dry_run,
            time.monotonic() - start,
        )
