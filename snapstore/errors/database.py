"""SQL that fails (exit codes 2 and 70), and the live database: locked (11), missing, corrupt or unreadable (15)."""

from __future__ import annotations

from snapstore.errors.base import SnapError


class SqlFailed(SnapError):
    """SQLite cannot run the statement of a query: a module, function or table is missing, say."""

    code = "sql"
    exit_code = 2

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class SqliteFailed(SqlFailed):
    """SQLite cannot run a statement of snapstore's own, for a reason that snapstore does not know."""

    code = "sqlite"
    exit_code = 70


class DatabaseLocked(SnapError):
    """The live database stayed locked until the deadline; nothing was changed."""

    code = "database-locked"
    exit_code = 11
    hint = "end the transaction that holds the lock, or wait longer: --timeout SECONDS, or 'timeout' in snapstore.yaml"

    def __init__(self, path: str, holders: tuple[str, ...] = ()) -> None:
        by = f", held by {', '.join(holders)}" if holders else ""
        super().__init__(f"timed out waiting for a lock on database '{path}'{by}")
        self.path = path
        self.holders = holders


class DatabaseUnusable(SnapError):
    """The live database cannot be used as it is."""

    code = "database-unusable"
    exit_code = 15


class DatabaseMissing(DatabaseUnusable):
    """There is no file at the database's path."""

    code = "database-missing"
    hint = "start the application once so that it makes the file, or correct the path; 'snap restore' brings it back"

    def __init__(self, path: str) -> None:
        super().__init__(f"no database at '{path}'")
        self.path = path


class NotADatabase(DatabaseUnusable):
    """The file is not a SQLite database, or is encrypted."""

    code = "not-a-database"
    hint = "check the path; 'snap restore REV --force' moves the file aside and writes a snapshot in its place"

    def __init__(self, path: str, reason: str = "it does not begin with the SQLite header") -> None:
        super().__init__(f"'{path}' is not a SQLite database: {reason}")
        self.path = path
        self.reason = reason


class DatabaseCorrupt(DatabaseUnusable):
    """The file is a SQLite database and is damaged."""

    code = "database-corrupt"
    hint = "'snap restore REV --force' or 'snap reset' moves the file aside and writes a snapshot in its place"

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"database '{path}' is corrupt: {detail}")
        self.path = path
        self.detail = detail


class DatabaseUnreadable(DatabaseUnusable):
    """The database file, its folder or a file beside it cannot be opened."""

    code = "database-unreadable"
    hint = "'snap doctor' checks permissions and the files beside the database"

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"cannot read database '{path}': {detail}")
        self.path = path
        self.detail = detail


class RecoveryNeeded(DatabaseUnusable):
    """A transaction was cut off, and SQLite may not write to the database to roll it back."""

    code = "recovery-needed"
    hint = "open the database once as a user who may write to it and its folder, or copy both files to another folder"

    def __init__(self, path: str, journal: str) -> None:
        super().__init__(
            f"'{journal}' holds a transaction that was cut off, and SQLite may not write to '{path}' to roll it back"
        )
        self.path = path
        self.journal = journal


class RestoreMismatch(DatabaseUnusable):
    """A restored database differs from the snapshot; the safety snapshot has the state before."""

    code = "restore-mismatch"
    hint = "'snap undo' restores the previous state; check the disk"

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"restored '{path}', but its contents differ from the snapshot: {detail}")
        self.path = path
        self.detail = detail
