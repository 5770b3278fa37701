"""The workplace of a session: the store, opened once and looked after, and what the methods share."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress

from snapstore.actions.state import LIVE, State, head_state, live_state, snapshot_state
from snapstore.errors import DatabaseLocked, DatabaseUnusable, NoSnapshot, SnapError
from snapstore.history.reflog import HEAD
from snapstore.hybrid.flow import Suite
from snapstore.session.protocol import INVALID_PARAMS, Fault
from snapstore.session.setting import Setting
from snapstore.session.tracker import Tracker
from snapstore.store import Store

CHECK_EVERY = 200  # requests


class Workplace:
    """What a session has open. `suite` is the one that runs, `marks` what it holds."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.project = setting.project
        self.suite: Suite | None = None
        self.marks = ExitStack()
        self.is_over = False
        self._left: list[Callable[[], None]] = []
        self.trackers = {name: Tracker(path) for name, path in setting.project.databases.items()}
        self._until_check = CHECK_EVERY
        self._store: Store | None = None
        self._catalog: tuple[int, int] | None = None

    def store(self, *, create: bool = False) -> Store:
        """Return the store; another one that took its place is opened anew. Raises NoStore, StoreDamaged."""
        if self._store and self._identity() != self._catalog and not self.suite:
            self._store.close()
            self._store = None
        if self._store is None:
            make = Store.create if create else Store.open
            self._store = make(self.setting.store_path, self.setting.timeout)
            self._store.objects.elsewhere = [tracker.block for tracker in self.trackers.values()]
            self._catalog = self._identity()
        return self._store

    def wait(self, timeout: float | None) -> float:
        """Return how long to wait for locks, and begin to count anew for those of the store."""
        seconds = self.setting.timeout if timeout is None else timeout
        if self._store:
            self._store.patience.renew(seconds)
        return seconds

    def resolve(self, revision: str) -> str:
        """Return the id that a revision names. Raises UnknownRevision, NoSnapshot."""
        id_: str = self.store().revisions(self.project.origin).resolve(revision)
        return id_

    def state(self, revision: str) -> State:
        """Return the state of a revision, of HEAD (which is put right first), or `live`."""
        if revision == LIVE:
            return live_state()
        if revision == HEAD:
            return head_state(self.store(), self.project, self.setting.timeout)[0]
        return snapshot_state(self.store(), self.resolve(revision), revision)

    def snapshot(self, revision: str | None) -> State:
        """Return the state of a revision that is a snapshot, by default HEAD."""
        state = self.state(revision or HEAD)
        if state.snapshots is None:
            raise Fault(INVALID_PARAMS, "'rev' has to be a snapshot")
        return state

    def backup(self) -> str:
        """Return the snapshot of the suite's backup. Raises NoSnapshot."""
        name = self.setting.suite_policy.backup_name
        ref = self.store().refs.get(name)
        if ref is None or not self.store().snapshots.exists(ref.snapshot):
            raise NoSnapshot(f"backup '{name}'")
        return ref.snapshot

    def begin(self, timeout: float | None) -> None:
        """Make ready for a request. Raises TrackerMismatch: the request may be made again."""
        self.finish()
        self.wait(timeout)
        for tracker in self.trackers.values():
            tracker.follow()
        self._until_check -= 1
        if not self._until_check:
            self.check()

    def later(self, work: Callable[[], None]) -> None:
        """Have something done once the answer is out, in any case before the next request and the end."""
        self._left.append(work)

    def finish(self) -> None:
        """Do what was left for later; a restore that is not finished is settled by the next command."""
        if self._left:
            self.wait(None)
        while self._left:
            with suppress(SnapError):
                self._left.pop(0)()

    def rest(self) -> None:
        """Do what is to be done while nobody waits for an answer."""
        self.finish()
        for tracker in self.trackers.values():
            tracker.rest()

    def release(self) -> None:
        """Close all connections to the databases, until somebody looks at one again."""
        for tracker in self.trackers.values():
            tracker.let_go()

    def check(self) -> None:
        """Compare what is known of the databases by following them with what they hold. Raises TrackerMismatch."""
        self._until_check = CHECK_EVERY
        for tracker in self.trackers.values():
            with suppress(DatabaseLocked, DatabaseUnusable):  # whoever reads it will say so
                tracker.check(self.setting.timeout)

    def tracking(self, name: str) -> dict[str, object]:
        """Return how one database is followed."""
        tracker = self.trackers[name]
        return {
            "path": tracker.path,
            "tracking": "off" if tracker.is_off else tracker.how,
            "wal_bytes": tracker.log_bytes,
            "hashed": tracker.hashed,
            "answered": tracker.answered,
            "rests": tracker.rests,
            "checks": tracker.checks,
        }

    def close(self) -> None:
        """Let go of everything; a suite that runs is left to be repaired by the next one."""
        self.finish()
        self.marks.close()
        for tracker in self.trackers.values():
            tracker.close()
        if self._store:
            self._store.close()
            self._store = None

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = os.stat(os.path.join(self.setting.store_path, "catalog.db"))
        except OSError:
            return None
        return found.st_dev, found.st_ino
