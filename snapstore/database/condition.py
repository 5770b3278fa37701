"""A condition in SQL on one row, which SQLite itself decides.

The condition becomes a generated column of a table in memory, with the columns of the row, their affinities and their
collations. SQLite lets such a column depend on the row alone: no subquery, no other table, no parameter, nothing that
changes by itself, such as random() or 'now' (sqlite.org/gencol.html, 2). Only functions are accepted whose work grows
with their values and no faster, and that change nothing. So a condition ends, whatever a row holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, islice
from typing import Any

import apsw

from snapstore.database.identifiers import folded
from snapstore.database.literals import name
from snapstore.database.record import Value, is_valid_text, text_bytes
from snapstore.database.tables import BINARY, Column
from snapstore.errors import SqlFailed

MOST_CHARACTERS = 10_000
MOST_NAMES = 1_000
_MOST_PATTERN_BYTES = 1_000  # of LIKE and GLOB, whose work grows with the pattern times the value
_TOKEN = re.compile(
    r"""(?P<string>'(?:[^']|'')*') | "(?P<double>(?:[^"]|"")+)" | `(?P<back>(?:[^`]|``)+)` | \[(?P<square>[^]]+)\]
      | (?P<comment>--[^\n]*|/\*.*?(?:\*/|$)) | (?P<number>\d[\w.]*) | (?P<word>[^\W\d][\w$]*) | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING = ("'", '"', "`", "[")
_QUOTED = (("double", '""', '"'), ("back", "``", "`"), ("square", "]]", "]"), ("word", "]]", "]"))
FUNCTIONS = frozenset(
    [
        "->",
        "->>",
        "abs",
        "coalesce",
        "date",
        "datetime",
        "glob",
        "ifnull",
        "iif",
        "json_array_length",
        "json_extract",
        "json_type",
        "json_valid",
        "julianday",
        "length",
        "like",
        "likelihood",
        "likely",
        "lower",
        "max",
        "min",
        "nullif",
        "octet_length",
        "round",
        "sign",
        "strftime",
        "substr",
        "substring",
        "time",
        "typeof",
        "unicode",
        "unixepoch",
        "unlikely",
        "upper",
    ]
)
_BUILT_IN = ("binary", "nocase", "rtrim")
_FUNCTION = 31  # an action code (sqlite.org/c3ref/c_alter_table.html)
_OF_COLUMNS = re.compile(r" in (?:a )?generated columns?$")


class Condition:
    """A condition, ready to decide on rows with some columns, in an encoding.

    `collations` are those of the columns, by name. Raises SqlFailed.
    """

    def __init__(self, text: str, columns: Sequence[Column], collations: Mapping[str, str], encoding: str) -> None:
        self._encoding = encoding
        names = names_in(text)
        self._used = [number for number, column in enumerate(columns) if folded(column.name) in names]
        used = [columns[number] for number in self._used]
        self._connection = _connection()
        _run(self._connection, f"PRAGMA encoding = '{encoding.replace('-le', 'le').replace('-be', 'be')}'")
        declared = [_declared(column, collations.get(column.name, BINARY)) for column in used]
        self._made = _Made(text, declared, names)
        _run(self._connection, self._made.statement)
        _run(self._connection, "BEGIN")  # once, not for every row
        self._into = [name(column.name) for column in used]

    def holds(self, row: Sequence[Value]) -> bool:
        """Tell whether the condition is true for a row, which has the values of all columns. Raises SqlFailed."""
        values = [row[number] for number in self._used]
        places = ["CAST(? AS TEXT)" if _is_invalid(value) else "?" for value in values]
        bound = [text_bytes(str(one), self._encoding) if _is_invalid(one) else one for one in values]
        return self._made.decide(self._connection, self._into, places, bound)


def check(text: str) -> None:
    """Check a condition as far as that is possible without its table: any name may be one of a column.

    Raises SqlFailed.
    """
    if len(text) > MOST_CHARACTERS:
        raise SqlFailed(f"it is longer than {MOST_CHARACTERS:,} characters")
    _check_brackets(text)
    names = names_in(text)
    if len(names) > MOST_NAMES:
        raise SqlFailed(f"it has more than {MOST_NAMES:,} names")
    functions: set[str] = set()
    connection = _connection()
    connection.authorizer = lambda action, _first, second, *_: _noted(functions, action, second)
    made = _Made(text, map(name, names), names)
    _run(connection, made.statement)
    for one in sorted(functions - FUNCTIONS):
        raise SqlFailed(f"function {one}() is not accepted")
    made.decide(connection, [], [], [])


def names_in(text: str) -> set[str]:
    """Return everything in a condition that may name a column, folded."""
    found: set[str] = set()
    for token in _TOKEN.finditer(text):
        quoted = (token[kind].replace(twice, once) for kind, twice, once in _QUOTED if token[kind])
        found.update(map(folded, quoted))
    return found


class _Made:
    """A table with one generated column, the condition, and some columns to choose from."""

    def __init__(self, text: str, columns: Iterable[str], names: set[str]) -> None:
        self._verdict, self._other = islice((one for one in map("c{}".format, count()) if one not in names), 2)
        # As a condition of CASE, AND and OR stop at the first side that decides. As values they look at both.
        parts = [self._other, *columns, f"{self._verdict} AS (CASE WHEN (\n{text}\n) THEN 1 ELSE 0 END)"]
        self.statement = f"CREATE TABLE row({', '.join(parts)})"

    def decide(
        self, connection: apsw.Connection, columns: list[str], places: list[str], values: Sequence[Value]
    ) -> bool:
        """Tell whether the condition is true for a row with values in some columns. Raises SqlFailed."""
        _run(connection, "DELETE FROM row")
        into, given = (", ".join(parts) for parts in ([self._other, *columns], ["NULL", *places]))
        rows = _run(connection, f"INSERT INTO row({into}) VALUES ({given}) RETURNING {self._verdict}", values)
        return bool(rows[0][0])


def _check_brackets(text: str) -> None:
    """Check that a condition stays within the brackets that it is put in. Raises SqlFailed."""
    depth, is_empty = 0, True
    for token in _TOKEN.finditer(text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth < 0 or token[0] == ";":
            raise SqlFailed(f"near '{token[0]}': syntax error")
        if token["other"] in _OPENING:
            raise SqlFailed(f"nothing ends the quote {token[0]}")
        is_empty = is_empty and (token["comment"] is not None or token[0].isspace())
    if is_empty:
        raise SqlFailed("it is empty")


def _is_invalid(value: Value) -> bool:
    return isinstance(value, str) and not is_valid_text(value)


def _declared(column: Column, collation: str) -> str:
    return f"{name(column.name)} {column.affinity} COLLATE {name(collation)}"


def _connection() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)  # text in double quotes is a name, and nothing else
    connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    connection.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, _MOST_PATTERN_BYTES)
    connection.collation_needed(_stand_in)
    return connection


def _stand_in(connection: apsw.Connection, collation: str) -> None:
    """Register a collation that only the application has: a column may have it as long as nothing compares with it."""
    if folded(collation) in _BUILT_IN:  # asked for once more in UTF-16
        return

    def refuse(_one: str, _other: str) -> int:
        raise SqlFailed(f"no such collation sequence: {collation}")

    connection.create_collation(collation, refuse)


def _noted(functions: set[str], action: int, function: str | None) -> int:
    if action == _FUNCTION and function is not None:
        functions.add(folded(function))
    return int(apsw.SQLITE_OK)


def _run(connection: apsw.Connection, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
    try:
        return list(connection.execute(sql, values))
    except apsw.Error as error:
        raise SqlFailed(_OF_COLUMNS.sub("", str(error))) from error
