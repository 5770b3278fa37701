"""What a statement of a patch may do: SQLite calls this for each action before it compiles the statement.

The form of a statement is checked already (patch_reader.py). This is the second line: whatever the statement means to
SQLite, it reads and changes rows of its own table, or objects of the schema, in the main database. It attaches nothing,
calls no function but those that write literals, fires no trigger, and touches no table of SQLite's own.
"""

from __future__ import annotations

from snapstore.database import patch_reader
from snapstore.database.identifiers import folded
from snapstore.database.patch_reader import Statement

# Action codes (sqlite.org/c3ref/c_alter_table.html).
_DELETE, _INSERT, _PRAGMA, _READ, _SELECT, _UPDATE, _FUNCTION, _SAVEPOINT = 9, 18, 19, 20, 21, 23, 31, 32
_CREATE_TEMP_TABLE, _CREATE_TEMP_TRIGGER, _DROP_TEMP_TABLE, _DROP_TEMP_TRIGGER = 4, 5, 13, 14
_CREATE_INDEX, _CREATE_TABLE, _CREATE_TRIGGER, _CREATE_VIEW, _CREATE_VTABLE = 1, 2, 7, 8, 29
_DROP_INDEX, _DROP_TABLE, _DROP_TRIGGER, _DROP_VIEW, _DROP_VTABLE = 10, 11, 16, 17, 30
_REINDEX = 27  # CREATE INDEX

_WRITES = (_DELETE, _INSERT, _UPDATE)
_OF_SCHEMA = frozenset(
    (
        *(_CREATE_INDEX, _CREATE_TABLE, _CREATE_TRIGGER, _CREATE_VIEW, _CREATE_VTABLE, _REINDEX),
        *(_DROP_INDEX, _DROP_TABLE, _DROP_TRIGGER, _DROP_VIEW, _DROP_VTABLE),
        *(_DELETE, _INSERT, _UPDATE, _READ, _SELECT),
    )
)
_TEMPORARY = frozenset((_CREATE_TEMP_TABLE, _CREATE_TEMP_TRIGGER, _DROP_TEMP_TABLE, _DROP_TEMP_TRIGGER))
_OF_ROWS = frozenset(("replace", "char", "length"))
_CHECKS = frozenset(("count", "coalesce", "max", "total_changes", *_OF_ROWS))
_SETTINGS = ("user_version", "application_id", "defer_foreign_keys", "encoding")
_READ_PRAGMAS = ("foreign_keys", "user_version", "application_id", "data_version", "page_size")
_FORBIDDEN_FUNCTIONS = frozenset(("load_extension", "fts3_tokenizer", "edit", "readfile", "writefile"))
_MODULES = frozenset(("fts3", "fts4", "fts5", "rtree", "rtree_i32", "geopoly"))


class PatchGuard:
    """Allows the actions of the statement that runs now."""

    def __init__(self) -> None:
        self.statement = Statement("", "", 0)

    def allows(
        self, action: int, first: str | None, second: str | None, database: str | None, source: str | None
    ) -> bool:
        """Tell whether the statement may do something; `source` is the trigger or the view that does it."""
        kind = self.statement.kind
        if source is not None and kind not in (patch_reader.CHECK, patch_reader.END):
            return False  # a trigger fires; the patch's own is on its guard
        if kind == patch_reader.ROW:
            return self._is_of_row(action, first, second, database)
        if kind in (patch_reader.OBJECT, patch_reader.TABLE):
            return _is_of_schema(action, first, second, database)
        if kind in (patch_reader.SETTING, patch_reader.ENCODING):
            return action == _PRAGMA and first in _SETTINGS
        if kind == patch_reader.SAVE:
            return action == _SAVEPOINT
        return _is_of_check(action, first, second, database)

    def _is_of_row(self, action: int, first: str | None, second: str | None, database: str | None) -> bool:
        if action == _FUNCTION:
            return second in _OF_ROWS
        if action in _WRITES:
            return database == "main" and folded(first or "") == folded(self.statement.table)
        return action in (_READ, _SELECT)


def _is_of_check(action: int, first: str | None, second: str | None, database: str | None) -> bool:
    if action == _PRAGMA:
        return first in _READ_PRAGMAS and second is None
    if action == _FUNCTION:
        return second in _CHECKS
    return action in (_READ, _SELECT) or (database == "temp" and action in (*_WRITES, *_TEMPORARY))


def _is_of_schema(action: int, first: str | None, second: str | None, database: str | None) -> bool:
    if action == _PRAGMA:
        return first in _READ_PRAGMAS and second is None  # modules of virtual tables ask for some
    if action == _FUNCTION:
        return second not in _FORBIDDEN_FUNCTIONS
    if action == _CREATE_VTABLE:
        return folded(second or "") in _MODULES
    return action in _OF_SCHEMA or (database == "temp" and action in _TEMPORARY)
