"""The live databases of a suite: verify them against a state, keep a state that failed, restore.

A file in any condition is dealt with: one that SQLite cannot read is replaced and kept beside the new one. A full disk
costs the record of the state that failed, but never the restore.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from snapstore.actions.keep import keep_state
from snapstore.actions.restore import Later, RestoreOptions, restore
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.compare.state import State, against
from snapstore.compare.verdicts import DRIFTED, NO_FILES
from snapstore.database.commits import positions, wait_for_writers
from snapstore.database.idle import wait_until_idle
from snapstore.database.wal import wal_path
from snapstore.errors import DatabaseUnusable, DiskFull, FileError, SnapError
from snapstore.history.snapshot import FORENSIC
from snapstore.hooks.hooks import NO_HOOKS, Hooks, Telling
from snapstore.project import Project
from snapstore.results.against import Against
from snapstore.results.drifts import state_text
from snapstore.results.files import VerifiedFiles
from snapstore.results.hooks import HookRun, hook_text
from snapstore.results.restores import Restored
from snapstore.results.rows import Counts
from snapstore.results.text import against_text
from snapstore.results.verdicts import VerifiedDatabase
from snapstore.store import Store
from snapstore.suite.ledger import Leftovers
from snapstore.suite.policy import Decision, SuitePolicy
from snapstore.trees.names import FILES

UNREADABLE = "unreadable"
"""The verdict on a database that SQLite cannot read, beside the verdicts of `verify`."""

Say = Callable[[str], None]
"""Gets a line for each step that was done."""


WORTH_SAYING_SECONDS = 0.01  # of waiting
_NO_DECISIONS: Mapping[str, Decision] = {}


class Check(NamedTuple):
    """The live databases against a state, `compared_with`; `databases` is empty where they cannot be read."""

    verdict: str
    state_ok: bool
    databases: Mapping[str, VerifiedDatabase]
    compared_with: Against
    files: Mapping[str, VerifiedFiles] = NO_FILES

    @property
    def leftovers(self) -> Leftovers:
        """The rows that differ, by database and table; files count as tables of a database of that name."""
        rows = {(name, table): counts for name, one in self.databases.items() for table, counts in one.tables.items()}
        return {**rows, **file_leftovers(self.files)}

    @property
    def text(self) -> str:
        """What differs, in words: the verdict alone where nothing can be said."""
        return state_text(self.databases, self.files) or self.verdict


def file_leftovers(files: Mapping[str, VerifiedFiles]) -> Leftovers:
    """Return the files that differ, as `Check.leftovers` has them."""
    counts = {name: Counts(one.added, one.removed, one.changed) for name, one in files.items()}
    return {(FILES, name): one for name, one in counts.items() if one}


class Recovery(NamedTuple):
    """A restore: the snapshot of the state that failed, None where it could not be kept, and the check after it.

    `hooks` ran around both.
    """

    forensic: str | None
    check: Check
    hooks: tuple[HookRun, ...] = ()


class PutBack(NamedTuple):
    """A restore of a state whose rows were right: the snapshot of the state before it, and the check after it.

    `hooks` ran around both.
    """

    safety: str | None
    check: Check
    hooks: tuple[HookRun, ...] = ()


class SuiteDatabases:
    """The live databases of one project, under one policy.

    `later` gets what a restore leaves to do once the test has its result (actions/restore.py).
    """

    def __init__(
        self,
        store: Store,
        project: Project,
        policy: SuitePolicy,
        say: Say,
        hooks: Hooks = NO_HOOKS,
        later: Later | None = None,
    ) -> None:
        self._store = store
        self._project = project
        self._policy = policy
        self._say = say
        self._hooks = hooks
        self._later = later
        self._position: object = None  # of the last verify
        self._kept: tuple[object, str] | None = None  # the state that a test failed with, and its position

    def wait_until_quiet(self) -> None:
        """Wait until nobody has written for as long as the policy says, or nobody is in a write transaction."""
        paths, quiet, limit = self._project.databases.values(), self._policy.quiet, self._policy.quiet_limit
        if quiet is None:
            if (seconds := wait_for_writers(paths, limit)) >= WORTH_SAYING_SECONDS:
                self._say(f"waited for a writer ({seconds:.2f} s)")
            return
        try:
            waited = wait_until_idle(paths, quiet, limit, self._tree_positions)
        except DatabaseUnusable:
            return  # `verify` will report it
        if waited.is_idle:
            self._say(f"quiet ({waited.seconds:.2f} s)")
        else:
            self._say(f"still written to after {waited.seconds:.2f} s")

    def verify_settled(self, state: State, decisions: Mapping[str, Decision] = _NO_DECISIONS) -> Check:
        """Verify, and do so again as long as somebody commits meanwhile, if the policy names no time to wait."""
        start = time.monotonic()
        while True:
            check = self.verify(state, decisions)
            if self._policy.quiet is not None or not self.has_commits():
                return check
            if time.monotonic() - start >= self._policy.quiet_limit:
                self._say("still written to")
                return check
            self.wait_until_quiet()

    def has_commits(self) -> bool:
        """Tell whether anybody may have committed since the last `verify` or `take` began."""
        return self._positions() != self._position

    def _positions(self) -> object:
        """Return what differs once anybody has written to a database or a file."""
        return positions(self._project.databases.values()), self._tree_positions()

    def _tree_positions(self) -> object:
        if not self._project.trees:
            return ()
        from snapstore.actions.tree_state import tree_positions  # few projects have files

        return tree_positions(self._store, self._project)

    def files_left(self, against: State) -> Leftovers:
        """Return the files that differ from a state. Raises what reading them raises."""
        if not self._project.trees:
            return {}
        from snapstore.actions.tree_check import check_trees

        return file_leftovers(check_trees(self._store, self._project, against, 0, self._policy.timeout))

    def last_written(self) -> float:
        """Return when a database or its log, or a file, was last written, in seconds since 1970."""
        paths = [one for path in self._project.databases.values() for one in (path, wal_path(path))]
        written = max((os.stat(path).st_mtime for path in paths if os.path.exists(path)), default=0.0)
        if not self._project.trees:
            return written
        from snapstore.actions.tree_state import last_written

        return max(written, last_written(self._project))

    def verify(self, state: State, decisions: Mapping[str, Decision] = _NO_DECISIONS) -> Check:
        """Verify against a state; `decisions` override those of the policy.

        Raises what the verb raises, except for databases that cannot be read.
        """
        named = against(self._store, state)
        self._position = self._positions()
        decided = {**self._policy.decisions, **decisions}
        may_pass = frozenset({DRIFTED, *(verdict for verdict, one in decided.items() if one in ("pass", "warn"))})
        try:
            options = VerifyOptions(
                state,
                policy=self._policy.rows,
                may_pass=may_pass,
                timeout=self._policy.timeout,
                shortens=self._policy.shortens,
            )
            found = verify(self._store, self._project, options)
        except DatabaseUnusable as error:
            self._say(f"verify: {error}")
            return Check(UNREADABLE, state_ok=False, databases={}, compared_with=named)
        self._say(f"verify, against {against_text(named)}: {found.verdict} ({found.seconds:.2f} s)")
        return Check(found.verdict, found.ok, found.databases, named, found.files)

    def keep_failed(self, label: str, timeout: float | None = None) -> str:
        """Keep the state that a test failed with, and return the snapshot. Raises what taking a snapshot raises."""
        position = self._positions()
        seconds = self._policy.timeout if timeout is None else min(timeout, self._policy.timeout)
        snapshot = keep_state(self._store, self._project, FORENSIC, label, seconds)
        self._kept = position, snapshot
        return snapshot

    def keep(self, label: str) -> str | None:
        """Keep the live state for inspection; return the snapshot, None where there is no space for it.

        It is that of `keep_failed` if nobody has committed since.
        """
        if kept := self._kept_now():
            return kept
        try:
            return keep_state(self._store, self._project, FORENSIC, label, self._policy.timeout)
        except (DiskFull, FileError) as error:
            self._say(f"the state that failed cannot be kept: {error}")
            return None

    def _kept_now(self) -> str | None:
        """Return the snapshot of `keep_failed` if nobody has committed since."""
        if self._kept and self._kept[0] == self._positions() and self._store.snapshots.exists(self._kept[1]):
            return self._kept[1]
        return None

    def take(self, label: str) -> str | None:
        """Keep the live state once nobody is writing; `has_commits` looks from here on. Raises what `keep` raises."""
        self.wait_until_quiet()
        self._position = self._positions()
        return self.keep(label)

    def restore(self, target: State, failed: Check, label: str) -> Recovery:
        """Keep the state that failed, restore the target, and verify again. Raises what the verbs raise."""
        assert target.snapshots is not None
        ids = list(dict.fromkeys(target.snapshots.values()))
        is_readable = failed.verdict != UNREADABLE
        at_once = is_readable and not self._hooks.come_before and self._is_whole(target) and self._kept_now() is None
        forensic = self.keep(label) if is_readable and not at_once else None
        with self._hooks.around() as telling:
            done = self._kept_and_restored(ids[0], label) if at_once else None
            if done:
                forensic = done.safety
                self._note_restored(target, done, telling)
            else:
                forensic = self.keep(label) if at_once else forensic
                is_kept = forensic is not None or not is_readable
                for id_ in ids:
                    options = RestoreOptions(id_, force=not is_readable, safety=is_kept, timeout=self._policy.timeout)
                    self._note_restored(target, self._restored(options), telling)
            check = self.verify(target)
        return Recovery(forensic, check, self._told(telling))

    def _is_whole(self, target: State) -> bool:
        """Tell whether one snapshot has all parts of a state: then the state before its restore has all parts, too."""
        ids = target.snapshots or {}
        return len(set(ids.values())) == 1 and ids.keys() >= set(self._project.parts)

    def _kept_and_restored(self, id_: str, label: str) -> Restored | None:
        """Restore, with the state that failed as the safety snapshot; None where there is no space for that."""
        options = RestoreOptions(id_, keeps=(FORENSIC, label), timeout=self._policy.timeout)
        try:
            return self._restored(options)
        except (DiskFull, FileError):
            return None
        except SnapError:
            with suppress(SnapError):
                self.keep(label)
            raise

    def _restored(self, options: RestoreOptions) -> Restored:
        return restore(self._store, self._project, options, later=self._later)

    def _note_restored(self, target: State, done: Restored, telling: Telling) -> None:
        telling.changed = telling.changed or done.changed
        parts = [f"{one.pages_written} pages {one.method}" for one in done.databases.values()]
        parts += [f"{one.written + one.removed} of {name}" for name, one in done.files.items()]
        self._say(f"restored {target.label}: {', '.join(parts)} ({done.seconds:.2f} s)")

    def put_back_content(self, target: State) -> PutBack:
        """Restore what moved beside the rows: sequences, ignored rows, free pages. Raises what the verbs raise.

        The state before it is kept as any restore keeps it.
        """
        assert target.snapshots is not None
        safety = None
        with self._hooks.around() as telling:
            for id_ in dict.fromkeys(target.snapshots.values()):
                done = restore(self._store, self._project, RestoreOptions(id_, timeout=self._policy.timeout))
                telling.changed = telling.changed or done.changed
                safety = done.safety or safety
                self._say(f"restored the content of {target.label} ({done.seconds:.2f} s)")
            check = self.verify(target)
        return PutBack(safety, check, self._told(telling))

    def _told(self, telling: Telling) -> tuple[HookRun, ...]:
        """Say what hooks did, and return them."""
        for run in telling.runs:
            self._say(hook_text(run))
        return tuple(telling.runs)
