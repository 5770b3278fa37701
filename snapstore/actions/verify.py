"""Verify: whether the live databases are what a snapshot holds, and which rows say that they are not.

Not to be confused with a check of the store itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from snapstore.actions.compare import compare
from snapstore.actions.differences import ADDED, Counts, DatabaseDifference, RowDifference, TableDifference
from snapstore.actions.policy import NOTHING_IGNORED, Policy
from snapstore.actions.state import State, live_state
from snapstore.actions.verdicts import CLEAN, DAMAGED, DRIFTED, LEAKED, SCHEMA_CHANGED, VERDICTS
from snapstore.database.diff import SchemaChange
from snapstore.errors import IndexMisfit, NoSnapshot
from snapstore.history.snapshot import FORENSIC
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.records import Record
from snapstore.store import DEFAULT_TIMEOUT, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from snapstore.actions.leaks import Leak

MOST_ROWS = 1000  # kept of each database; all are counted


class VerifyOptions(Record):
    """What to verify against; `strict` makes drift a failure, `restore_on_fail` puts the state back then."""

    against: State
    restore_on_fail: bool = False
    label: str | None = None
    strict: bool = False
    policy: Policy = NOTHING_IGNORED
    rows: int = MOST_ROWS
    timeout: float = DEFAULT_TIMEOUT


class VerifiedDatabase:
    """One database: its verdict, and what it rests on.

    `tables` has those with rows that differ; `rows` at most as many as were asked for, `rows_left_out` says how many
    are missing there; `leaks` groups the added ones among `rows`; `drift` says what moved without being a row.
    """

    def __init__(self, verdict: str = CLEAN) -> None:
        self.verdict = verdict
        self.tables: dict[str, Counts] = {}
        self.rows: list[RowDifference] = []
        self.rows_left_out = 0
        self.leaks: list[Leak] = []
        self.schema: list[SchemaChange] = []
        self.drift: dict[str, Any] = {}


class VerifyResult(Record):
    """The worst verdict, and whether it passes; `forensic` is the snapshot of the state that failed.

    `databases` is what was found first; after a restore `verdict` and `ok` still tell of that.
    """

    verdict: str
    ok: bool
    against: str
    databases: dict[str, VerifiedDatabase]
    label: str | None = None
    restored: bool = False
    forensic: str | None = None
    seconds: float = 0.0


def verify(store: Store, project: Project, options: VerifyOptions, progress: Progress = SILENT) -> VerifyResult:
    """Compare, judge, and put right where that was asked for.

    An index that misfits its rows is an error, unless the state is to be put right: then it is damage like any other.
    Raises NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule, and what `restore` raises.
    """
    start = time.monotonic()
    result = _verify(store, project, options, progress)
    if not result.ok and options.restore_on_fail:
        from snapstore.actions.keep import keep_state

        forensic = keep_state(store, project, FORENSIC, options.label or result.verdict, options.timeout)
        _restore(store, project, options, progress)
        restored = _verify(store, project, options, progress).ok
        result = result._replace(forensic=forensic, restored=restored)
    return result._replace(seconds=time.monotonic() - start)


def _verify(store: Store, project: Project, options: VerifyOptions, progress: Progress) -> VerifyResult:
    snapshots = options.against.snapshots
    assert snapshots is not None
    for name in project.databases:
        if name not in snapshots:
            raise NoSnapshot(f"database '{name}' in {options.against.label}")
    against = State(options.against.label, {name: snapshots[name] for name in project.databases})
    with compare(store, project, (against, live_state()), options.timeout, progress) as found:
        options.policy.check(one.diff for one in found.values())
        judged = {name: _judged(DatabaseDifference(name, one, options.policy), options) for name, one in found.items()}
    verdict = max((one.verdict for one in judged.values()), key=VERDICTS.index)
    fails = options.policy.sequences == "fail" and any("sequences" in one.drift for one in judged.values())
    ok = verdict == CLEAN or (verdict == DRIFTED and not options.strict and not fails)
    return VerifyResult(verdict, ok, against.id, judged, options.label)


def _judged(difference: DatabaseDifference, options: VerifyOptions) -> VerifiedDatabase:
    try:
        return judge(difference, options.rows)
    except IndexMisfit as error:
        if not options.restore_on_fail:
            raise
        found = VerifiedDatabase(DAMAGED)
        found.drift = {"index": error.detail}
        return found


def judge(difference: DatabaseDifference, most_rows: int = 0) -> VerifiedDatabase:
    """Draw all rows of a difference and say what they amount to. Raises IndexMisfit, DatabaseCorrupt."""
    found = VerifiedDatabase()
    found.schema = difference.schema
    if difference.is_same:
        return found
    from snapstore.actions.leaks import grouped

    hidden: dict[str, dict[str, int]] = {}
    for table in difference.tables:
        _count(table, found, most_rows)
        if table.hidden:
            hidden[table.name] = dict(table.hidden)
    found.drift = _drift(difference, hidden)
    added = [row for row in found.rows if row.change == ADDED]
    found.leaks = grouped(added, difference.diff.schemas[1])
    found.verdict = _verdict(found)
    if found.verdict == DRIFTED:
        from snapstore.database.index_check import check_indexes

        check_indexes(difference.diff)  # equal rows say nothing of the indexes on them
    return found


def _count(table: TableDifference, found: VerifiedDatabase, most_rows: int) -> None:
    for row in table.rows():
        if len(found.rows) < most_rows:
            found.rows.append(row)
        else:
            found.rows_left_out += 1
    if table.counts:
        found.tables.setdefault(table.name, Counts()).add(table.counts)


def _verdict(found: VerifiedDatabase) -> str:
    if found.schema:
        return SCHEMA_CHANGED
    if any(counts.removed or counts.changed for counts in found.tables.values()):
        return DAMAGED
    return LEAKED if found.tables else DRIFTED


def _drift(difference: DatabaseDifference, hidden: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Return what moved without being a row that counts; keys with nothing to say are left out."""
    ignored = {table.name: table.counted() for table in difference.ignored_tables}
    found = {
        "pages": difference.diff.pages_changed,
        "sequences": {
            table: {"before": before, "after": after} for table, (before, after) in difference.sequences.items()
        },
        "ignored_tables": {name: counts for name, counts in ignored.items() if counts},
        "ignored_columns": hidden,
        "moved_rowids": difference.moved(),
        "indexes": difference.indexes,
        "statistics": difference.has_other_statistics,
    }
    return {name: value for name, value in found.items() if value}


def _restore(store: Store, project: Project, options: VerifyOptions, progress: Progress) -> None:
    from snapstore.actions.restore import RestoreOptions, restore  # a state that is clean needs none of it

    snapshots = options.against.snapshots or {}
    for id_ in dict.fromkeys(snapshots.values()):
        names = tuple(name for name, of in snapshots.items() if of == id_ and name in project.databases)
        restore(store, project, RestoreOptions(id_, names, timeout=options.timeout), progress)


__all__ = ["CLEAN", "DRIFTED", "VERDICTS", "VerifiedDatabase", "VerifyOptions", "VerifyResult", "judge", "verify"]
