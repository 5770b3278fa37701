"""What differs between two states, and the rules that would leave it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snapstore.results.files import FilesDiff
from snapstore.results.rows import Counts, RowChange, SchemaChange
from snapstore.results.verdicts import SequenceMove


@dataclass(frozen=True)
class DatabaseDiff:
    """What differs in one database; `tables` counts all rows, `rows` has at most as many as were asked for.

    `derived` names the virtual table of each table in `tables` that only its module writes to.
    """

    schema: tuple[SchemaChange, ...]
    rows: tuple[RowChange, ...]
    tables: Mapping[str, Counts]
    sequences: Mapping[str, SequenceMove]
    derived: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Diff:
    """The difference of two states; `from` is a keyword of Python, so the attribute is `from_`.

    `warnings` say that another file took the place of a database since the last call. `files` has the folders and files
    beside the databases.
    """

    from_: str
    to: str
    identical: bool
    databases: Mapping[str, DatabaseDiff]
    truncated: bool
    rows_left_out: int
    warnings: tuple[str, ...] = ()
    files: Mapping[str, FilesDiff] = field(default_factory=dict)


@dataclass(frozen=True)
class Suggestion:
    """A rule for a table, or for a column (`TABLE.COLUMN`), and in how many rows it differed."""

    rule: str
    rows: int


@dataclass(frozen=True)
class StillDiffers:
    """Two states that differ under the suggested rules too: in rows of tables, and in what `others` names."""

    from_: str
    to: str
    tables: Mapping[str, Counts]
    others: tuple[str, ...]


@dataclass(frozen=True)
class Suggestions:
    """What differed every time: from the state that a run began with to its end, or from each run to the next.

    Of the `comparisons`, `baselines` are of the first kind. The rules were tried on all of them; `still` are those that
    differ nevertheless.
    """

    comparisons: int
    tables: tuple[Suggestion, ...]
    columns: tuple[Suggestion, ...]
    baselines: int = 0
    still: tuple[StillDiffers, ...] = ()
