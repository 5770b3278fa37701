"""What a query may do: read. Both copies of the SQLite library ask here before they compile a statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

# Action codes (sqlite.org/c3ref/c_alter_table.html).
_DELETE, _INSERT, _PRAGMA, _READ, _SELECT, _UPDATE, _FUNCTION, _RECURSIVE = 9, 18, 19, 20, 21, 23, 31, 33
# Virtual tables compile what they would write with when they are first used. Running it fails: nothing can be written.
_ACTIONS = frozenset((_DELETE, _INSERT, _READ, _SELECT, _UPDATE, _FUNCTION, _RECURSIVE))
_ABOUT_SOMETHING = frozenset(
    (
        "foreign_key_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "integrity_check",
        "quick_check",
        "table_info",
        "table_list",
        "table_xinfo",
    )
)
_ACTING = frozenset(("incremental_vacuum", "optimize", "wal_checkpoint"))


CAN_ONLY_READ = "a query can only read"
NO_ROWS = "there is no statement that gives rows"
ONE_STATEMENT = "one statement at a time"


class Answer(NamedTuple):
    """The names of the columns, and the rows as they are found."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def is_allowed(action: int, first: str | None, second: str | None) -> bool:
    """Tell whether a statement may contain an action with its two arguments."""
    if action == _PRAGMA and first is not None:
        return first.lower() in _ABOUT_SOMETHING if second is not None else first.lower() not in _ACTING
    return action in _ACTIONS
