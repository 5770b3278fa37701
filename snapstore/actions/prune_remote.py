"""Prune a remote: remove tags by rules, condemn packs that nobody needs, delete those whose grace is over.

Each step is an entry of the log, after which a kill leaves nothing but work for the next prune. Why no other writer or
reader loses anything is told in remotes/sweeping.py, what is packed anew in remotes/collection.py. A number that
somebody else took means to begin the step again from the new state.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from typing import NamedTuple

from snapstore.errors import RemoteDamaged
from snapstore.files import reached
from snapstore.history.retention import Dated, Retention, decide
from snapstore.history.snapshot import Snapshot
from snapstore.locks import Deadline
from snapstore.progress import SILENT, Progress
from snapstore.remotes import sweeping
from snapstore.remotes.author import next_entry
from snapstore.remotes.collection import Collection, Plan
from snapstore.remotes.contents import Contents
from snapstore.remotes.entry import LogEntry, Move
from snapstore.remotes.export import cut
from snapstore.remotes.incoming import Incoming
from snapstore.remotes.log import LEAST_GRACE, RemoteLog
from snapstore.remotes.needs import needs_of, read_snapshots
from snapstore.remotes.state import RemoteState
from snapstore.remotes.stopwatch import Stopwatch
from snapstore.remotes.transport import ObjectGone
from snapstore.remotes.turns import Turns
from snapstore.remotes.upload import NOTHING, upload
from snapstore.results.remotes import KeptTag, RefMove, RemotePruned
from snapstore.store import DEFAULT_TIMEOUT, Store
from snapstore.timestamps import parse

DEFAULT_GRACE = 14 * LEAST_GRACE
_LOCK_SECONDS = 3600.0  # a pull may download for long
_SNAPSHOTS_AT_ONCE = 64


class PruneRemoteOptions(NamedTuple):
    """Options of a prune of a remote.

    Without rules in `policy` no tag goes; `needed` are tags that stay in any case. `grace` is in seconds. With
    `at_once` packs that are needed no longer are deleted now: pulls that are under way begin again, and what they were
    to get may be gone. `timeout` is how long others may be quicker, in seconds; `environment` says who prunes.
    """

    policy: Retention
    environment: Mapping[str, str]
    needed: frozenset[str] = frozenset()
    grace: float = DEFAULT_GRACE
    at_once: bool = False
    dry_run: bool = False
    timeout: float = DEFAULT_TIMEOUT

    @property
    def courtesy(self) -> float:
        """How long in seconds packs that are not needed are left for those who read or push just now."""
        return 0.0 if self.at_once else self.grace


def prune_remote(
    store: Store, log: RemoteLog, options: PruneRemoteOptions, progress: Progress = SILENT
) -> RemotePruned:
    """Prune a remote. Of the store nothing changes.

    Raises WouldRemoveEverything, RemoteBusy, RemoteDamaged where something that a tag needs is missing, and then
    nothing is removed; and what requests raise.
    """
    if not options.dry_run:
        log.signatures.check_can_sign()
    with log.cache.incoming(Deadline(_LOCK_SECONDS)) as folder:
        return _Prune(store, log, options, folder, progress).run()


class _Swept(NamedTuple):
    deleted: int = 0
    deleted_bytes: int = 0
    held: int = 0
    held_bytes: int = 0


class _Prune:
    """One prune; its methods stand in the order in which they run."""

    def __init__(
        self, store: Store, log: RemoteLog, options: PruneRemoteOptions, folder: str, progress: Progress
    ) -> None:
        self._store = store
        self._log = log
        self._options = options
        self._folder = folder
        self._progress = progress
        self._snapshots: dict[str, Snapshot] = {}
        self._kept: dict[str, tuple[str, ...]] = {}
        self._removed: dict[str, Move] = {}
        self._marked: set[str] = set()
        self._plan: Plan | None = None
        self._is_checked = False
        self._uploaded = NOTHING
        self._condemned: tuple[str, ...] = ()
        self._orphans = 0
        self._found: sweeping.Inventory | None = None  # of the first try: later ones have to be quick
        self._began = 0.0

    def run(self) -> RemotePruned:
        start = time.monotonic()
        before = self._log.transport.traffic
        self._log.read()
        with self._reading() as (contents, incoming):
            self._repeat(lambda: self._remove_tags(contents, incoming))
            with Collection(self._store.catalog, contents) as collection:
                self._repeat(lambda: self._collect(contents, incoming, collection))
        swept = self._sweep()
        entries = 0
        if not self._options.dry_run:
            if self._log.state.n:
                self._log.write_checkpoint()
                reached("remote-checkpoint")
            moment = sweeping.server_time(self._log.transport)
            entries = sweeping.delete_old_entries(self._log, moment, self._options.grace)
        traffic = self._log.transport.traffic.since(before)
        return RemotePruned(
            self._log.settings.name,
            self._log.transport.url,
            tuple(
                KeptTag(name, ref.snapshot, tuple(dict.fromkeys(self._kept[ref.snapshot])))
                for name, ref in sorted(self._log.state.refs.items())
                if ref.snapshot in self._kept and name not in self._removed
            ),
            tuple(RefMove(name, move.from_, None) for name, move in sorted(self._removed.items())),
            len(self._condemned),
            self._orphans,
            len(self._uploaded.packs),
            sum(one.bytes for one in self._uploaded.packs),
            *swept,
            entries,
            self._log.state.n,
            *traffic,
            self._options.dry_run,
            time.monotonic() - start,
        )

    @contextmanager
    def _reading(self) -> Iterator[tuple[Contents, Incoming]]:
        with Contents(self._store.catalog) as contents:
            transport = self._log.transport
            with Incoming(self._folder, transport, contents, self._store.objects, self._progress) as incoming:
                yield contents, incoming

    def _repeat(self, step: Callable[[], bool]) -> None:
        """Do a step until it says that it is done, each time for the newest state. Raises RemoteBusy."""
        turns = Turns(self._log.transport.url, self._options.timeout)
        while True:
            try:
                if step():
                    return
            except ObjectGone as error:
                self._log.check_gone(error)
            turns.wait()
            self._log.read()

    def _remove_tags(self, contents: Contents, incoming: Incoming) -> bool:
        """Remove the tags that no rule keeps, in one entry; return False where somebody else was quicker."""
        if self._options.policy.is_empty:
            return True
        contents.load(self._log)
        state = self._log.state
        self._kept, removed = self._decide(state, incoming)
        if not removed or self._options.dry_run:
            self._removed = removed
            return True
        entry = next_entry(state, self._options.environment, refs=removed)
        if not self._log.append(entry):
            return False
        self._removed = removed
        reached("remote-tags-removed")
        return True

    def _decide(self, state: RemoteState, incoming: Incoming) -> tuple[dict[str, tuple[str, ...]], dict[str, Move]]:
        """Return the snapshots that stay, with the reasons, and the tags that go. Raises WouldRemoveEverything."""
        names: dict[str, list[str]] = defaultdict(list)
        for name, ref in state.refs.items():
            names[ref.snapshot].append(name)
        lacking = names.keys() - self._snapshots.keys()
        self._snapshots |= read_snapshots(incoming, lacking, self._log.transport.url)
        policy = self._options.policy._replace(tags=True)
        decision = decide(policy, [self._dated(state, snapshot, tags) for snapshot, tags in names.items()])
        removed = {
            name: Move(state.refs[name].snapshot, None) for snapshot in decision.removed for name in names[snapshot]
        }
        return decision.kept, removed

    def _dated(self, state: RemoteState, snapshot: str, tags: list[str]) -> Dated:
        """Return what a policy has to know; the order is that in which the snapshots were pushed."""
        created = min(parse(self._snapshots[snapshot].created), datetime.now(UTC))
        refs = [state.refs[name] for name in tags]
        return Dated(
            snapshot,
            created.astimezone(),
            tuple(tags),
            any(ref.pinned for ref in refs),
            True,
            tuple(f"tag {name}" for name in tags if name in self._options.needed),
            max((ref.positions[0].n for ref in refs if ref.positions), default=0),
        )

    def _collect(self, contents: Contents, incoming: Incoming, collection: Collection) -> bool:
        """Pack anew what is needed of packs with garbage, and condemn them, in one entry; with orphans of an age.

        Return False where somebody else was quicker; then what they pushed may need what was garbage before.
        """
        contents.load(self._log)
        self._mark(incoming, collection)
        self._upload(collection, incoming)
        condemned, orphans = self._to_condemn()
        self._condemned = tuple(one for one in condemned if one in self._log.state.packs) + orphans
        self._orphans = len(orphans)
        if self._options.dry_run or not (condemned or orphans):
            return True
        state = self._log.state
        packs = tuple(one for one in self._uploaded.packs if one.name not in state.packs)
        entry = next_entry(state, self._options.environment, packs=packs, condemned=(*condemned, *orphans))
        if not self._is_checked:
            self._check(contents, collection, entry)
        if not self._log.append(entry):
            return False
        reached("remote-condemned")
        return True

    def _mark(self, incoming: Incoming, collection: Collection) -> None:
        """Mark what the tags need; of an earlier try what counts is still there. Raises RemoteDamaged."""
        url = self._log.transport.url
        wanted = {ref.snapshot for name, ref in self._log.state.refs.items() if not self._is_going(name, ref.snapshot)}
        self._mark_all(incoming, collection, wanted - self._marked)
        if collection.missing():  # of a tag that another prune has removed meanwhile
            collection.forget()
            self._mark_all(incoming, collection, wanted)
        self._marked = wanted
        if lost := collection.missing():
            raise RemoteDamaged(url, f"object {lost.hex()} is missing; nothing was pruned")

    def _mark_all(self, incoming: Incoming, collection: Collection, snapshots: set[str]) -> None:
        ordered = sorted(snapshots)
        for start in range(0, len(ordered), _SNAPSHOTS_AT_ONCE):
            some = ordered[start : start + _SNAPSHOTS_AT_ONCE]
            needs = needs_of(incoming, some, self._log.transport.url)
            collection.want(needs.heads | needs.blocks)

    def _is_going(self, name: str, snapshot: str) -> bool:
        """Return whether a dry run counts a tag as removed."""
        move = self._removed.get(name) if self._options.dry_run else None
        return move is not None and move.from_ == snapshot

    def _upload(self, collection: Collection, incoming: Incoming) -> None:
        """Upload new packs, unless those of the last try are still what is needed."""
        plan = collection.plan(frozenset(self._plan.packs) if self._plan else None)
        unchanged = plan == self._plan and not self._log.state.doomed() & {one.name for one in self._uploaded.packs}
        self._plan, self._is_checked = plan, unchanged and self._is_checked
        if unchanged or self._options.dry_run:
            return
        self._uploaded = NOTHING
        if plan.moved:
            objects = collection.repacked(plan, self._folder, self._log.transport, incoming, self._progress)
            self._progress.start("uploading", plan.moved_bytes)
            self._uploaded = upload(self._log, cut(objects), plan.moved_bytes, self._progress)
            reached("remote-repacked")

    def _to_condemn(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the packs and indexes that are needed no longer, and those that never were, for long."""
        state, plan = self._log.state, self._plan
        going = (plan.packs if plan else {}).keys() - {one.name for one in self._uploaded.packs}
        staying = {one.idx for name, one in state.packs.items() if name not in going}
        staying |= {one.idx for one in self._uploaded.packs}
        indexes = {one.idx for one in state.packs.values()} - staying
        if self._found is None:
            self._found, self._began = sweeping.inventory(self._log.transport), self._moment()
        orphans = self._found.orphans(state, self._began, self._options.courtesy)
        new = {one.name for one in self._uploaded.packs} | staying
        return tuple(sorted(going | indexes)), tuple(sorted(orphans.keys() - new))

    def _moment(self) -> float:
        """Return the time by the remote's clock; a dry run creates nothing to learn it."""
        return time.time() if self._options.dry_run else sweeping.server_time(self._log.transport)

    def _check(self, contents: Contents, collection: Collection, entry: LogEntry) -> None:
        """Check that all that is wanted will be there after an entry. Raises RemoteDamaged."""
        self._is_checked = True
        state = deepcopy(self._log.state)
        state.apply(entry, entry.encode())
        contents.load(self._log, state)
        if lost := collection.missing():
            raise RemoteDamaged(self._log.transport.url, f"object {lost.hex()} would be lost; nothing was pruned")

    def _sweep(self) -> _Swept:
        """Drop what was condemned a grace ago, forget what was dropped a grace ago, and delete what is dropped."""
        turns = Turns(self._log.transport.url, self._options.timeout)
        transport, options = self._log.transport, self._options
        while True:
            since, found = Stopwatch(), sweeping.inventory(transport)
            state, moment = self._log.read(), self._moment()
            dropped = sweeping.due(state, found, moment, options.courtesy)
            forgotten = sweeping.forgettable(state, found, moment, options.grace)
            if options.dry_run or not (dropped or forgotten):
                break
            if self._log.append(next_entry(state, options.environment, dropped=dropped, forgotten=forgotten)):
                reached("remote-dropped")
                break
            turns.wait()
        needed = state.packs.keys() | set(state.indexes())
        going = [found.objects[name] for name in dropped if name in found.objects and name not in needed]
        held = [found.objects[name] for name in state.condemned if name in found.objects and name not in dropped]
        if not options.dry_run:
            done = sweeping.delete(self._log, (one.key for one in going), since)
            going = going[:done]
        return _Swept(len(going), sum(one.bytes for one in going), len(held), sum(one.bytes for one in held))
