"""The backup of a suite: taken when the suite begins, deleted when it ends."""

from __future__ import annotations

from dataclasses import dataclass

from snapstore.actions.remove import remove
from snapstore.actions.take import TakeOptions, take
from snapstore.compare.state import State, snapshot_state
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import Store
from snapstore.suite.databases import Say
from snapstore.suite.policy import SuitePolicy


@dataclass(frozen=True)
class BackupKeeper:
    """Takes and deletes the backup of a policy."""

    store: Store
    project: Project
    policy: SuitePolicy
    say: Say
    progress: Progress = SILENT

    def take(self, suite: str) -> tuple[str, State]:
        """Take the backup; return its snapshot and its state. Raises what `take` raises."""
        name = self.policy.backup_name
        options = TakeOptions(name, f"suite {suite}", "backup", force=True, timeout=self.policy.timeout)
        taken = take(self.store, self.project, options, self.progress)
        stored = sum(one.stored_bytes for one in taken.databases.values())
        self.say(f"backed up as {name}: {stored:,} bytes stored ({taken.seconds:.2f} s)")
        return taken.snapshot, snapshot_state(self.store, taken.snapshot, name)

    def taken(self, snapshot: str | None) -> State | None:
        """Return the state of a backup that a suite has taken before, None if it is gone."""
        if snapshot is None or not self.store.snapshots.exists(snapshot):
            return None
        return snapshot_state(self.store, snapshot, self.policy.backup_name)

    def stand_in(self) -> State | None:
        """Return what tests are compared with where no backup is taken: the baseline, if one is named."""
        if not self.policy.baseline:
            return None
        id_ = self.store.revisions(self.project.origin).resolve(self.policy.baseline)
        return snapshot_state(self.store, id_, self.policy.baseline)

    def delete(self) -> None:
        """Remove the backup's name, unless a test did so itself."""
        if self.store.refs.get(self.policy.backup_name):
            remove(self.store, self.project, [self.policy.backup_name], force=True)
        self.say(f"deleted the backup {self.policy.backup_name}")
