"""Every error a user can meet: one class a cause, its facts in fields, its exit code, its text.

`SnapError.code` is the machine-readable name (`{"error": {"code": ...}}`), `exit_code` the status
`snap` ends with. What a user may do about an error is said by the command line (`cli/hints.py`).
"""

from __future__ import annotations

from snapstore.records import annotated, bound, dataclass_transform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


@dataclass_transform(eq_default=False)
class SnapError(Exception):
    """The base of every error that snapstore raises on purpose.

    A subclass's annotations are its fields, as in a record (records.py).
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, *values: object, **named: object) -> None:
        """Set the fields. Raises TypeError as a function would."""
        super().__init__(*values)
        self.__dict__.update(bound(type(self), annotated(type(self)), values, named))


class SqlFailed(SnapError):
    """SQLite could not run a statement: a missing module, function or table."""

    detail: str
    code = "sql"

    def __str__(self) -> str:
        return self.detail


class DemoFailed(SnapError):
    """The demo's application does not see what it should."""

    seen: str
    wanted: str
    code = "demo-failed"

    def __str__(self) -> str:
        return f"the demo's application sees '{self.seen}', not '{self.wanted}'"


class TrackerMismatch(SnapError):
    """What a session knew of a database by following its changes is not what the file holds."""

    path: str
    detail: str
    code = "tracker-mismatch"

    def __str__(self) -> str:
        return (
            f"changes of '{self.path}' were missed ({self.detail}): what was said since the last check may be wrong;"
            " from now on it is read in full"
        )


class SessionEnded(SnapError):
    """The process of a session has ended; `status` is its exit code, None where it is not known."""

    status: int | None = None
    said: str = ""
    code = "session-ended"

    def __str__(self) -> str:
        said = f": {self.said}" if self.said else ""
        return f"the session has ended (exit {self.status}){said}"


# --- no store, or no snapshot yet: 10 ---------------------------------------------------------


class NoStore(SnapError):
    """There is no store at this place."""

    path: str
    code = "no-store"
    exit_code = 10

    def __str__(self) -> str:
        return f"no store at '{self.path}'"


class NoSnapshot(SnapError):
    """The store holds nothing that the request could mean."""

    wanted: str
    code = "no-snapshot"
    exit_code = 10

    def __str__(self) -> str:
        return f"no {self.wanted} yet"


# --- locked until the deadline: 11 ------------------------------------------------------------


class DatabaseLocked(SnapError):
    """The live database stayed locked until the deadline; nothing was changed."""

    path: str
    holders: tuple[str, ...] = ()
    code = "database-locked"
    exit_code = 11

    def __str__(self) -> str:
        by = f", held by {', '.join(self.holders)}" if self.holders else ""
        return f"database '{self.path}' stayed locked until the deadline{by}"


class StoreLocked(SnapError):
    """The store stayed locked until the deadline."""

    path: str
    code = "store-locked"
    exit_code = 11

    def __str__(self) -> str:
        return f"store '{self.path}' stayed locked until the deadline"


# --- revisions: 12 ----------------------------------------------------------------------------


class UnknownRevision(SnapError):
    """A revision names nothing; `nearest` are known names that look like it."""

    revision: str
    nearest: tuple[str, ...] = ()
    code = "unknown-revision"
    exit_code = 12

    def __str__(self) -> str:
        return f"unknown revision '{self.revision}'"


class SnapshotForgotten(SnapError):
    """A revision means a snapshot that was forgotten and is not freed yet."""

    revision: str
    snapshot: str
    code = "forgotten"
    exit_code = 12

    def __str__(self) -> str:
        return f"snapshot '{self.revision}' is forgotten"


class AmbiguousRevision(SnapError):
    """An id prefix fits several snapshots."""

    revision: str
    candidates: tuple[str, ...]
    code = "ambiguous-revision"
    exit_code = 12

    def __str__(self) -> str:
        return f"ambiguous revision '{self.revision}', it could be {', '.join(self.candidates)}"


class BadName(SnapError):
    """A name that could not be told from another kind of revision."""

    name: str
    reason: str
    code = "bad-name"
    exit_code = 12

    def __str__(self) -> str:
        return f"bad name '{self.name}': {self.reason}"


# --- configuration: 13 ------------------------------------------------------------------------


class ConfigurationError(SnapError):
    """The configuration says something that cannot be; `line` counts from 1."""

    problem: str
    file: str | None = None
    line: int | None = None
    nearest: str | None = None
    code = "configuration"
    exit_code = 13

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return f"{where}{self.problem}"


class NoDatabaseNamed(SnapError):
    """Neither the options nor a configuration file name a database; `file` is the one that does not."""

    file: str | None
    code = "configuration"
    exit_code = 13

    def __str__(self) -> str:
        where = f"'{self.file}' names none" if self.file else "there is no snapstore.yaml here or above"
        return f"no database: {where}"


class UnknownRule(SnapError):
    """A rule names a table or column that no database has; `kind` is one of the two."""

    kind: str
    rule: str
    nearest: str | None = None
    code = "configuration"
    exit_code = 13

    def __str__(self) -> str:
        return f"no {self.kind} matches '{self.rule}'"


# --- refused by a guard: 14, one class a guard in refusals.py ----------------------------------


class Refused(SnapError):
    """A guard said no; the request was understood and nothing was changed."""

    code = "refused"
    exit_code = 14


# --- the database file: 15 --------------------------------------------------------------------


class DatabaseUnusable(SnapError):
    """The live database cannot be read as it is."""

    code = "database-unusable"
    exit_code = 15


class DatabaseMissing(DatabaseUnusable):
    """There is no file."""

    path: str
    code = "database-missing"

    def __str__(self) -> str:
        return f"no database at '{self.path}'"


class NotADatabase(DatabaseUnusable):
    """The file is something else, or encrypted."""

    path: str
    reason: str = "it does not begin with the SQLite header"
    code = "not-a-database"

    def __str__(self) -> str:
        return f"'{self.path}' is not a SQLite database: {self.reason}"


class DatabaseCorrupt(DatabaseUnusable):
    """The file is a SQLite database and damaged."""

    path: str
    detail: str
    code = "database-corrupt"

    def __str__(self) -> str:
        return f"database '{self.path}' is corrupt: {self.detail}"


class IndexMisfit(DatabaseCorrupt):
    """All rows are right, and an index of them is not."""

    path: str
    detail: str


class DatabaseUnreadable(DatabaseUnusable):
    """The file, its folder or a sidecar cannot be opened."""

    path: str
    detail: str
    code = "database-unreadable"

    def __str__(self) -> str:
        return f"cannot read database '{self.path}': {self.detail}"


# --- the file system: 16 ----------------------------------------------------------------------


class FileError(SnapError):
    """A file or folder of ours could not be read or written."""

    path: str
    detail: str
    code = "file-error"
    exit_code = 16

    def __str__(self) -> str:
        return f"'{self.path}': {self.detail}"


class DiskFull(SnapError):
    """No space left, a quota, or a file-size limit; nothing was changed."""

    path: str
    code = "disk-full"
    exit_code = 16

    def __str__(self) -> str:
        return f"no space left to write '{self.path}'"


# --- the store: 20 ----------------------------------------------------------------------------


class StoreDamaged(SnapError):
    """The store does not hold what it should; `detail` names the object, pack or table."""

    path: str
    detail: str
    code = "store-damaged"
    exit_code = 20

    def __str__(self) -> str:
        return f"store '{self.path}' is damaged: {self.detail}"


class SnapshotFreed(StoreDamaged):
    """A snapshot that was there a moment ago: another process freed it, which is no damage."""

    path: str
    detail: str
    snapshot: str
    code = "unknown-revision"
    exit_code = 12

    def __str__(self) -> str:
        return f"unknown revision '{self.snapshot}': a prune has just freed it"


class RestoreMismatch(DatabaseUnusable):
    """What was written is not what the snapshot holds; the safety snapshot has the state before."""

    path: str
    detail: str
    code = "restore-mismatch"

    def __str__(self) -> str:
        return f"restore of '{self.path}' did not give the snapshot's content: {self.detail}"
