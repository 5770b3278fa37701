"""Read a patch: its statements, each of a kind that patch_script.py writes.

Anybody may have written the text. A statement of any other form is refused: each has to match the whole form of its
kind, with names, literals and numbers in the places where the writer puts them. A statement of the schema has to be
one that creates one object. patch_guard.py decides what each kind may do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from snapstore.database.sql_text import Splitter, TextRefused, created, unquoted
from snapstore.errors import PatchRefused
from snapstore.results.rows import Counts

ENCODING, GUARD, BEGIN, CHECK, ROW, SAVE, OBJECT, TABLE, SETTING, BREAKS, END, COMMIT, DONE = (
    *("encoding", "guard", "begin", "check", "row", "save", "object", "table", "setting", "breaks"),
    *("end", "commit", "done"),
)
MOST_CHARACTERS = 2_000_000_000  # of a statement, twice what SQLite takes: a value of its largest size in hex

_NAME = r'"[^"\0]*(?:""[^"\0]*)*"'
_TEXT = r"'[^'\0]*(?:''[^'\0]*)*'"
_HEX = r"X'[0-9a-f]*'"
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_LITERAL = (
    rf"(?:NULL|{_TEXT}|{_HEX}|CAST\({_HEX} AS TEXT\)|CAST\(-?\d+ AS REAL\)(?:[*/]\d+\.0)*|{_NUMBER}"
    rf"|replace\(replace\({_TEXT}, {_TEXT}, char\(13\)\), {_TEXT}, char\(10\)\)"
    rf"|replace\({_TEXT}, {_TEXT}, char\((?:10|13)\)\))"
)
_ROWID = rf"CASE WHEN EXISTS \(SELECT 1 FROM {_NAME} WHERE {_NAME} = -?\d+\) THEN NULL ELSE -?\d+ END"
_HELPER = r"temp\.(?P<helper>snapstore_patch(?:_\d+)?)"
_HERE = r"temp\.(?P=helper)"
_KEPT = r"snapstore_kept(?:_\d+)?"
_NAMES = rf"{_NAME}(?:, {_NAME})*"
_SIZE = rf"length\(CAST\({_NAME} AS BLOB\)\) = \d+"
_CONDITION = rf"(?:{_NAME} = {_LITERAL}(?: COLLATE {_NAME})?|\+{_NAME} COLLATE BINARY IS {_LITERAL}|{_SIZE})"
_CONDITIONS = rf"{_CONDITION}(?: AND {_CONDITION})*"
_GUARDED = r" AND EXISTS \(SELECT 1 FROM temp\.snapstore_patch(?:_\d+)?\)"
_MASTER = r"main\.sqlite_master"
_OBJECT = rf"type = '\w+' AND name = {_LITERAL}"
_PASSED = rf"UPDATE {_HELPER} SET passed = passed \+ 1 WHERE"
_SET = rf"{_NAME} = {_LITERAL}(?:, {_NAME} = {_LITERAL})*"
_KEPT_VALUES = rf"(?:c\d+|{_LITERAL})(?:, (?:c\d+|{_LITERAL}))*"
_VALUES = rf"(?:{_LITERAL}|{_ROWID})(?:, {_LITERAL})*"
_SETTING = r"(?P<pragma>foreign_keys|user_version|application_id)"
_SEQUENCE = rf"FROM sqlite_sequence WHERE name = {_LITERAL}"
_SET_TO = rf"(?: AND EXISTS \(SELECT 1 {_SEQUENCE} AND seq IS {_LITERAL}\))*"
_ENDED = r"WHEN NEW\.passed <> 0 BEGIN SELECT RAISE\(ROLLBACK, '[^'\0]*(?:''[^'\0]*)*'\); END"

_FORMS: tuple[tuple[str, str], ...] = (
    (ROW, rf"INSERT INTO (?P<added>{_NAME})\({_NAMES}\) SELECT {_VALUES} FROM {_HELPER}"),
    (ROW, rf"DELETE FROM (?P<removed>{_NAME}) WHERE {_CONDITIONS}{_GUARDED}"),
    (ROW, rf"UPDATE (?P<changed>{_NAME}) SET {_SET} WHERE {_CONDITIONS}{_GUARDED}"),
    (SAVE, r"SAVEPOINT snapstore"),
    (CHECK, rf"UPDATE {_HELPER} SET changes = total_changes\(\)"),
    (CHECK, rf"{_PASSED} total_changes\(\) - changes = \d+"),
    (CHECK, rf"{_PASSED} \(SELECT count\(\*\) {_SEQUENCE}\) = \d+{_SET_TO}"),
    (CHECK, rf"{_PASSED} length\('\r\n'\) = 2"),
    (CHECK, rf"{_PASSED} EXISTS \(SELECT 1 FROM {_MASTER} WHERE {_OBJECT} AND sql = {_LITERAL}\)"),
    (CHECK, rf"{_PASSED} NOT EXISTS \(SELECT 1 FROM {_MASTER} WHERE {_OBJECT}\)"),
    (CHECK, rf"{_PASSED} \(SELECT count\(\*\) FROM {_NAME}\) = \(SELECT count\(\*\) FROM temp\.{_KEPT}\)"),
    (CHECK, rf"{_PASSED} \(SELECT {_SETTING} FROM pragma_(?P=pragma)\) = -?\d+"),
    (TABLE, rf"CREATE TEMP TABLE {_KEPT} AS SELECT {_NAME} AS c\d+(?:, {_NAME} AS c\d+)* FROM (?P<table>{_NAME})"),
    (TABLE, rf"INSERT INTO (?P<table>{_NAME})\({_NAMES}\) SELECT {_KEPT_VALUES} FROM temp\.{_KEPT}"),
    (TABLE, rf"DROP TABLE temp\.{_KEPT}"),
    (TABLE, rf"DELETE FROM (?P<table>{_NAME})"),
    (TABLE, rf"DELETE FROM sqlite_sequence WHERE name = {_LITERAL}"),
    (TABLE, rf"INSERT INTO sqlite_sequence\(name, seq\) SELECT {_LITERAL}, {_LITERAL}"),
    (OBJECT, rf"DROP (?:TABLE|VIEW|INDEX|TRIGGER) {_NAME}"),
    (SETTING, r"PRAGMA (?:user_version|application_id) = -?\d+"),
    (BREAKS, r"PRAGMA writable_schema = (?:ON|RESET)"),
    (BREAKS, rf"UPDATE {_MASTER} SET sql = {_LITERAL} WHERE {_OBJECT} AND sql = {_LITERAL}"),
    (ENCODING, r"PRAGMA encoding = 'utf-(?:8|16le|16be)'"),
    (GUARD, rf"DROP TABLE IF EXISTS {_HELPER}"),
    (GUARD, r"CREATE TEMP TABLE snapstore_patch(?:_\d+)?\(passed INTEGER, changes INTEGER\)"),
    (GUARD, rf"CREATE TEMP TRIGGER (?P<of>snapstore_patch(?:_\d+)?)_end BEFORE INSERT ON (?P=of) {_ENDED}"),
    (BEGIN, r"BEGIN"),
    (SETTING, r"PRAGMA defer_foreign_keys = ON"),
    (CHECK, rf"INSERT INTO {_HELPER} VALUES \(0, 0\)"),
    (END, rf"INSERT INTO {_HELPER} SELECT coalesce\(max\(passed\), -1\) - \d+, 0 FROM {_HERE}"),
    (COMMIT, r"COMMIT"),
    (DONE, rf"DROP TABLE {_HELPER}"),
)  # fmt: skip
_PREAMBLE = (ENCODING, GUARD)


class Statement(NamedTuple):
    """A statement: its kind, its text without the semicolon, the line it begins on, the table whose rows it changes.

    `change` is added, removed or changed for a statement on one row.
    """

    kind: str
    sql: str
    line: int
    table: str = ""
    change: str = ""

    @property
    def counts(self) -> Counts:
        """The rows that it changes."""
        return Counts(**{self.change: 1}) if self.change else Counts()


class Header(NamedTuple):
    """What the comments before the first statement say: the database's name, and the content id it starts from."""

    database: str | None = None
    state: str | None = None


def header(lines: Iterable[str]) -> Header:
    """Return what the comments at the top say."""
    found: dict[str, str] = {}
    for line in lines:
        if not line.startswith("--"):
            break
        name, _, value = line.removeprefix("--").strip().partition(": ")
        found.setdefault(name, value)
    return Header(found.get("database"), found.get("state"))


def statements(lines: Iterable[str]) -> Iterator[Statement]:
    """Yield the statements of a patch. Raises PatchRefused for anything else, and for one that is cut off."""
    last = ""
    for statement in _classified(lines):
        _check_order(statement, last)
        last = statement.kind
        yield statement
    if last not in ("", DONE):
        raise PatchRefused("it is cut off")


def _check_order(statement: Statement, last: str) -> None:
    kind = statement.kind
    begins = last in ("", *_PREAMBLE)
    wanted = {COMMIT: (END,), DONE: (COMMIT,), BEGIN: _PREAMBLE}
    if kind in wanted:
        in_order = last in wanted[kind]
    elif kind in _PREAMBLE:
        in_order = begins
    else:
        in_order = not begins and last not in (END, COMMIT, DONE)
    if not in_order:
        raise PatchRefused("it has a statement out of order", statement.line)


def _classified(lines: Iterable[str]) -> Iterator[Statement]:
    """Yield the statements, each with its kind; comments between them are left out."""
    splitter, parts, begun, size = Splitter(), list[str](), 0, 0
    for number, line in enumerate(lines, 1):
        if not parts:
            if line.startswith("--") or not line.strip():
                continue
            if line.endswith(";\n") and (statement := _of_a_form(line[:-2], number)):
                yield statement  # nearly all of them are on one line
                continue
            begun = number
        parts.append(line)
        size += len(line)
        if size > MOST_CHARACTERS:
            raise PatchRefused("it has a statement that is too long", begun)
        if splitter.ends_with(line):
            yield _statement("".join(parts).rstrip("\r\n").removesuffix(";"), begun)
            parts, size = [], 0
    if parts:
        raise PatchRefused("it is cut off", begun)


def _statement(sql: str, line: int) -> Statement:
    if statement := _of_a_form(sql, line):
        return statement
    try:
        created(sql)
    except TextRefused as error:
        raise PatchRefused("it has a statement that 'snap diff --format sql' does not write", line) from error
    return Statement(OBJECT, sql, line)


def _of_a_form(sql: str, line: int) -> Statement | None:
    for kind, form in _COMPILED:
        if found := form.fullmatch(sql):
            groups = {name: value for name, value in found.groupdict().items() if value is not None}
            changed = next((one for one in ("added", "removed", "changed") if one in groups), "")
            table = groups.get(changed) or groups.get("table")
            return Statement(kind, sql, line, unquoted(table) if table else "", changed)
    return None


_COMPILED = tuple((kind, re.compile(form)) for kind, form in _FORMS)
