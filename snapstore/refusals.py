"""What the guards refuse, a class each. The request was understood, and nothing was changed."""

from __future__ import annotations

from snapstore.errors import Refused


class NameExists(Refused):
    """A new name was asked for, for a snapshot or (`renaming`) in place of another name, and it is taken."""

    name: str
    renaming: bool = False
    code = "name-exists"

    def __str__(self) -> str:
        return f"tag '{self.name}' exists already"


class NamePinned(Refused):
    """A pinned name was to be moved or removed."""

    name: str
    code = "pinned"

    def __str__(self) -> str:
        return f"tag '{self.name}' is pinned"


class SnapshotInUse(Refused):
    """A snapshot was to be forgotten that something still names."""

    snapshot: str
    names: tuple[str, ...]
    code = "in-use"

    def __str__(self) -> str:
        return f"snapshot {self.snapshot} is still named by {', '.join(self.names)}"


class WrongDatabase(Refused):
    """The snapshot was taken of another database than the one it was to be written to or named for."""

    path: str
    snapshot: str
    origin: str
    code = "wrong-database"

    def __str__(self) -> str:
        return f"snapshot {self.snapshot} is of another database: '{self.origin}', not '{self.path}'"


class WouldOverwrite(Refused):
    """A file is in the way."""

    path: str
    code = "would-overwrite"

    def __str__(self) -> str:
        return f"'{self.path}' exists already"


class DatabaseInUse(Refused):
    """The file would have to be replaced as a whole and a process has it open."""

    path: str
    reason: str
    holders: tuple[str, ...] = ()
    code = "database-in-use"

    def __str__(self) -> str:
        by = f" by {', '.join(self.holders)}" if self.holders else ""
        return f"cannot replace '{self.path}' ({self.reason}): it is open{by}"


class DatabaseReadOnly(Refused):
    """The live database may not be written."""

    path: str
    code = "read-only"

    def __str__(self) -> str:
        return f"database '{self.path}' is read-only"


class StoreTooNew(Refused):
    """The store was written by a newer snapstore."""

    path: str
    found: int
    known: int
    code = "store-too-new"

    def __str__(self) -> str:
        return f"store '{self.path}' has format {self.found}, this snapstore knows up to {self.known}"


class NotAStore(Refused):
    """The folder holds something else; a store is not made among other files."""

    path: str
    code = "not-a-store"

    def __str__(self) -> str:
        return f"'{self.path}' is not a snapstore store and not empty"


class InsideStore(Refused):
    """A path lies in the store's own folder."""

    path: str
    code = "inside-store"

    def __str__(self) -> str:
        return f"'{self.path}' is inside the store"


class LiveDatabaseTarget(Refused):
    """A copy was to be written over a live database or its log, past its open connections."""

    path: str
    code = "live-database"

    def __str__(self) -> str:
        return f"'{self.path}' belongs to a live database, a copy has to go elsewhere"


class RunInProgress(Refused):
    """Another run of a suite has the databases."""

    other: str
    code = "run-in-progress"

    def __str__(self) -> str:
        return f"a suite is running on these databases: {self.other}"


class OutOfOrder(Refused):
    """A suite or a test was begun or ended at a time when it cannot be."""

    problem: str
    code = "out-of-order"

    def __str__(self) -> str:
        return self.problem


class NeverRight(Refused):
    """The databases were put into a state before a suite, and were not in it when they were looked at."""

    state: str
    verdict: str
    code = "never-right"

    def __str__(self) -> str:
        return f"the databases were restored to {self.state} and are {self.verdict} all the same"


class CleanImpossible(Refused):
    """The rows cannot be put back one by one."""

    reason: str
    code = "clean-impossible"

    def __str__(self) -> str:
        return f"cannot clean row by row: {self.reason}"


class PatchImpossible(Refused):
    """No SQL leads from one state to the other."""

    reason: str
    code = "patch-impossible"

    def __str__(self) -> str:
        return f"cannot be done with SQL statements: {self.reason}"


class EmptyPolicy(Refused):
    """A prune was asked for, and neither options nor configuration say what to keep."""

    code = "empty-policy"

    def __str__(self) -> str:
        return "no rule says what to keep"


class WouldRemoveEverything(Refused):
    """A policy keeps none of a project's snapshots."""

    count: int
    code = "would-remove-everything"

    def __str__(self) -> str:
        return f"the rules keep none of {self.count} snapshots"


class NotConfirmed(Refused):
    """A question was answered with no."""

    code = "not-confirmed"

    def __str__(self) -> str:
        return "not confirmed, nothing was done"


class NothingToUndo(Refused):
    """There is no state to go back to."""

    reason: str
    code = "nothing-to-undo"

    def __str__(self) -> str:
        return f"nothing to undo: {self.reason}"
