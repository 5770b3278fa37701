"""The catalog: the SQLite database (WAL mode) that indexes objects, snapshots and names.

`schema.sql` beside this file describes the tables. The catalog holds nothing that cannot be lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from snapstore import engine
from snapstore.creating import as_owner_of
from snapstore.errors import DiskFull, FileError, SnapError, StoreDamaged, StoreLocked, StoreTooNew
from snapstore.files import reached, sqlite_io_error, sync_folder, temporary_file, translated
from snapstore.locks import Deadline
from snapstore.objects.catalog_schema import schema_problem

FORMAT = 3
FORMAT_WITHOUT_HEADS = 2
"""The format of a catalog in which HEAD of a project was removed. Earlier releases would call that damage."""
FORMAT_WITH_FILES = 3
"""The format of a catalog with snapshots that have files beside their databases. Earlier releases do not know them."""
_FIRST_FORMAT = 1  # of a new catalog, and of nearly all
APPLICATION_ID = 0x534E4150  # "SNAP"
MOST_PROBLEMS = 10  # reported for a damaged catalog
_BROKEN_RULES = (1, 19, 20)  # ERROR, CONSTRAINT and MISMATCH: snapstore's own SQL runs in a sound catalog
_WORTH_SHRINKING = 512  # pages
_ADDED = (
    "forgotten",
    "upkeep",
    "recorded",
    "branch",
)  # tables that the first catalogs of this format lack, in the order they came

Types = type | tuple[type, ...]
"""The types a column may have, as `isinstance` takes them."""


class Catalog:
    """An open catalog."""

    def __init__(self, path: str, deadline: Deadline) -> None:
        self.path = path
        self._store = os.path.dirname(path)
        self._is_read_only = False
        self._connection = self._connect(deadline)
        self.before_commit: list[Callable[[], None]] = []
        self.after_rollback: list[Callable[[], None]] = []
        self.before_trial: list[Callable[[], Callable[[], None]]] = []
        self._check_format()
        self._check_schema()
        self._add_tables()

    @classmethod
    def create(cls, path: str, deadline: Deadline) -> Catalog:
        """Create a catalog at `path`, or open the one that another process has just created there."""
        with translated(path), temporary_file(path) as temporary:
            cls.write_empty(temporary, deadline)
            reached("catalog-made")
            with suppress(FileExistsError):
                os.link(temporary, path)
        sync_folder(os.path.dirname(path))
        reached("catalog-created")
        return cls(path, deadline)

    @classmethod
    def write_empty(cls, path: str, deadline: Deadline) -> None:
        """Write a catalog without rows to an empty file; SQLite gives its log and the like the mode of that."""
        schema = _schema()
        with as_owner_of(os.path.dirname(path)):
            connection = engine.Connection(
                engine.file_uri(path, mode="rw"), translator(os.path.dirname(path)), deadline
            )
            try:
                connection.rows("BEGIN IMMEDIATE")
                for statement in schema.split(";\n"):
                    connection.rows(statement)
                connection.rows(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.rows(f"PRAGMA user_version = {_FIRST_FORMAT}")
                connection.rows("COMMIT")
                connection.rows("PRAGMA journal_mode = WAL")
            finally:
                connection.close()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        return self._connection.rows(sql, values)

    def typed_rows(self, sql: str, values: Sequence[object], *types: Types) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows. Raises StoreDamaged for other types: a byte was flipped."""
        return [self._typed(row, types) for row in self._connection.rows(sql, values)]

    def each(self, sql: str, values: Sequence[object] = (), *types: Types) -> Generator[tuple[Any, ...], None, None]:
        """Run one statement and yield its rows as they are found, checking types as `typed_rows` does."""
        for row in self._connection.each(sql, values):
            yield self._typed(row, types)

    def _typed(self, row: tuple[Any, ...], types: tuple[Types, ...]) -> tuple[Any, ...]:
        if not all(map(isinstance, row, types)):
            raise StoreDamaged(self._store, f"catalog.db: a row has values of the wrong type: {row!r:.200}")
        return row

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Dry-run the body in a savepoint of the caller's transaction and roll it back."""
        undo = [mark() for mark in self.before_trial]
        self._connection.rows("SAVEPOINT trial")
        try:
            yield
        finally:
            for forget in undo:
                forget()
        self._connection.rows("ROLLBACK TO trial")
        self._connection.rows("RELEASE trial")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Give the body one consistent view of the catalog, whatever others commit meanwhile."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.rows("BEGIN")
        try:
            yield
        finally:
            self._connection.roll_back()

    def value(self, sql: str, values: Sequence[object] = ()) -> Any:
        """Run one statement and return the first column of its first row, None if there is no row."""
        return self._connection.value(sql, values)

    def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row of values."""
        self._connection.run_many(sql, rows)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.in_transaction

    @contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[None]:
        """Run the body in a write transaction, which commits all of it, or nothing on an error.

        Without `synced` it becomes durable with the next synced transaction, or when the last process closes the
        catalog. Inside another transaction the body becomes part of that one.
        """
        if self._connection.in_transaction:
            yield
            return
        self._connection.rows(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
        self._connection.rows("BEGIN IMMEDIATE")
        try:
            yield
            for prepare in self.before_commit:
                prepare()
            reached("catalog-written")
            self._connection.rows("COMMIT")
        except BaseException:
            self._connection.roll_back()
            for forget in self.after_rollback:
                forget()
            raise
        reached("catalog-committed")

    def shrink(self) -> int:
        """Shrink the file if most of it is free and no other process uses it; return the bytes freed."""
        free, pages = self.value("PRAGMA freelist_count"), self.value("PRAGMA page_count")
        if pages < _WORTH_SHRINKING or 2 * free < pages or engine.HAS_WAL_RESET_BUG:
            return 0
        before = os.path.getsize(self.path)
        with suppress(StoreLocked, DiskFull):
            self.rows("VACUUM")
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        return max(0, before - os.path.getsize(self.path))

    def problems(self) -> list[str]:
        """Return the problems that SQLite finds in the catalog's own pages and rows."""
        found = [str(row[0]) for row in self._connection.rows(f"PRAGMA integrity_check({MOST_PROBLEMS})")]
        return [] if found == ["ok"] else [f"catalog.db: {text}" for text in found]

    def close(self) -> None:
        """Close the catalog."""
        self._connection.close()

    def _connect(self, deadline: Deadline) -> engine.Connection:
        """Open for writing, or read-only where that is impossible: on a full or read-only disk."""
        try:
            connection = self._writable(deadline)
        except (FileError, DiskFull):
            wal = self.path + "-wal"
            if os.path.exists(wal) and os.path.getsize(wal):
                raise
            uri = engine.file_uri(self.path, mode="ro", immutable=1)
            connection = engine.Connection(uri, self._translate, deadline, distrusted=True)
            self._is_read_only = True
        return connection

    def _writable(self, deadline: Deadline) -> engine.Connection:
        """Open for writing; the first statement creates the log and the wal-index, as the store's owner."""
        with translated(self.path), as_owner_of(self._store):
            uri = engine.file_uri(self.path, mode="rw")
            connection = engine.Connection(uri, self._translate, deadline, distrusted=True)
            with suppress(FileError):
                connection.value("SELECT count(*) FROM sqlite_schema")
                return connection
        # Root may have left files that the owner cannot open.
        connection.value("SELECT count(*) FROM sqlite_schema")
        return connection

    def _translate(self, code: int, text: str) -> SnapError | None:
        return translator(self._store)(code, text)

    def _check_format(self) -> None:
        if self.value("PRAGMA application_id") != APPLICATION_ID:
            raise StoreDamaged(self._store, "catalog.db is not a catalog of snapstore")
        found = self.value("PRAGMA user_version")
        if found > FORMAT:
            raise StoreTooNew(self._store, found, FORMAT)

    def raise_format(self, number: int) -> None:
        """Keep out releases that do not know what is about to be recorded, inside the caller's transaction."""
        if self.value("PRAGMA user_version") < number:
            self.rows(f"PRAGMA user_version = {int(number)}")

    def _check_schema(self) -> None:
        if problem := schema_problem(self.rows("SELECT type, name, sql FROM sqlite_schema")):
            raise StoreDamaged(self._store, f"catalog.db: {problem}")

    def _add_tables(self) -> None:
        """Add the tables that an earlier release did not create; in memory if the catalog cannot be written."""
        if self._has(_ADDED[-1]):
            return
        if self._is_read_only:
            self.rows("PRAGMA temp_store = MEMORY")
            for statement in self._lacking():
                self.rows(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
            return
        with self.transaction():  # another process may have been faster
            if not self._has(_ADDED[0]):
                self.rows("ALTER TABLE snapshot ADD COLUMN origin TEXT")
            for statement in self._lacking():
                self.rows(statement)

    def _lacking(self) -> list[str]:
        """Return the statements for the tables that are not there."""
        lacking = [name for name in _ADDED if not self._has(name)]
        return [sql for sql in _schema().split(";\n") if any(f"TABLE {name} " in sql for name in lacking)]

    @property
    def is_read_only(self) -> bool:
        """Whether nothing can be written, as on a full or read-only disk."""
        return self._is_read_only

    def _has(self, table: str) -> bool:
        return self.value("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)) is not None


def _schema() -> str:
    # Only a new store needs it, or one of an earlier release.
    from importlib import resources

    return resources.files(__package__).joinpath("schema.sql").read_text("utf-8")


def translator(store: str) -> engine.Translate:
    """Return a function that translates SQLite's errors on a store's catalog."""

    def translate(code: int, text: str) -> SnapError | None:
        if code in (engine.BUSY, engine.LOCKED):
            return StoreLocked(store)
        if code in (engine.CORRUPT, engine.NOTADB, *_BROKEN_RULES):
            return StoreDamaged(store, f"catalog.db: {text}")
        if code == engine.FULL:
            return DiskFull(store)
        if code == engine.IOERR:
            return sqlite_io_error(os.path.join(store, "catalog.db"), text)
        if code in (engine.CANTOPEN, engine.READONLY, engine.PERM):
            return FileError(os.path.join(store, "catalog.db"), text)
        return None

    return translate
