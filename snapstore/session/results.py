"""What a session's client returns: frozen dataclasses with the JSON keys as attributes.

Values of rows are Python's own again (`before`, `after`, `key`, the rows of a query). Imports nothing but the standard
library, since it runs inside the process under test.
"""

from __future__ import annotations

import base64
import typing
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Counts:
    """How many rows of a table were added, removed and changed."""

    added: int
    removed: int
    changed: int


@dataclass(frozen=True)
class RowChange:
    """A row that differs; `change` is added, removed or changed, `columns` those that differ in a changed one."""

    table: str
    key: Row
    change: str
    before: Row | None
    after: Row | None
    columns: list[str]


@dataclass(frozen=True)
class SchemaChange:
    """An object of the schema that differs; its SQL on each side, None where there is none."""

    type: str
    name: str
    table: str
    change: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class LeakOf:
    """The row of the baseline that a row left behind refers to."""

    table: str
    key: Row


@dataclass(frozen=True)
class Leak:
    """A row left behind; `under` counts, by table, those that hang on it."""

    table: str
    key: Row
    under: dict[str, int]
    of: LeakOf | None


@dataclass(frozen=True)
class TakenDatabase:
    """One database of a snapshot; `stored_bytes` is what it added to the store."""

    content: str
    pages: int
    page_size: int
    bytes: int
    stored_bytes: int


@dataclass(frozen=True)
class Taken:
    """The snapshot that a name has; `skipped` where the environment switched backups off, and ids are empty then."""

    snapshot: str
    name: str
    created: str
    moved_from: str | None
    unchanged: bool
    databases: dict[str, TakenDatabase]
    seconds: float
    skipped: bool = False


@dataclass(frozen=True)
class Removed:
    """A name or snapshot that was removed."""

    name: str | None
    snapshot: str


@dataclass(frozen=True)
class Deleted:
    """The backup whose name was removed; `skipped` where the environment switched backups off."""

    name: str
    snapshot: str
    removed: list[Removed] = field(default_factory=list)
    skipped: bool = False


@dataclass(frozen=True)
class RestoredDatabase:
    """How one database came back: `in-place`, `replaced` or `none`."""

    method: str
    pages_written: int
    pages: int
    kept: str | None = None
    still_open: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Restored:
    """What a restore, undo or reset did; `safety` is the snapshot of the state before."""

    snapshot: str
    changed: bool
    safety: str | None
    databases: dict[str, RestoredDatabase]
    seconds: float
    dry_run: bool = False
    skipped: bool = False


@dataclass(frozen=True)
class DatabaseStatus:
    """One live database against its HEAD."""

    path: str
    head: str
    names: list[str]
    clean: bool
    verdict: str
    tables: dict[str, Counts]
    schema: list[str]
    pages_changed: int
    pages: int
    head_pages: int


@dataclass(frozen=True)
class Status:
    """All databases; `settled` is a restore that had been cut off and was put right in the books."""

    clean: bool
    databases: dict[str, DatabaseStatus]
    settled: dict[str, Any] | None
    seconds: float


@dataclass(frozen=True)
class VerifiedDatabase:
    """One database: its verdict, and what it rests on."""

    verdict: str
    tables: dict[str, Counts]
    rows: list[RowChange]
    rows_left_out: int
    leaks: list[Leak]
    schema: list[SchemaChange]
    drift: dict[str, Any]


@dataclass(frozen=True)
class Verified:
    """The worst verdict, and whether it passes."""

    verdict: str
    ok: bool
    against: str
    restored: bool
    forensic: str | None
    label: str | None
    databases: dict[str, VerifiedDatabase]
    seconds: float


@dataclass(frozen=True)
class DatabaseDiff:
    """What differs in one database; `sequences` has their values on both sides."""

    schema: list[SchemaChange]
    tables: dict[str, Counts]
    rows: list[RowChange]
    sequences: dict[str, list[int | None]]


@dataclass(frozen=True)
class Diff:
    """What differs between two states; `from` is a word of Python's, so the attribute is `from_`."""

    from_: str
    to: str
    identical: bool
    databases: dict[str, DatabaseDiff]
    truncated: bool
    rows_left_out: int


@dataclass(frozen=True)
class CleanedDatabase:
    """What was put back, by table, and the SQL of a dry run."""

    tables: dict[str, Counts]
    statements: int
    sql: list[str]


@dataclass(frozen=True)
class Cleaned:
    """What a clean did; `safety` is the snapshot of the state before."""

    snapshot: str
    changed: bool
    safety: str | None
    databases: dict[str, CleanedDatabase]
    seconds: float
    dry_run: bool


@dataclass(frozen=True)
class Answer:
    """The rows of a query; `truncated` where there were more than the limit."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


@dataclass(frozen=True)
class Listed:
    """A snapshot in a list."""

    snapshot: str
    names: list[str]
    created: str
    message: str
    pinned: bool
    content: str
    bytes: int
    stored_bytes: int
    kind: str


@dataclass(frozen=True)
class ShownDatabase:
    """A database of a snapshot; `tables` maps to row counts, None where they cannot be counted."""

    content: str
    pages: int
    page_size: int
    bytes: int
    origin: str
    journal_mode: str
    schema: str
    user_version: int
    application_id: int
    tables: dict[str, int | None]


@dataclass(frozen=True)
class Shown:
    """A snapshot in full."""

    snapshot: str
    names: list[str]
    created: str
    message: str
    kind: str
    parent: str | None
    content: str
    bytes: int
    stored_bytes: int
    databases: dict[str, ShownDatabase]


@dataclass(frozen=True)
class Exported:
    """The file that was written."""

    snapshot: str
    database: str
    path: str
    pages: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Repaired:
    """What was put right before a suite began."""

    what: str
    verdict: str
    forensic: str | None


@dataclass(frozen=True)
class SuiteBegun:
    """A suite that runs; `left_alone` is what was not put right before it."""

    name: str
    mode: str
    repaired: list[Repaired]
    left_alone: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Attempt:
    """One attempt at a cleanup step."""

    step: str
    number: int
    status: str
    detail: str
    seconds: float


@dataclass(frozen=True)
class TestEnded:
    """What a test left and what became of it; `ok` where neither policy nor state makes it fail.

    `tables` counts what was left, by database and table; `databases` names the rows, in the answer to the end of a
    test alone.
    """

    __test__ = False

    label: str
    outcome: str
    verdict: str | None
    decision: str
    final: str | None
    restored: bool
    forensic: str | None
    tables: dict[str, dict[str, Counts]]
    attempts: list[Attempt]
    removed: dict[str, Any]
    seconds: dict[str, float]
    scenario: str = ""
    ok: bool | None = None
    databases: dict[str, VerifiedDatabase] = field(default_factory=dict)


@dataclass(frozen=True)
class TestBegun:
    """A test that runs; `unfinished` are tests that were ended for it."""

    __test__ = False

    label: str
    unfinished: list[TestEnded]


@dataclass(frozen=True)
class SuiteEnded:
    """What a suite came to; `ok` where every test passes, `cleanup_failed` where a state had to be put back."""

    suite: int
    name: str
    mode: str
    outcome: str
    cleanup_failed: bool
    ok: bool
    repaired: list[Repaired]
    left_alone: list[str]
    tests: list[TestEnded]


@dataclass(frozen=True)
class TrackedDatabase:
    """How a session follows the changes of one database."""

    path: str
    tracking: str
    wal_bytes: int
    hashed: int
    answered: int
    rests: int
    checks: int


@dataclass(frozen=True)
class Info:
    """What a session is; `memory` in bytes, the most it ever had."""

    version: str
    pid: int
    store: str
    suite: bool
    memory: int
    databases: dict[str, TrackedDatabase]
    methods: list[str]


def build(kind: Any, document: Any) -> Any:
    """Make a value of a type from what JSON has; keys that a dataclass does not have are left out."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind == Row:
        return {name: python_value(value) for name, value in document.items()}
    if origin is list:
        return [build(arguments[0], one) for one in document]
    if origin is dict:
        return {name: build(arguments[1], one) for name, one in document.items()}
    if type(None) in arguments:
        return None if document is None else build(arguments[0], document)
    if kind is str:
        return document or ""
    if hasattr(kind, "__dataclass_fields__"):
        return _build_dataclass(kind, document)
    return python_value(document)


def python_value(value: Any) -> Any:
    """Return a value of a row as Python has it."""
    if not isinstance(value, dict):
        return value
    if "blob" in value:
        return base64.b64decode(value["blob"])
    if "int" in value:
        return int(value["int"])
    if "float" in value:
        return float(value["float"])
    return value.get("text", value)


def _build_dataclass(kind: Any, document: dict[str, Any]) -> Any:
    values = {}
    for name, key, hint, required in _fields(kind):
        if required or key in document:
            values[name] = build(hint, document[key])
    return kind(**values)


@cache
def _fields(kind: Any) -> list[tuple[str, str, Any, bool]]:
    hints = typing.get_type_hints(kind)
    return [
        (one.name, one.name.rstrip("_"), hints[one.name], one.default is MISSING and one.default_factory is MISSING)
        for one in fields(kind)
    ]
