"""Pairs of states with hostile names, values and schema texts, from a seed.

What SQLite refuses is left out, so a statement may be anything.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import sqlean

from tests.support import connect

COMMAND = ".shell touch PWNED"
NAMES = (
    *("a", "B", "b c", "select", "END", "go", "/", "rowid", "main", "temp", "é", "😀", " ", "1", "?1", "$a", "#x"),
    *('x"y', "it's", "semi;colon", "new\nline", "cr\r\nlf", "tab\t", "[x]", "`x`", "-- c", "/*", "*/", "\x1b[2J"),
    *(COMMAND, f"\n{COMMAND}\n", f"x;\n{COMMAND}\n", f'"\ngo\n{COMMAND}\n', "snapstore_patch", "snapstore_kept"),
    *("VALUES (", ") SELECT 1", "EXISTS (SELECT 1 FROM temp.snapstore_patch)", "\u202edrow", "\r", "x" * 300),
)
TEXTS = (
    *("", "plain", "it's", "one\r\ntwo\r\n", "one\rtwo", "\n", "\n\n;\n", f"\n{COMMAND}\n", f"x\n.quit\n{COMMAND}"),
    *("go", "\ngo\n", "\n/\n", ";", "'; DROP TABLE a; --", "\x1b[2J\x07", "nul\0nul", "\0", "\u202e", "\u2028", "\x85"),
    *("\\n\n", "\\n\\r\\n1\n\r", "é😀", "12", "1e3", "0x1A", "CAST(X'00' AS TEXT)", "x" * 5000, "y\r\n" * 400, "NULL"),
)
_VALUES = (
    *("NULL", "0", "1", "-1", "9223372036854775807", "-9223372036854775808", "1.0", "0.0", "9e999", "-9e999", "1e300"),
    *("5e-324", "0.1", "x''", "x'00ff0d0a27'", "zeroblob(3000)", "CAST(x'ff' AS TEXT)", "CAST(x'eda080' AS TEXT)"),
    *("CAST(x'61000d0a' AS TEXT)", "randomblob(40)", "9007199254740993", "123456789012345678901234567890", "1e15"),
)
_SPACES = (
    *(" ", " ", " ", "\n", "\r\n", "\t", " /* x; y */ ", " -- c\n", " -- ;\n", f"\n-- ;\n/*\n{COMMAND}\n*/ "),
    *(" /*\ngo\n*/ ", "\n/* ' */\n", '\n-- "\n', "\f", "\n\n", f" /* ;\r\n{COMMAND}\r\n*/ "),
)
_ENDS = ("", "", "", " -- the end", " -- the end\n", " /* end */", " /* never closed", "\n", " ", "\r\n")
_SELECTS = (
    "SELECT 1",
    "SELECT\ngo\n.shell AS touch FROM go",
    "SELECT 1\n/\n2",
    "SELECT 1 AS a\ngo",
    "SELECT 'x;\n.shell touch PWNED\n'",
    "SELECT 1 -- ;\n, 2",
    "SELECT 1 FROM main\n.sqlite_schema",
    "SELECT '\r\n' AS cr",
    'SELECT 1 AS "\ngo\n.shell touch PWNED\n"',
    "VALUES ('\n.shell touch PWNED\n')",
)  # fmt: skip
_BODIES = (
    "SELECT 1",
    "DELETE FROM {table}",
    "INSERT INTO {table} DEFAULT VALUES;\n-- ; END;\n SELECT 1",
    "SELECT CASE WHEN 1 THEN 2 END",
    "SELECT ';\nEND;\n.shell touch PWNED\n'",
    "SELECT 1;\r\nSELECT 2",
)  # fmt: skip


class Hostile:
    """Makes up a database and changes it, with the choices of a seed."""

    def __init__(self, seed: int, path: Path) -> None:
        self._random = random.Random(seed)
        self._path = path

    def build(self) -> None:
        """Make tables with rows, indexes, views and triggers."""
        with closing(connect(self._path)) as connection:
            encoding = self._one("UTF-8", "UTF-8", "UTF-8", "UTF-16le", "UTF-16be")
            connection.execute(f"PRAGMA encoding = '{encoding}'")
            connection.execute("PRAGMA synchronous = OFF")
            for _ in range(self._random.randint(1, 3)):
                self._create_table(connection)
            for _ in range(self._random.randint(0, 6)):
                self._change(connection)

    def mutate(self) -> None:
        """Change rows and objects."""
        with closing(connect(self._path)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            for _ in range(self._random.randint(1, 8)):
                self._change(connection)

    def _one(self, *choices: str) -> str:
        return self._random.choice(choices)

    def _name(self) -> str:
        return _quoted(self._one(*NAMES))

    def _space(self) -> str:
        return self._one(*_SPACES)

    def _value(self) -> str:
        return self._one(*_VALUES) if self._random.random() < 0.4 else _literal(self._one(*TEXTS))

    def _run(self, connection: sqlean.Connection, sql: str) -> None:
        with suppress(sqlean.Error, sqlean.Warning, UnicodeError, ValueError):
            connection.execute(sql)

    def _tables(self, connection: sqlean.Connection) -> list[str]:
        sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite%'"
        return [name for (name,) in connection.execute(sql) if not name.lower().startswith("words")]

    def _columns(self, connection: sqlean.Connection, table: str) -> list[str]:
        sql = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0"
        return [name for (name,) in connection.execute(sql, (table,))]

    def _create_table(self, connection: sqlean.Connection) -> None:
        names = self._random.sample(NAMES, self._random.randint(1, 4))
        types = ("", " TEXT", " INTEGER", " REAL", " BLOB", " TEXT COLLATE NOCASE", " DEFAULT 'd\r\n'", " CHECK (1)")
        parts = [f"{_quoted(one)}{self._one(*types)}" for one in names]
        key = self._one("", "", "id", "auto", "text", "without")
        options = ""
        if key in ("id", "auto"):
            parts.insert(0, f"id INTEGER PRIMARY KEY{' AUTOINCREMENT' if key == 'auto' else ''}")
        elif key:
            parts.append(f"PRIMARY KEY ({_quoted(names[0])})")
            options = f"{self._space()}WITHOUT ROWID" if key == "without" else ""
        inner = f",{self._space()}".join(parts)
        end = self._one(*_ENDS)
        self._run(connection, f"CREATE TABLE{self._space()}{self._name()}{self._space()}({inner}){options}{end}")

    def _change(self, connection: sqlean.Connection) -> None:
        tables = self._tables(connection)
        if not tables:
            self._create_table(connection)
            return
        table = self._random.choice(tables)
        columns = self._columns(connection, table)
        kind = self._one(*["insert"] * 6, *["update"] * 3, *["delete"] * 2, *_OBJECTS)
        for sql in self._statements(kind, table, columns):
            self._run(connection, sql)
        if kind == "table":
            self._create_table(connection)

    def _statements(self, kind: str, table: str, columns: Sequence[str]) -> list[str]:
        of, column = _quoted(table), _quoted(self._random.choice(columns) if columns else "a")
        text, name, end, one = _literal(self._one(*TEXTS)), self._name(), self._one(*_ENDS), self._one
        named = f"{self._space()}{name}{self._space()}"
        values = ", ".join(self._value() for _ in columns)
        indexed = one(column, f"typeof({column})", f"typeof({column}) || {text}")
        body = one(*_BODIES).format(table=of)
        fires = f"AFTER {one('INSERT', 'DELETE', 'UPDATE')} ON{self._space()}{of}{self._space()}"
        made: dict[str, list[str]] = {
            "insert": [f"INSERT INTO {of}({', '.join(map(_quoted, columns))}) VALUES ({values})"],
            "update": [f"UPDATE {of} SET {column} = {self._value()} WHERE rowid % 2"],
            "delete": [f"DELETE FROM {of} WHERE rowid % 3 = 0"],
            "index": [f"CREATE{one(' ', ' UNIQUE ')}INDEX{named}ON{self._space()}{of}({indexed}){end}"],
            "view": [f"CREATE VIEW{named}AS{self._space()}{one(*_SELECTS)}{end}"],
            "trigger": [f"CREATE TRIGGER{named}{fires}BEGIN{self._space()}{body};{self._space()}END{end}"],
            "rename": [f"ALTER TABLE {of} RENAME TO {name}"],
            "case": [
                f"ALTER TABLE {of} RENAME TO passing",
                f"ALTER TABLE passing RENAME TO {_quoted(table.swapcase())}",
            ],
            "column": [f"ALTER TABLE {of} ADD COLUMN {name} DEFAULT {self._value()}"],
            "rename column": [f"ALTER TABLE {of} RENAME COLUMN {column} TO {name}"],
            "drop": [f"DROP {one('TABLE', 'VIEW', 'INDEX', 'TRIGGER')} {one(of, name)}"],
            "words": ["CREATE VIRTUAL TABLE words USING fts5(x)", f"INSERT INTO words VALUES ({text})"],
            "setting": [f"PRAGMA {one('user_version', 'application_id')} = {self._random.randint(-9, 9)}"],
            "table": [],
        }
        return made[kind]


_OBJECTS = (
    *("index", "view", "view", "trigger", "trigger", "rename", "case", "column", "rename column", "drop", "words"),
    *("setting", "table"),
)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    if "\0" in text:
        return f"CAST(x'{text.encode().hex()}' AS TEXT)"
    return "'" + text.replace("'", "''") + "'"
