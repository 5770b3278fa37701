"""The catalog: the SQLite database (WAL mode) that finds objects, snapshots and names.

`schema.sql` beside this file explains the tables. What is in the catalog only is lost without harm.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from snapstore import engine
from snapstore.errors import DiskFull, FileError, SnapError, StoreDamaged, StoreLocked
from snapstore.files import reached, remove_if_there, sync_folder, temporary_beside, translated
from snapstore.patience import Patience
from snapstore.refusals import StoreTooNew

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FORMAT = 1
APPLICATION_ID = 0x534E4150  # "SNAP"
MOST_PROBLEMS = 10  # that are said of a damaged catalog
_SQL_ERROR = 1
_WORTH_SHRINKING = 512  # pages
_ADDED = ("forgotten", "upkeep")  # tables that catalogs of this format were first made without, in order

Types = type | tuple[type, ...]
"""What a column may be, as `isinstance` takes it."""


class Catalog:
    """An open catalog."""

    def __init__(self, path: str, patience: Patience) -> None:
        self.path = path
        self._store = os.path.dirname(path)
        self._is_read_only = False
        self._connection = self._connect(patience)
        self.before_commit: list[Callable[[], None]] = []
        self.after_rollback: list[Callable[[], None]] = []
        self.before_trial: list[Callable[[], Callable[[], None]]] = []
        self._check_format()
        self._add_tables()

    @classmethod
    def create(cls, path: str, patience: Patience) -> Catalog:
        """Make a catalog at `path`, or open the one that another process just made there."""
        temporary = temporary_beside(path)
        try:
            cls.write_empty(temporary, patience)
            reached("catalog-made")
            with translated(path), suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            remove_if_there(temporary)
        sync_folder(os.path.dirname(path))
        reached("catalog-created")
        return cls(path, patience)

    @classmethod
    def write_empty(cls, path: str, patience: Patience) -> None:
        """Write a catalog without rows to a path where nothing is."""
        uri = engine.file_uri(path, mode="rwc")
        connection = engine.Connection(uri, translator(os.path.dirname(path)), patience)
        try:
            connection.rows("BEGIN IMMEDIATE")
            for statement in _schema().split(";\n"):
                connection.rows(statement)
            connection.rows(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.rows(f"PRAGMA user_version = {FORMAT}")
            connection.rows("COMMIT")
            connection.rows("PRAGMA journal_mode = WAL")
        finally:
            connection.close()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        return self._connection.rows(sql, values)

    def typed_rows(self, sql: str, values: Sequence[object], *types: Types) -> list[tuple[Any, ...]]:
        """Run one statement and return rows of these types. Raises StoreDamaged for others: a byte was flipped."""
        return [self._typed(row, types) for row in self._connection.rows(sql, values)]

    def each(self, sql: str, values: Sequence[object] = (), *types: Types) -> Generator[tuple[Any, ...], None, None]:
        """Run one statement and yield its rows as they are found, with the types as in `typed_rows`."""
        for row in self._connection.each(sql, values):
            yield self._typed(row, types)

    def _typed(self, row: tuple[Any, ...], types: tuple[Types, ...]) -> tuple[Any, ...]:
        if not all(map(isinstance, row, types)):
            raise StoreDamaged(self._store, f"catalog.db: a row does not make sense: {row!r:.200}")
        return row

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Run the body as if, inside the caller's transaction: nothing of it is kept."""
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
        """See one state of the catalog over the body, whatever others commit meanwhile."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.rows("BEGIN")
        try:
            yield
        finally:
            self._connection.roll_back()

    def value(self, sql: str, values: Sequence[object] = ()) -> Any:
        """Run one statement and return the first column of its first row, None without a row."""
        return self._connection.value(sql, values)

    def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row of values."""
        self._connection.run_many(sql, rows)

    @property
    def in_transaction(self) -> bool:
        """Whether the body of a transaction is being run."""
        return self._connection.in_transaction

    @contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[None]:
        """Hold the catalog's write lock over the body; all of it is kept, or nothing on an error.

        Without `synced` it is durable with the next one that is, or when whoever has the catalog open last closes it.
        """
        if self._connection.in_transaction:  # part of a larger one
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
        """Give room back where most of the file is free, if nobody has the catalog; return the bytes."""
        free, pages = self.value("PRAGMA freelist_count"), self.value("PRAGMA page_count")
        if pages < _WORTH_SHRINKING or 2 * free < pages:
            return 0
        before = os.path.getsize(self.path)
        with suppress(StoreLocked, DiskFull):
            self.rows("VACUUM")
            self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        return max(0, before - os.path.getsize(self.path))

    def problems(self) -> list[str]:
        """Return what SQLite finds wrong with the catalog's own pages and rows."""
        said = [str(row[0]) for row in self._connection.rows(f"PRAGMA integrity_check({MOST_PROBLEMS})")]
        return [] if said == ["ok"] else [f"catalog.db: {text}" for text in said]

    def close(self) -> None:
        """Close the catalog."""
        self._connection.close()

    def _connect(self, patience: Patience) -> engine.Connection:
        """Open for writing, or for reading alone where nothing can be written: a full or read-only disk."""
        try:
            connection = engine.Connection(engine.file_uri(self.path, mode="rw"), self._translate, patience)
            connection.value("SELECT count(*) FROM sqlite_schema")
        except (FileError, DiskFull):
            wal = self.path + "-wal"
            if os.path.exists(wal) and os.path.getsize(wal):
                raise
            uri = engine.file_uri(self.path, mode="ro", immutable=1)
            connection = engine.Connection(uri, self._translate, patience)
            self._is_read_only = True
        return connection

    def _translate(self, code: int, text: str) -> SnapError | None:
        return translator(self._store)(code, text)

    def _check_format(self) -> None:
        if self.value("PRAGMA application_id") != APPLICATION_ID:
            raise StoreDamaged(self._store, "catalog.db is not a catalog")
        found = self.value("PRAGMA user_version")
        if found > FORMAT:
            raise StoreTooNew(self._store, found, FORMAT)

    def _add_tables(self) -> None:
        """Give the catalog of an earlier release what has been added since; in memory where it cannot be written."""
        if self._has(_ADDED[-1]):
            return
        added = [
            statement for statement in _schema().split(";\n") if any(f"TABLE {name} " in statement for name in _ADDED)
        ]
        if self._is_read_only:
            self.rows("PRAGMA temp_store = MEMORY")
            for statement in added:
                self.rows(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
            return
        with self.transaction():
            if not self._has(_ADDED[-1]):  # another process may have been quicker
                self.rows("ALTER TABLE snapshot ADD COLUMN origin TEXT")
                for statement in added:
                    self.rows(statement)

    def _has(self, table: str) -> bool:
        return self.value("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)) is not None


def _schema() -> str:
    from importlib import resources  # needed once in a store's life

    return resources.files(__package__).joinpath("schema.sql").read_text("utf-8")


def translator(store: str) -> engine.Translate:
    """Return what turns SQLite's errors on a store's catalog into ours."""

    def translate(code: int, text: str) -> SnapError | None:
        if code in (engine.BUSY, engine.LOCKED):
            return StoreLocked(store)
        if code in (engine.CORRUPT, engine.NOTADB, _SQL_ERROR):
            return StoreDamaged(store, f"catalog.db: {text}")
        if code == engine.FULL:
            return DiskFull(store)
        if code in (engine.CANTOPEN, engine.READONLY, engine.PERM, engine.IOERR):
            return FileError(os.path.join(store, "catalog.db"), text)
        return None

    return translate
