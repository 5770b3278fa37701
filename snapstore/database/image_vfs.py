"""SQL on an image: SQLite reads its pages one by one, as the statement needs them, and nothing is written out.

The one place that imports APSW: sqlean cannot read through a virtual file system (VFS) written in Python. APSW brings
a second copy of the SQLite library. It never opens a live database, so the two copies cannot miss each other's locks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any, NoReturn

import apsw

from snapstore.database.header import page1_for_file
from snapstore.database.image import DamagedPage, Image
from snapstore.database.literals import literal
from snapstore.database.query_guard import CAN_ONLY_READ, NO_ROWS, NOT_TEXT, ONE_STATEMENT, Answer, Limit, is_allowed
from snapstore.database.record import UTF8, decode_text
from snapstore.errors import DatabaseCorrupt, SnapError, SqlFailed

_NUMBERS = count()
_STEPS = 100_000  # of SQLite's machine
_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")  # that SQLite brings with it
_COLLATIONS_OF_INDEXES = """
    SELECT DISTINCT coll FROM sqlite_schema AS s, pragma_index_xinfo(s.name) WHERE s.type = 'index'
"""
_COLUMNS = """
    SELECT t.name, c.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c
     WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'
"""
_CORRUPT = (apsw.CorruptError, apsw.NotADBError, apsw.IOError)


class _UnknownCollation(Exception):
    """A statement compares by a collation that only the application has."""


class ImageDatabase:
    """A connection that reads an image; use it in a `with` block."""

    def __init__(self, image: Image, limit: Limit | None = None) -> None:
        self._image = image
        self._limit = limit or Limit()
        self._vfs = _ImageVFS(image)
        self._connection = apsw.Connection("image", flags=apsw.SQLITE_OPEN_READONLY, vfs=self._vfs.name)
        self._connection.authorizer = _authorize
        self._connection.collation_needed(_stand_in)
        self._connection.set_progress_handler(self._limit.is_reached, _STEPS)  # also lets an interrupt be raised

    def __enter__(self) -> ImageDatabase:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._vfs.unregister()

    def query(self, sql: str) -> Answer:
        """Run one statement; its rows are read one by one. Raises SqlFailed, DatabaseCorrupt, StoreDamaged."""
        columns: list[tuple[str, ...]] = []

        def note(cursor: apsw.Cursor, _sql: str, _bindings: object) -> bool:
            if columns:
                raise SqlFailed(ONE_STATEMENT)
            columns.append(tuple(column[0] for column in cursor.get_description()))
            return True

        cursor = self._connection.cursor()
        cursor.exec_trace = note
        rows = self._rows(cursor, sql, columns)
        try:
            first = next(rows, None)  # starts the statement, which tells the columns
        except UnicodeError as error:
            raise SqlFailed(NOT_TEXT) from error
        if not columns or not columns[0]:
            raise SqlFailed(NO_ROWS)
        return Answer(columns[0], rows if first is None else _with_first(first, rows))

    def unknown_collations(self) -> tuple[str, ...]:
        """Return the collations of columns and indexes that only the application has."""
        connection = self._connection
        try:
            found = {str(name) for (name,) in connection.execute(_COLLATIONS_OF_INDEXES)}
            for table, column in list(connection.execute(_COLUMNS)):
                found.add(str(connection.column_metadata("main", table, column)[1]))
        except (apsw.Error, UnicodeError):  # it only informs
            return ()
        return tuple(sorted(name for name in found if name.upper() not in _COLLATIONS))

    def integrity(self, table: str) -> str:
        """Return what `PRAGMA integrity_check` says of one table. Raises SqlFailed, DatabaseCorrupt, StoreDamaged."""
        self._connection.authorizer = None
        try:
            found = list(self._connection.execute(f"PRAGMA integrity_check({literal(table, UTF8)})"))
        except apsw.Error as error:
            self._raise(error)
        return "; ".join(str(row[0]) for row in found)

    def words(self, table: str, *, is_fts5: bool) -> Iterator[tuple[Any, ...]]:
        """Yield what the index of a full-text table has, in order: each place of a word, as FTS5 knows them.

        Of FTS3 and FTS4 in how many rows each word is, and how often. Raises SqlFailed, DatabaseCorrupt, StoreDamaged.
        """
        self._connection.authorizer = None
        name, module = literal(table, UTF8), "fts5vocab" if is_fts5 else "fts4aux"
        places = "doc, col, offset" if is_fts5 else "col, documents, occurrences"
        try:
            arguments = f"main, {name}, instance" if is_fts5 else f"main, {name}"
            self._connection.execute(f"CREATE VIRTUAL TABLE temp.words USING {module}({arguments})")
            yield from self._connection.execute(f"SELECT CAST(term AS BLOB), {places} FROM temp.words")
        except apsw.Error as error:
            self._raise(error)

    def _rows(self, cursor: apsw.Cursor, sql: str, columns: list[tuple[str, ...]]) -> Iterator[tuple[Any, ...]]:
        drawn = 0
        try:
            for row in cursor.execute(sql):
                yield row
                drawn += 1
        except UnicodeDecodeError:
            if not columns:
                raise
            yield from islice(self._rows_with_any_text(sql, len(columns[0])), drawn, None)
        except (apsw.Error, _UnknownCollation) as error:
            self._raise(error)

    def _rows_with_any_text(self, sql: str, count: int) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a statement whose text may be invalid. APSW returns such text only as bytes."""
        names = [f"c{number}" for number in range(count)]
        taken = (f"typeof({one}) = 'text', iif(typeof({one}) = 'text', CAST({one} AS BLOB), {one})" for one in names)
        with_names = (
            f"WITH answer({', '.join(names)}) AS ({sql.rstrip().rstrip(';')}) SELECT {', '.join(taken)} FROM answer"
        )
        try:
            for row in self._connection.cursor().execute(with_names):
                pairs = zip(row[::2], row[1::2], strict=True)
                yield tuple(decode_text(one, self._image.encoding) if is_text else one for is_text, one in pairs)
        except (apsw.Error, _UnknownCollation) as error:
            self._raise(error)

    def _raise(self, error: Exception) -> NoReturn:
        if self._vfs.failure is not None:
            raise self._vfs.failure from error
        if isinstance(error, apsw.InterruptError) and self._limit.is_reached():
            raise SqlFailed(str(self._limit)) from error
        if isinstance(error, _UnknownCollation):
            raise SqlFailed(
                f"only the application has the collation '{error}', and this statement compares by it;"
                " statements that do not, or that say COLLATE BINARY, work"
            ) from error
        if isinstance(error, apsw.ReadOnlyError):
            raise SqlFailed(CAN_ONLY_READ) from error
        if isinstance(error, _CORRUPT):
            raise DatabaseCorrupt(self._image.label, str(error)) from error
        raise SqlFailed(str(error)) from error


class _ImageVFS(apsw.VFS):
    """A file system with one file; it leaves temporary files to the ordinary file system."""

    def __init__(self, image: Image) -> None:
        self.name = f"snapstore-image-{next(_NUMBERS)}"
        self._file = _ImageFile(image)
        super().__init__(self.name, "")

    @property
    def failure(self) -> SnapError | None:
        """The error of a read that failed; SQLite only reports an I/O error."""
        return self._file.failure

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        """Open the image, or a temporary file."""
        return self._file if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else super().xOpen(name, flags)

    def xAccess(self, pathname: str, flags: int) -> bool:
        """Report that there is no journal and no log."""
        return False

    def xFullPathname(self, name: str) -> str:
        """Return the name as it is; there are no folders."""
        return name


class _ImageFile:
    """The bytes of an image as SQLite reads a file. Source: sqlite.org/c3ref/io_methods.html."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._page1 = page1_for_file(image.page(1), wal=False) if image.page_count else b""
        self.failure: SnapError | None = None

    def xRead(self, amount: int, offset: int) -> bytes:
        """Return up to `amount` bytes; fewer at the end of the file."""
        image, found = self._image, b""
        while image.page_count and len(found) < amount and offset + len(found) < self.xFileSize():
            number, start = divmod(offset + len(found), image.page_size)
            found += self._page(number + 1)[start : start + amount - len(found)]
        return found

    def xFileSize(self) -> int:
        """Return the length of the image."""
        return self._image.page_size * self._image.page_count

    def xClose(self) -> None:
        """Do nothing: the image stays open."""

    def xLock(self, level: int) -> None:
        """Do nothing: nobody writes an image."""

    def xUnlock(self, level: int) -> None:
        """Do nothing."""

    def xCheckReservedLock(self) -> bool:
        """Report that nobody is about to write."""
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:
        """Report that the request is unknown."""
        return False

    def xSectorSize(self) -> int:
        """Return an ordinary size; nothing is written."""
        return 4096

    def xDeviceCharacteristics(self) -> int:
        """Report that the file cannot change."""
        return int(apsw.SQLITE_IOCAP_IMMUTABLE)

    def _page(self, pgno: int) -> bytes:
        if pgno == 1:
            return self._page1
        try:
            return self._image.page(pgno)
        except DamagedPage as error:
            self.failure = self._image.corrupt(error)
        except SnapError as error:
            self.failure = error
        raise apsw.IOError


def _stand_in(connection: apsw.Connection, name: str) -> None:
    """Register a collation that only the application has, for statements that name it and never compare by it.

    The rows of a table or an index that is ordered by it can be read in its order.
    """

    def compare(_one: str, _other: str) -> int:
        raise _UnknownCollation(name)

    connection.create_collation(name, compare)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    return int(apsw.SQLITE_OK if is_allowed(action, first, second) else apsw.SQLITE_DENY)


def _with_first(first: tuple[Any, ...], rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    yield first
    yield from rows
