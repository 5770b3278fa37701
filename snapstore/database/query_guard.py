"""What a query may do: read. SQLite asks before it compiles a statement."""

from __future__ import annotations

import time
from collections.abc import Iterator
from math import inf
from typing import Any, NamedTuple

# Action codes (sqlite.org/c3ref/c_alter_table.html).
_DELETE, _INSERT, _PRAGMA, _READ, _SELECT, _UPDATE, _FUNCTION, _RECURSIVE = 9, 18, 19, 20, 21, 23, 31, 33
# Virtual tables compile their write statements when they are first used. To run one fails: nothing can be written.
_ACTIONS = frozenset((_DELETE, _INSERT, _READ, _SELECT, _UPDATE, _FUNCTION, _RECURSIVE))
_READ_PRAGMAS = frozenset(
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
_ACTING_PRAGMAS = frozenset(("incremental_vacuum", "optimize", "wal_checkpoint"))


CAN_ONLY_READ = "a query can only read"
NO_ROWS = "no statement returns rows"
ONE_STATEMENT = "one statement at a time"
NOT_TEXT = "the statement, or a name in it or in its answer, is not UTF-8"


class Limit:
    """When a statement has to stop: after some seconds, None for never, or when `stop` is called (from a signal)."""

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._end = inf if seconds is None else time.monotonic() + seconds
        self._is_stopped = False

    def stop(self) -> None:
        """Have the statement stop soon."""
        self._is_stopped = True

    def is_reached(self) -> bool:
        """Tell whether the statement has to stop."""
        return self._is_stopped or time.monotonic() > self._end

    def __str__(self) -> str:
        return "interrupted" if self._is_stopped else f"stopped after {self._seconds:g} s"


class Answer(NamedTuple):
    """The names of the columns, and the rows, read one by one."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


def is_allowed(action: int, first: str | None, second: str | None) -> bool:
    """Tell whether a statement may contain an action with its two arguments."""
    if action == _PRAGMA and first is not None:
        return first.lower() in _READ_PRAGMAS if second is not None else first.lower() not in _ACTING_PRAGMAS
    return action in _ACTIONS
