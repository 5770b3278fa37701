"""Databases to damage: how they are made, what snapstore reports on one, and what SQLite reads from it."""

from __future__ import annotations

from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import apsw

from snapstore.actions.diff import DiffOptions, diff
from snapstore.actions.status import status
from snapstore.actions.take import TakeOptions, take
from snapstore.actions.verify import VerifyOptions, verify
from snapstore.compare.state import live_state, snapshot_state
from snapstore.project import Project
from snapstore.store import Store
from tests.database.generated import quoted

HEADER = 100  # bytes of page 1 before its b-tree
LEAF_HEADER, INTERIOR_HEADER = 8, 12
MOST_ROWS = 5000  # that a table of a damaged database is read for: pages may go round in circles
_MOST_STEPS = 2_000_000  # of SQLite's machine for one table
_MADE = (
    "CREATE TABLE doc (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, score REAL, body TEXT)",
    "CREATE TABLE plain (a, b)",
    "CREATE TABLE word (spelling TEXT, number INT, meaning TEXT, PRIMARY KEY (spelling, number)) WITHOUT ROWID",
    "CREATE INDEX plain_b ON plain(b)",
    "CREATE VIRTUAL TABLE note USING fts5(title, text)",
    "CREATE VIRTUAL TABLE box USING rtree(id, left, right, bottom, top, +label TEXT)",
    "CREATE TABLE spare (id INTEGER PRIMARY KEY, body BLOB)",
)
_FILLED = (
    "INSERT INTO doc(name, score, body) SELECT 'name ' || i, i / 2.0, printf('%.*c', i % 7 * 30, 'b') FROM n",
    "INSERT INTO plain SELECT i % 9, 'value ' || i FROM n",
    "INSERT INTO word SELECT 'word ' || i, i % 3, printf('%.*c', i % 11 * 20, 'm') FROM n",
    "INSERT INTO note SELECT 'title ' || i, 'one two three ' || (i % 13) FROM n WHERE i % 3 = 0",
    "INSERT INTO box SELECT i, i, i + 1.5, -i, i, 'box ' || i FROM n",
    "INSERT INTO spare SELECT i, zeroblob(150) FROM n",
)
_LONG = (
    "UPDATE doc SET body = (SELECT group_concat(i * id) FROM n) WHERE id % 25 = 0",
    "UPDATE word SET meaning = (SELECT group_concat(i || spelling) FROM n) WHERE number = 1 AND spelling LIKE '%9'",
    "DELETE FROM spare",
)
_PARTS_OF_OTHERS = ("note_", "box_", "sqlite_")

Table = Counter[tuple[Any, ...]]
"""Rows, each value with its storage class, text as its bytes."""


class Pages(NamedTuple):
    """The pages of each table, by SQLite's `dbstat`."""

    leaves: list[int]
    interior: list[int]
    overflow: list[int]


def make(path: Path, *, page_size: int = 1024, auto_vacuum: int = 0, rows: int = 120) -> None:
    """Make a database with tables of every kind, rows on overflow pages and a freelist."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}; PRAGMA auto_vacuum = {auto_vacuum}")
        with connection:
            for sql in _MADE:
                connection.execute(sql)
            for sql in _FILLED:
                connection.execute(f"{numbers.format(count=rows)} {sql}")
            for sql in _LONG:
                connection.execute(f"{numbers.format(count=min(page_size, 16384))} {sql}")


def pages_of(path: Path, table: str) -> Pages:
    """Return the pages of a table in key order."""
    found: dict[str, list[int]] = {"leaf": [], "internal": [], "overflow": []}
    with closing(apsw.Connection(str(path))) as connection:
        sql = "SELECT pagetype, pageno FROM dbstat WHERE name = ? ORDER BY path"
        for kind, pgno in connection.execute(sql, (table,)):
            found[kind].append(pgno)
    return Pages(found["leaf"], found["internal"], found["overflow"])


def rows_of(path: Path) -> dict[str, Table | None]:
    """Return the rows of each table as SQLite reads them, None for a table that it cannot read."""
    found: dict[str, Table | None] = {}
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("PRAGMA cell_size_check = OFF")
        connection.set_progress_handler(lambda: True, _MOST_STEPS)
        try:
            sql = "SELECT name FROM sqlite_schema WHERE type = 'table'"
            names = [name for (name,) in connection.execute(sql) if isinstance(name, str)]
        except (apsw.Error, UnicodeDecodeError):
            return {}
        for name in names:
            if not name.startswith(_PARTS_OF_OTHERS):
                found[name] = None
                with suppress(apsw.Error, UnicodeDecodeError, MemoryError):
                    found[name] = _read(connection, name)
    return found


def _read(connection: apsw.Connection, name: str) -> Table:
    columns = [quoted(row[1]) for row in connection.execute(f"PRAGMA table_info({quoted(name)})")]
    shown = ", ".join(
        f"typeof({one}), CASE typeof({one}) WHEN 'text' THEN CAST({one} AS BLOB) ELSE {one} END" for one in columns
    )
    sql = f"SELECT {shown} FROM {quoted(name)} NOT INDEXED LIMIT {MOST_ROWS}"
    return Counter(connection.execute(sql))


class Tagged:
    """A database with a snapshot of its state; `say` returns what snapstore reports on other bytes in its place."""

    def __init__(self, folder: Path, *, page_size: int = 1024, auto_vacuum: int = 0) -> None:
        self.path = folder / "db.sqlite3"
        make(self.path, page_size=page_size, auto_vacuum=auto_vacuum)
        self.bytes = self.path.read_bytes()
        self.page_size = page_size
        self.rows = rows_of(self.path)
        self.project = Project.of({"default": self.path})
        self.store = Store.create(folder / "store")
        self.snapshot = take(self.store, self.project, TakeOptions("baseline")).snapshot
        self.baseline = snapshot_state(self.store, self.snapshot, "baseline")

    def __enter__(self) -> Tagged:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    def page(self, pgno: int) -> bytearray:
        """Return a page as it was."""
        return bytearray(self.bytes[(pgno - 1) * self.page_size : pgno * self.page_size])

    def put(self, pgno: int, page: bytes | bytearray) -> None:
        """Damage a page."""
        with self.path.open("r+b") as file:
            file.seek((pgno - 1) * self.page_size)
            file.write(page)

    def heal(self) -> None:
        """Restore the file."""
        self.path.write_bytes(self.bytes)

    def verify(self) -> str:
        """Return the verdict."""
        return verify(self.store, self.project, VerifyOptions(self.baseline)).verdict

    def status(self) -> str:
        """Return the verdict."""
        return status(self.store, self.project).databases["default"].verdict

    def diff(self) -> dict[str, tuple[int, int, int]]:
        """Return how many rows were added, removed and changed, by table."""
        with diff(self.store, self.project, DiffOptions(self.baseline, live_state())) as found:
            counts = {table.name: table.counted() for one in found.databases for table in one.tables}
        return {name: (one.added, one.removed, one.changed) for name, one in counts.items() if one}

    def contradictions(self) -> list[str]:
        """Return the tables that SQLite reads to the end, but with other rows than before."""
        return [name for name, rows in rows_of(self.path).items() if rows is not None and rows != self.rows.get(name)]
