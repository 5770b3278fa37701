"""What `verify` finds: a verdict, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snapstore.results.against import Against
from snapstore.results.files import VerifiedFiles
from snapstore.results.hooks import HookRun
from snapstore.results.leaks import Leak, LeftBehind
from snapstore.results.rows import Counts, RowChange, SchemaChange
from snapstore.results.values import Value


@dataclass(frozen=True)
class SequenceMove:
    """The value of an AUTOINCREMENT sequence on each side, None where there is none."""

    before: Value
    after: Value


@dataclass(frozen=True)
class Drift:
    """What moved without being a row that counts.

    `ignored_columns` counts, by table and column, the rows that differ in ignored columns alone; `ignored_rows`, by
    table, those that a condition leaves out; `moved_rowids` those that only got another rowid.
    """

    pages: int = 0
    sequences: Mapping[str, SequenceMove] = field(default_factory=dict)
    ignored_tables: Mapping[str, Counts] = field(default_factory=dict)
    ignored_columns: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ignored_rows: Mapping[str, int] = field(default_factory=dict)
    moved_rowids: Mapping[str, int] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()
    statistics: bool = False

    def __bool__(self) -> bool:
        return self != _NO_DRIFT


_NO_DRIFT = Drift()


@dataclass(frozen=True)
class VerifiedDatabase:
    """One database. `tables` has those with rows that differ, all counted.

    `rows` has at most as many as were asked for, `rows_left_out` says how many are missing there; `leaks` groups the
    added ones among them. `compared_with` is the snapshot. `damage` says what is wrong around the rows:
    with free pages, the pointer map, an index. `derived` names the virtual table of each table in `tables` that only
    its module writes to. `left_behind` has the leaks by table, what tells most first, and `gone` the
    removed rows likewise.
    """

    verdict: str
    tables: Mapping[str, Counts] = field(default_factory=dict)
    rows: tuple[RowChange, ...] = ()
    rows_left_out: int = 0
    leaks: tuple[Leak, ...] = ()
    schema: tuple[SchemaChange, ...] = ()
    drift: Drift = _NO_DRIFT
    compared_with: Against | None = None
    damage: str | None = None
    derived: Mapping[str, str] = field(default_factory=dict)
    left_behind: tuple[LeftBehind, ...] = ()
    gone: tuple[LeftBehind, ...] = ()


@dataclass(frozen=True)
class Verified:
    """The worst verdict, and whether the check passes: `ok`.

    `against` is the id of the snapshot, and `compared_with` names it. With `restore_on_fail`, all of that tells what
    was found first; `restored` says that the snapshot was brought back and verified, `forensic` is the snapshot of the
    state that failed. `state_ok` tells whether the state is right now; `verdict_after` and `databases_after` are what
    was found after the restore, None and empty where there was none. `warnings` say that another file took the place of
    a database since the last call, that files changed between the check and the restore, or that a hook failed;
    `hooks` are all that ran around the restore. `files` and `files_after` have the folders and files beside the
    databases.
    """

    verdict: str
    ok: bool
    state_ok: bool
    against: str
    restored: bool
    forensic: str | None
    label: str | None
    databases: Mapping[str, VerifiedDatabase]
    seconds: float
    compared_with: Against | None = None
    verdict_after: str | None = None
    databases_after: Mapping[str, VerifiedDatabase] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    hooks: tuple[HookRun, ...] = ()
    files: Mapping[str, VerifiedFiles] = field(default_factory=dict)
    files_after: Mapping[str, VerifiedFiles] = field(default_factory=dict)
