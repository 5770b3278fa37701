"""The façade of a session: the verbs, with changes of the databases tracked between requests.

Before a request the databases are followed, after it the rest of a restore is done: what is synced and recorded once
its answer is out. A verify that follows at once goes before that. Once a verify has found that something differs, what
a restore will need is prepared until the next request comes. Now and then what the trackers know is compared with what
the files hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from snapstore.config.locations import Locations
from snapstore.database.tree_map_cache import TreeMapCache
from snapstore.errors import (
    DatabaseLocked,
    DatabaseUnusable,
    OtherNameInUse,
    SeveralNames,
    SnapError,
    TrackerMismatch,
)
from snapstore.history.reflog import HEAD
from snapstore.results.sessions import Info, Released, ShutDown, TrackedDatabase
from snapstore.results.suites import SuiteEnded
from snapstore.session.bucket_child import BucketChild
from snapstore.session.tracker import Tracker
from snapstore.store import Store

CHECK_EVERY = 200  # requests
MOST_QUERY_SECONDS = 300.0  # where a request has no timeout: nobody can press Ctrl-C in a session


class SessionFacade(BucketChild):
    """A façade for one request after another. Raises what is wrong with the locations when it is made."""

    def __init__(self, locations: Locations) -> None:
        super().__init__(locations)
        locations.check()
        self.trackers = {name: Tracker(path) for name, path in locations.project.databases.items()}
        self.is_over = False
        self.most_query_seconds = MOST_QUERY_SECONDS
        self.examines = False  # a session is quick, and its suites verify
        self._deferred: list[Callable[[], None]] = []
        self.later = self._deferred.append
        self._until_check = CHECK_EVERY
        self._preparation: Iterator[None] | None = None

    def store(self, timeout: float | None = None, *, create: bool = False) -> Store:
        """Return the store, which reads blocks from the tracked databases and keeps tree maps in memory."""
        store = super().store(timeout, create=create)
        if store.tree_maps is None:
            store.tree_maps = TreeMapCache()
            store.live_trees = {}
            store.before_lock = self._end_restores
            store.objects.elsewhere = [tracker.block for tracker in self.trackers.values()]
        return store

    @property
    def is_unfinished(self) -> bool:
        """Whether the last request left something to do."""
        return bool(self._deferred)

    def begin(self, method: str, values: Mapping[str, Any]) -> None:
        """Get ready for a request. Raises TrackerMismatch: the request may be made again."""
        self._preparation = self._prepared()
        if not _only_reads(method, values):
            self.finish()
        for tracker in self.trackers.values():
            tracker.follow()
        self._until_check -= 1
        if not self._until_check:
            self.check()

    @property
    def is_preparing(self) -> bool:
        """Whether there may be something to prepare before the next request comes."""
        return self._preparation is not None and not self._deferred

    def prepare(self) -> None:
        """Take a step that no request needs to wait for: what is not prepared, a restore does itself."""
        try:
            if self._preparation:
                next(self._preparation)
        except (StopIteration, SnapError):  # a damaged store: the restore reports it
            self._preparation = None

    def _prepared(self) -> Iterator[None]:
        """Compose the blocks of the states that a verify has found, a block at each step."""
        if self._store is None or not any(tracker.notes for tracker in self.trackers.values()):
            return
        from snapstore.actions.tracked_blocks import prepare  # few requests find something to prepare

        for name, tracker in self.trackers.items():
            yield from prepare(self._store, self.project, name, tracker.notes)

    def finish(self) -> None:
        """Do what the last request left to do; a restore that cannot be finished is settled by the next command."""
        if self._deferred and self._store:
            self._store.deadline.reset(self.seconds(None))
        self._end_restores()

    def _end_restores(self) -> None:
        while self._deferred:
            with suppress(SnapError):
                self._deferred.pop(0)()

    def interrupt(self) -> None:
        """End the query or hook of the request that is under way, or else the next query; a signal may call this."""
        self.is_interrupted = True
        self.hooks.stop()
        if self.running:
            self.running.stop()

    def let_go(self) -> None:
        """Finish a restore, and end what pins the logs of the databases: hooks may take long."""
        self.rest()

    def rest(self) -> None:
        """Use the time in which nobody waits for a response."""
        self.finish()
        self.show_life()
        for tracker in self.trackers.values():
            tracker.rest()

    def check(self) -> None:
        """Compare what the trackers know with what the databases hold. Raises TrackerMismatch."""
        self._until_check = CHECK_EVERY
        for tree in ((self._store.live_trees if self._store else None) or {}).values():
            tree.close()
        for tracker in self.trackers.values():
            try:
                with suppress(DatabaseLocked, DatabaseUnusable, OtherNameInUse, SeveralNames):  # a verb will report it
                    tracker.check(self.seconds(None))
            except TrackerMismatch:
                if self._store and self._store.tree_maps:
                    self._store.tree_maps.clear()  # they may rest on pages that were wrongly held to be unchanged
                raise

    def info(self) -> Info:
        """Report version, process, places, and how the changes of each database are tracked."""
        info = super().info()
        return replace(info, methods=tuple(sorted((*info.methods, "shutdown"))))

    def tracked(self, name: str) -> TrackedDatabase:
        """Return how the changes of one database are tracked."""
        tracker = self.trackers[name]
        return TrackedDatabase(
            path=tracker.path,
            tracking="off" if tracker.is_off else tracker.how,
            wal_bytes=tracker.log_bytes,
            hashed=tracker.hashed,
            answered=tracker.answered,
            rests=tracker.rests,
            checks=tracker.checks,
        )

    def release(self) -> Released:
        """Close all connections to the databases, until a request looks at one again."""
        for tracker in self.trackers.values():
            tracker.disconnect()
        return super().release()

    def end_suite(self, exit_code: int | None = None, *, outcome: str | None = None, pause: bool = False) -> SuiteEnded:
        """End the suite, once the trackers are checked. Raises TrackerMismatch, and what ending a suite raises."""
        if self._suite:
            self.check()
        return super().end_suite(exit_code, outcome=outcome, pause=pause)

    def shutdown(self) -> ShutDown:
        """End the session after this response. Raises TrackerMismatch."""
        self.is_over = True
        self.check()
        return ShutDown(self._suite is not None)

    def close(self) -> None:
        """Close everything. A suite that is running is left to be repaired by the next one."""
        self.finish()
        super().close()
        for tracker in self.trackers.values():
            tracker.close()


def _only_reads(method: str, values: Mapping[str, Any]) -> bool:
    """Tell whether a request needs nothing that the end of a restore does: it compares with a snapshot by its name."""
    revision = values.get("rev")
    is_verify = method == "verify" and not values.get("restore_on_fail")
    return is_verify and isinstance(revision, str) and revision != HEAD and "@" not in revision
