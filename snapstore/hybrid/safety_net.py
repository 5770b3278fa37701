"""The safety net: whether the live databases are in a state, and the way back to it where they are not.

Whatever the file is like is dealt with: a file that SQLite cannot read is replaced and kept beside the new one, and a
full disk costs the record of the state that failed, never the way back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from snapstore.actions.keep import keep_state
from snapstore.actions.restore import RestoreOptions, restore
from snapstore.actions.state import State
from snapstore.actions.verify import VerifiedDatabase, VerifyOptions, verify
from snapstore.database.quiet import wait_until_quiet
from snapstore.errors import DatabaseUnusable, DiskFull, FileError
from snapstore.history.snapshot import FORENSIC
from snapstore.hybrid.policy import SuitePolicy
from snapstore.project import Project
from snapstore.store import Store

UNREADABLE = "unreadable"
"""The verdict on a database that SQLite cannot read; it stands beside those of `verify`."""

Say = Callable[[str], None]
"""Told each step that was done, in a line."""


class Found(NamedTuple):
    """What the live databases are, against a state; `databases` is empty where they cannot be read."""

    verdict: str
    is_right: bool
    databases: dict[str, VerifiedDatabase]


class PutBack(NamedTuple):
    """A restore: the snapshot of the state that failed, None where it could not be kept, and what was found then."""

    forensic: str | None
    found: Found


class SafetyNet:
    """Looks and puts back, for one project under one policy."""

    def __init__(self, store: Store, project: Project, policy: SuitePolicy, say: Say) -> None:
        self._store = store
        self._project = project
        self._policy = policy
        self._say = say

    def wait_until_quiet(self) -> None:
        """Wait until nobody has written for as long as the policy says."""
        try:
            waited = wait_until_quiet(self._project.databases.values(), self._policy.quiet, self._policy.quiet_limit)
        except DatabaseUnusable:
            return  # `look` will say so
        if waited.is_quiet:
            self._say(f"quiet ({waited.seconds:.2f} s)")
        else:
            self._say(f"still written to after {waited.seconds:.2f} s")

    def look(self, against: State) -> Found:
        """Verify. Raises what `verify` raises, but for databases that cannot be read."""
        try:
            options = VerifyOptions(against, policy=self._policy.rows, timeout=self._policy.timeout)
            found = verify(self._store, self._project, options)
        except DatabaseUnusable as error:
            self._say(f"verify: {error}")
            return Found(UNREADABLE, is_right=False, databases={})
        self._say(f"verify, against {against.label}: {found.verdict} ({found.seconds:.2f} s)")
        return Found(found.verdict, found.ok, found.databases)

    def keep(self, label: str) -> str | None:
        """Keep the live state for inspection; return the snapshot, None where there is no space for it."""
        try:
            return keep_state(self._store, self._project, FORENSIC, label, self._policy.timeout)
        except (DiskFull, FileError) as error:
            self._say(f"the state that failed cannot be kept: {error}")
            return None

    def put_back(self, target: State, found: Found, label: str) -> PutBack:
        """Keep the state that failed, restore, and look again. Raises what `restore` raises."""
        assert target.snapshots is not None
        is_readable = found.verdict != UNREADABLE
        forensic = self.keep(label) if is_readable else None
        for id_ in dict.fromkeys(target.snapshots.values()):
            is_kept = forensic is not None or not is_readable
            options = RestoreOptions(id_, force=not is_readable, safety=is_kept, timeout=self._policy.timeout)
            done = restore(self._store, self._project, options)
            pages = ", ".join(f"{one.pages_written} pages {one.method}" for one in done.databases.values())
            self._say(f"restored {target.label}: {pages} ({done.seconds:.2f} s)")
        return PutBack(forensic, self.look(target))
