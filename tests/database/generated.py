"""Databases that hypothesis makes up: schemas, rows, and what applications do to them.

A `Generator` draws one statement after the other and runs it as an application would that has a collation
and a function of its own. What a statement may name is read from the database it has made so far, and a
statement that SQLite refuses changes nothing. `script` is what was run.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apsw
from hypothesis import strategies as st

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[T]], T]

ENCODINGS = {"UTF-8": "utf-8", "UTF-16le": "utf-16-le", "UTF-16be": "utf-16-be"}
PAGE_SIZES = (512, 512, 1024, 4096, 8192, 65536)
ROWIDS = ("rowid", "_rowid_", "oid")
_TABLES = ("t", "u", "É", "é", 'w "x"')
_NAMES = ("a", "B", "c d", "e", "select", "rowid", "É", "é", "oid")
_NEW_NAMES = ("f", "g", "a", "É", "é", "new one")
_OWN_NAME = "own"  # the only column with the application's collation, whose values are valid text
_TYPES = ("", "INTEGER", "INT", "TEXT", "BLOB", "REAL", "NUMERIC", "FLOATING POINT", "DOUBLE", "VARCHAR(9)", "ANY")
_STRICT_TYPES = ("INTEGER", "INT", "TEXT", "BLOB", "REAL", "ANY")
_COLLATIONS = ("", "", " COLLATE NOCASE", " COLLATE RTRIM")
_COUNTS = (1, 1, 1, 2, 5, 30, 90)
_LENGTHS = (45, 60, 120, 250, 520, 1100, 2100, 9000)
_INTEGERS = (0, 1, -1, 2, 127, 128, -129, 40000, 1 << 23, 1 << 31, -(1 << 40), 1 << 47, 1 << 53, (1 << 63) - 1)
_REALS = ("0.0", "1.0", "-1.5", "9e999", "-9e999", "1e300", "5e-324", "(0.0 * -1)", "9007199254740993.0", "1e15")
_PATTERNS = (
    *("i", "i % 5", "-i * 1000003", "i / 2.0", "i * 1.0", "i * 4611686018427387", "'k' || i", "char(65 + i % 2 * 32)"),
    *("zeroblob(i % 9 * 37)", "printf('%.*c', i % 5 * 300, 'z')", "printf('%.*c', 900 + i % 2, 'y')", "'a' || (i % 2)"),
    *("printf('%.*c%d', 700, 'k', i)", "substr('  ', 1, i % 3)", "CAST(i AS TEXT) || CAST(x'0000' AS TEXT)"),
)
_DEFAULTS = ("5", "-1.5", "'text'", "'12'", "'1e3'", "x'00ff'", "word", "TRUE", "9223372036854775808", "'😀'", "NULL")
_NEW_ROWIDS = (
    "i",
    "-i",
    "i * 7 - 50",
    "9223372036854775807 - i",
    "-9223372036854775807 - 2 + i",
    "i + 1000",
    "i << 40",
)


class Column(NamedTuple):
    """A column of the database."""

    name: str
    declared: str
    key_place: int
    is_generated: bool


class Table(NamedTuple):
    """A table of the database."""

    name: str
    columns: list[Column]
    without_rowid: bool
    is_strict: bool

    @property
    def row(self) -> str:
        """The columns that distinguish rows."""
        taken = {column.name for column in self.columns}
        keys = [column for column in self.columns if column.key_place] if self.without_rowid else []
        return ", ".join(quoted(key.name) for key in keys) or next(name for name in ROWIDS if name not in taken)


def quoted(name: str) -> str:
    """Return a name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def _own(*values: Any) -> str:
    return f"{values[0]}!"


def opened(path: Path) -> Any:
    """Return a connection with the collation and the function that the application has."""
    connection = apsw.Connection(str(path))
    connection.create_collation("own", lambda one, other: (one[::-1] > other[::-1]) - (one[::-1] < other[::-1]))
    connection.create_scalar_function("own", _own, 1, deterministic=True)
    return connection


def values(encoding: str, *, is_valid: bool = False, patterns: bool = True) -> st.SearchStrategy[str]:
    """Return values as SQL; text in an encoding, valid or of any bytes."""
    codec = ENCODINGS[encoding]
    text = st.text(st.sampled_from("aAbB '\0é€😀ß"), max_size=6).map(lambda text: text.encode(codec))
    long = st.builds(
        "replace(hex(zeroblob({})), '0', '{}')".format, st.sampled_from(_LENGTHS), st.sampled_from("xyé😀")
    )
    plain = [
        st.just("NULL"),
        st.sampled_from(_INTEGERS).map(str),
        st.integers(-(1 << 63), (1 << 63) - 1).map(str),
        st.sampled_from(_REALS),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        text.map(_as_text),
        *([long, st.sampled_from(_PATTERNS)] if patterns else []),
    ]
    surrogates = st.sampled_from([one.encode(codec, "surrogatepass") for one in ("\ud800", "a\udfff", "\udc80b")])
    raw = [st.binary(max_size=9).map(_as_text), surrogates.map(_as_text), st.binary(max_size=9).map(_as_blob)]
    return st.one_of(plain if is_valid else [*plain, *raw, long.map("CAST({} AS BLOB)".format)])


def _as_blob(data: bytes) -> str:
    return f"x'{data.hex()}'"


def _as_text(data: bytes) -> str:
    return f"CAST({_as_blob(data)} AS TEXT)"


class Generator:
    """Makes up a database at `path`; a plain one is such that all programs can tell what changed in it.

    It has tables with an INTEGER PRIMARY KEY and text in UTF-8, and its schema stays as it is.
    """

    def __init__(self, draw: Draw[Any], path: Path, *, is_plain: bool = False) -> None:
        self._draw = draw
        self._is_plain = is_plain
        self.script: list[str] = []
        self.refused = 0
        self.encoding: str = "UTF-8" if is_plain else self._one(*ENCODINGS)
        constants = values(self.encoding, is_valid=True, patterns=False)
        self._any, self._valid = values(self.encoding), values(self.encoding, is_valid=True)
        self._defaults = st.one_of(st.sampled_from(_DEFAULTS), constants.map("({})".format))
        self.connection = opened(path)
        self._run(f"PRAGMA encoding = '{self.encoding}'")
        self._run(f"PRAGMA page_size = {self._one(*PAGE_SIZES)}")
        self._run(f"PRAGMA auto_vacuum = {self._one(0, 1, 2)}")
        self._run("PRAGMA synchronous = OFF")
        self._run(f"PRAGMA secure_delete = {self._one(0, 0, 1)}")
        self._run(f"PRAGMA cache_size = {self._one(-2000, -2000, 3)}")

    def build(self) -> None:
        """Make tables with rows."""
        for name in self._draw(st.lists(st.sampled_from(_TABLES), min_size=1, max_size=3, unique=True)):
            self._create(name)
        if not self._is_plain and self._one(*[False] * 7, True):
            self._run("CREATE VIRTUAL TABLE words USING fts5(word)")
        for table in self.tables():
            for _ in range(self._one(1, 2, 3)):
                self._insert(table)
            if self._one(False, False, True):
                self._create_index(table)
        self._end()

    def mutate(self) -> None:
        """Do what applications do."""
        for _ in range(self._one(1, 2, 4, 8, 12)):
            tables = self.tables()
            if not self._is_plain and (not tables or self._one(*[False] * 20, True)):
                self._create(self._one(*_TABLES))
            else:
                mutations = self._ROW_MUTATIONS if self._is_plain else self._MUTATIONS
                self._one(*mutations)(self, self._one(*tables))
        self._end()

    def tables(self) -> list[Table]:
        """Return the tables."""
        sql = "SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name"
        found = [row for row in self.connection.execute(sql) if not row[0].startswith("sqlite_")]
        return [Table(name, self._columns(name), bool(wr), bool(strict)) for name, wr, strict in found]

    def _columns(self, table: str) -> list[Column]:
        sql = "SELECT name, type, pk, hidden > 1 FROM pragma_table_xinfo(?)"
        return [Column(*row) for row in self.connection.execute(sql, (table,))]

    def _one(self, *choices: T) -> T:
        chosen: T = self._draw(st.sampled_from(choices))
        return chosen

    def _run(self, sql: str) -> bool:
        self.script.append(f"{sql};")
        try:
            self.connection.execute(sql).fetchall()
        except apsw.Error:
            self.script[-1] = f"-- refused: {sql};"
            self.refused += 1
            return False
        return True

    def _end(self) -> None:
        if self.connection.in_transaction:
            self._run("COMMIT")

    def _value(self, column: Column, *, strict: bool) -> str:
        value: str = self._draw(self._valid if column.name == _OWN_NAME else self._any)
        return f"CAST({value} AS {column.declared})" if strict and column.declared != "ANY" else value

    # -- the schema

    def _create(self, name: str) -> None:
        names = self._draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4, unique=True))
        if not self._is_plain and self._one(False, False, True):
            names.insert(self._one(0, len(names)), _OWN_NAME)
        strict = self._one(False, False, False, True)
        parts = [self._column(one, strict=strict) for one in names]
        generated = None if self._is_plain else self._one(*[None] * 4, "STORED", "VIRTUAL")
        if generated:
            expression = self._one("own(typeof({0}))", "length({0})", "{0}", "rowid + 1").format(quoted(names[0]))
            part = f'"gen" {self._one("TEXT", "REAL", "ANY")} AS ({expression}) {generated}'
            parts.insert(self._one(0, len(parts)), part)
        options = ["STRICT"] if strict else []
        kind = (
            "alias"
            if self._is_plain
            else self._one("plain", "alias", "autoincrement", "desc", "unique", "without rowid", "without rowid")
        )
        if kind == "without rowid":
            keys = self._draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
            orders = [self._collation(key) + self._one("", " DESC") for key in keys]
            parts.append(f"PRIMARY KEY ({', '.join(quoted(k) + o for k, o in zip(keys, orders, strict=True))})")
            options.append("WITHOUT ROWID")
        elif kind == "unique":
            parts.append(f"PRIMARY KEY ({quoted(names[-1])})")
        elif kind != "plain":
            order = {"alias": "", "autoincrement": " AUTOINCREMENT", "desc": " DESC"}[kind]
            parts.insert(self._one(0, len(parts)), f'"id" INTEGER PRIMARY KEY{order}')
            if not self._is_plain and self._one(False, False, True):
                parts.append(f"CHECK (own(typeof({quoted(names[0])})) <> 'x')")
        parts.sort(key=lambda part: part.startswith(("CHECK", "PRIMARY KEY")))
        self._run(f"CREATE TABLE {quoted(name)} ({', '.join(parts)}) {', '.join(options)}")

    def _column(self, name: str, *, strict: bool) -> str:
        declared = self._one(*(_STRICT_TYPES if strict else _TYPES))
        default = f" DEFAULT {self._draw(self._defaults)}" if self._one(False, False, True) else ""
        return f"{quoted(name)} {declared}{self._collation(name)}{default}"

    def _collation(self, name: str) -> str:
        return " COLLATE own" if name == _OWN_NAME else self._one(*_COLLATIONS)

    def _create_index(self, table: Table) -> None:
        column = quoted(self._one(*table.columns).name)
        what = self._one(column, f"{column} DESC", f"own(typeof({column}))", f"length({column}), {column}")
        where = self._one("", "", f" WHERE {column} > 5", f" WHERE {column} IS NOT NULL")
        name = quoted(f"{self._one('i', 'j')} on {table.name}")
        self._run(f"CREATE INDEX {name} ON {quoted(table.name)}({what}){where}")

    def _drop_index(self, table: Table) -> None:
        self._run(f"DROP INDEX IF EXISTS {quoted(f'i on {table.name}')}")

    def _add_column(self, table: Table) -> None:
        name = self._one(*_NEW_NAMES, _OWN_NAME)
        part = self._column(name, strict=table.is_strict)
        self._run(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {part}")

    def _rename_column(self, table: Table) -> None:
        column = self._one(*table.columns).name
        if column != _OWN_NAME:
            self._run(
                f"ALTER TABLE {quoted(table.name)} RENAME COLUMN {quoted(column)} TO {quoted(self._one(*_NEW_NAMES))}"
            )

    def _drop_column(self, table: Table) -> None:
        self._run(f"ALTER TABLE {quoted(table.name)} DROP COLUMN {quoted(self._one(*table.columns).name)}")

    def _rename_table(self, table: Table) -> None:
        self._run(f"ALTER TABLE {quoted(table.name)} RENAME TO {quoted(self._one(*_TABLES))}")

    def _drop_table(self, table: Table) -> None:
        self._run(f"DROP TABLE {quoted(table.name)}")

    def _recreate(self, table: Table) -> None:
        """Drop a table and create it again, the same or another one, with its rows or without."""
        schema = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
        sql = self.connection.execute(schema, (table.name,)).fetchone()[0]
        self._keep(table)
        self._run(f"DROP TABLE {quoted(table.name)}")
        self._run(sql) if self._one(True, False) else self._create(table.name)
        if self._one(True, True, False):
            self._put_back(next((one for one in self.tables() if one.name == table.name), None))

    # -- rows

    def _insert(self, table: Table) -> None:
        count = self._one(*_COUNTS)
        columns = [column for column in table.columns if not column.is_generated and self._one(*[True] * 5, False)]
        names = [quoted(column.name) for column in columns]
        parts = [self._value(column, strict=table.is_strict) for column in columns]
        if not table.without_rowid and self._one(False, False, True):
            names, parts = [*names, table.row], [*parts, self._one(*_NEW_ROWIDS)]
        into = f"INSERT OR {self._one('IGNORE', 'IGNORE', 'REPLACE', 'ABORT')} INTO {quoted(table.name)}"
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        rows = f"{numbers} SELECT {', '.join(parts)} FROM n"
        self._run(f"{into}({', '.join(names)}) {rows}" if names else f"{into} DEFAULT VALUES")

    def _some(self, table: Table) -> str:
        name, row = quoted(table.name), table.row
        count, first = self._one(1, 1, 2, 20), self._one(0, 0, 1, 7, 50)
        some = f"({row}) IN (SELECT {row} FROM {name} LIMIT {count} OFFSET {first})"
        return self._one(some, some, some, "1", "1") if table.without_rowid else self._one(some, some, f"{row} % 3 = 1")

    def _update(self, table: Table) -> None:
        columns = [column for column in table.columns if not column.is_generated]
        column = self._one(*columns)
        value = f"(SELECT {self._value(column, strict=table.is_strict)} FROM (SELECT 7 AS i))"
        change = f"UPDATE OR IGNORE {quoted(table.name)} SET {quoted(column.name)} = {value}"
        self._run(f"{change} WHERE {self._some(table)}")

    def _update_tail(self, table: Table) -> None:
        """Change only the end of values, which may lie entirely on an overflow page."""
        name = quoted(self._one(*[column for column in table.columns if not column.is_generated]).name)
        kept = f"substr({name}, 1, length({name}) - 1)"
        tail = self._one("'q'", "'é'")
        new = f"CASE typeof({name}) WHEN 'blob' THEN CAST({kept} || {tail} AS BLOB) ELSE {kept} || {tail} END"
        self._run(f"UPDATE OR IGNORE {quoted(table.name)} SET {name} = {new} WHERE length({name}) > 30")

    def _renumber(self, table: Table) -> None:
        if not table.without_rowid:
            by = self._one("- 1000", "+ 5000", "* -1")
            self._run(f"UPDATE OR IGNORE {quoted(table.name)} SET {table.row} = {table.row} {by}")

    def _delete(self, table: Table) -> None:
        self._run(f"DELETE FROM {quoted(table.name)} WHERE {self._some(table)}")

    def _delete_all(self, table: Table) -> None:
        self._run(f"DELETE FROM {quoted(table.name)}")

    def _insert_again(self, table: Table) -> None:
        """Delete rows and insert them again, in another order, with their rowids or without."""
        self._keep(table)
        self._run(f"DELETE FROM {quoted(table.name)}")
        self._put_back(table)

    def _keep(self, table: Table) -> None:
        names = [quoted(column.name) for column in table.columns if not column.is_generated]
        rowid = [] if table.without_rowid else [f'{table.row} AS "kept rowid"']
        self._run("DROP TABLE IF EXISTS temp.kept")
        self._run(f"CREATE TEMP TABLE kept AS SELECT {', '.join([*names, *rowid])} FROM {quoted(table.name)}")

    def _put_back(self, table: Table | None) -> None:
        if table is None:
            return
        kept = {row[0] for row in self.connection.execute("SELECT name FROM pragma_table_info('kept', 'temp')")}
        names = [quoted(one.name) for one in table.columns if not one.is_generated and one.name in kept]
        rowid = "kept rowid" in kept and not table.without_rowid and self._one(True, False)
        into, source = ([*names, table.row], [*names, '"kept rowid"']) if rowid else (names, names)
        order = self._one("", " ORDER BY 1", " ORDER BY -_rowid_", " LIMIT 3")
        sql = f"INSERT OR IGNORE INTO {quoted(table.name)}({', '.join(into)}) SELECT {', '.join(source)} FROM temp.kept"
        self._run(sql + order)

    def _insert_and_delete(self, table: Table) -> None:
        self._keep(table)
        self._insert(table)
        same = " AND ".join(f"{name} IS kept.{name}" for name in table.row.split(", ")) if table.without_rowid else ""
        found = same or f'{quoted(table.name)}.{table.row} = "kept rowid"'
        self._run(f"DELETE FROM {quoted(table.name)} WHERE NOT EXISTS (SELECT 1 FROM temp.kept WHERE {found})")

    # -- the file

    def _begin(self, _: Table) -> None:
        self._run("COMMIT" if self.connection.in_transaction else "BEGIN")

    def _vacuum(self, _: Table) -> None:
        if self._one(False, False, True):
            self._run(f"PRAGMA auto_vacuum = {self._one(0, 1, 2)}")
            self._run(f"PRAGMA page_size = {self._one(*PAGE_SIZES)}")
        self._run("VACUUM")

    def _maintain(self, _: Table) -> None:
        numbers = "PRAGMA user_version = 7", "PRAGMA application_id = 8"
        self._run(self._one("REINDEX", "ANALYZE", "PRAGMA incremental_vacuum(2)", *numbers))

    def _insert_words(self, _: Table) -> None:
        with suppress(apsw.Error):
            self._run("INSERT INTO words VALUES ('some words')")

    _ROW_MUTATIONS: tuple[Callable[[Generator, Table], None], ...] = (
        *(_insert, _insert, _update, _update, _update, _update_tail, _update_tail, _delete, _delete, _delete_all),
        *(_insert_again, _insert_and_delete, _renumber, _begin, _begin, _vacuum, _maintain),
    )
    _MUTATIONS = (
        *(*_ROW_MUTATIONS, _insert_words, _create_index, _drop_index, _add_column, _add_column, _rename_column),
        *(_drop_column, _rename_table, _drop_table, _recreate, _recreate),
    )
