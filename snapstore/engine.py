"""The one place that imports the SQLite library: sqlean, which has the `sqlite_dbpage` table.

`Connection` is a SQLite connection in autocommit mode whose errors are ours and whose waiting for
locks ends at a deadline. All of snapstore uses this one copy of the library: two copies in one
process would not know of each other's locks (sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import sqlean

from snapstore.errors import SnapError, SqlFailed, SqliteFailed
from snapstore.locks import Deadline

# Primary result codes (sqlite.org/rescode.html), the low byte of the extended ones.
PERM, BUSY, LOCKED, READONLY, INTERRUPT, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB = 3, 5, 6, 8, 9, 10, 11, 13, 14, 26

_PLAIN = frozenset(b"/-._~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")  # RFC 3986, 2.3

_FAILURES = (sqlean.Error, UnicodeError)  # a message that is not text, text that cannot be handed over
_STEPS = 100_000  # of SQLite's machine between two looks at signals

LIBRARY_VERSION: str = sqlean.sqlite_version
WAL_RESET_FIX = "3.51.3"
HAS_WAL_RESET_BUG: bool = sqlean.sqlite_version_info < tuple(map(int, WAL_RESET_FIX.split(".")))
"""Whether a checkpoint by this library can corrupt a database (sqlite.org/wal.html#walresetbug).

A checkpoint that starts just before another connection restarts the log takes the new log for the old one, and marks
frames as copied that never were. Only the process that checkpoints needs the fix. A commit checkpoints too, once the
log is long. An archived distribution, sqlean.py, installs such a library under the same name.
"""

Translate = Callable[[int, str], SnapError | None]
"""Turns a primary result code and SQLite's text into a SnapError; None for SQL that cannot be run."""


def file_uri(path: str, **options: str | int) -> str:
    """Return the `file:` URI of any path, of bytes that are not text as well."""
    query = "&".join(f"{name}={value}" for name, value in options.items())
    quoted = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in os.fsencode(path))
    return f"file:{quoted}?{query}"


def _text(data: bytes) -> str:
    """Keep text that is not UTF-8 as it is, byte for byte."""
    return data.decode("utf-8", "surrogateescape")


def _look_at_signals() -> int:
    """Let an interrupt be raised while SQLite works; it ends the statement. Return 0, which means to go on."""
    return 0


class Connection:
    """A SQLite connection in autocommit mode with our errors and an end to waiting for locks."""

    def __init__(self, uri: str, translate: Translate, deadline: Deadline, *, distrusted: bool = False) -> None:
        """Open a database; of a `distrusted` one, the schema may call no function that could do harm."""
        self.deadline = deadline
        self._translate = translate
        self._interrupted = False
        self._gave_up = False
        self._connection: Any = None
        try:
            self._connection = sqlean.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            self._connection.set_busy_handler(self._wait)
            self._connection.set_progress_handler(_look_at_signals, _STEPS)
            self._connection.text_factory = _text
            if distrusted:
                self._distrust()
            if HAS_WAL_RESET_BUG:  # commits must not checkpoint; the last connection to close may, it is alone
                self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        except _FAILURES as error:
            self._raise(error)

    def _distrust(self) -> None:
        """Do what sqlite.org/security.html advises for a file from somebody else, as far as SQL can."""
        for setting in ("trusted_schema = OFF", "cell_size_check = ON"):
            self._connection.execute(f"PRAGMA {setting}")

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._connection.in_transaction)

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and return all its rows."""
        try:
            found: list[tuple[Any, ...]] = self._connection.execute(sql, values).fetchall()
        except _FAILURES as error:
            self._raise(error)
        return found

    def each(self, sql: str, values: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Run one statement and yield its rows as they are found."""
        try:
            cursor = self._connection.execute(sql, values)
        except _FAILURES as error:
            self._raise(error)
        yield from self._drawn(cursor)

    @contextmanager
    def restricted(
        self, allows: Callable[[int, str | None, str | None, str | None, str | None], bool]
    ) -> Iterator[None]:
        """Have every action of a statement allowed or refused: by its code, two arguments, database and source."""
        self._connection.set_authorizer(lambda *action: sqlean.SQLITE_OK if allows(*action) else sqlean.SQLITE_DENY)
        try:
            yield
        finally:
            self._connection.set_authorizer(None)

    def _drawn(self, cursor: Any) -> Iterator[tuple[Any, ...]]:
        try:
            yield from cursor
        except _FAILURES as error:
            self._raise(error)

    def value(self, sql: str, values: Sequence[object] = ()) -> Any:
        """Run one statement and return the first column of its first row, None without a row."""
        rows = self.rows(sql, values)
        return rows[0][0] if rows else None

    def run_script(self, script: str, seconds: float) -> None:
        """Run statements in one transaction, stopped after a number of seconds. Raises SqlFailed."""
        end = time.monotonic() + seconds
        self._connection.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS)
        try:
            self._connection.executescript(f"BEGIN IMMEDIATE;\n{script}\n;COMMIT;")
        except _FAILURES as error:
            if getattr(error, "sqlite_errorcode", None) == INTERRUPT:
                raise SqlFailed(f"stopped after {seconds:g} s") from error
            self._raise(error)
        finally:
            self._connection.set_progress_handler(_look_at_signals, _STEPS)
            self.roll_back()

    def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row of values, drawing the rows as it goes."""
        try:
            self._connection.executemany(sql, rows)
        except _FAILURES as error:
            self._raise(error)

    def give_up(self) -> NoReturn:
        """Raise what a lock that cannot be had raises."""
        raise self._translate(BUSY, "timed out waiting for a lock") or SqliteFailed("timed out waiting for a lock")

    def give_up_past_deadline(self) -> None:
        """Raise what a lock that cannot be had raises, once one was waited for in vain."""
        if self._gave_up:
            self.give_up()

    def roll_back(self) -> None:
        """End an open transaction, changing nothing; a connection that is closed has done so."""
        with suppress(sqlean.ProgrammingError):
            if self.in_transaction:
                self.rows("ROLLBACK")

    def close(self) -> None:
        """Close; an open transaction is rolled back."""
        with suppress(sqlean.ProgrammingError):  # it is closed already
            # The library's objects take no part in garbage collection, so a handler would live for ever.
            self._connection.set_busy_handler(None)
            self._connection.set_progress_handler(None, _STEPS)
        self._connection.close()

    def _wait(self, attempt: int) -> bool:
        """Have SQLite try for the lock again after a pause, until the deadline."""
        try:
            self._gave_up = not self.deadline.wait(attempt)
            return not self._gave_up
        except KeyboardInterrupt:  # an exception would be lost on its way through SQLite
            self._interrupted = True
            return False

    def _raise(self, error: Exception) -> NoReturn:
        code = getattr(error, "sqlite_errorcode", None)
        if self._interrupted or code == INTERRUPT:
            raise KeyboardInterrupt from error
        if isinstance(error, UnicodeEncodeError):
            raise SqliteFailed("a name or a value is text that is not Unicode") from error
        if isinstance(error, UnicodeDecodeError):  # SQLite names what it cannot make sense of, byte for byte
            code, error = CORRUPT, ValueError("it names something that is not text")
        translated = self._translate(code & 0xFF, str(error)) if code is not None else None
        raise translated or SqliteFailed(str(error)) from error
