"""Verify: whether the live databases are what a snapshot holds, and which rows say that they are not.

Not to be confused with a check of the store itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from snapstore.compare.compare import compare
from snapstore.compare.differences import ADDED, REMOVED, DatabaseDifference
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.compare.state import State, live_state
from snapstore.compare.state import against as named
from snapstore.compare.verdicts import CLEAN, DAMAGED, DRIFTED, LEAKED, SCHEMA_CHANGED, VERDICTS
from snapstore.errors import DatabaseCorrupt, NoSnapshot
from snapstore.history.snapshot import FORENSIC
from snapstore.hooks.hooks import NO_HOOKS, Hooks
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.rows import Counts, RowChange
from snapstore.results.verdicts import Drift, SequenceMove, Verified, VerifiedDatabase
from snapstore.store import DEFAULT_TIMEOUT, Store

MOST_ROWS = 1000  # kept of each database; all are counted


@dataclass(frozen=True)
class VerifyOptions:
    """What to verify against; `strict` makes drift a failure, `restore_on_fail` brings the snapshot back then.

    `may_pass` has the verdicts other than `clean` that the caller may accept: such a state is checked for damage.
    `by_bytes` compares every page with the stored bytes, and no ids. If it `shortens`, the rows have a LongValue for
    each long value.
    """

    against: State
    restore_on_fail: bool = False
    label: str | None = None
    strict: bool = False
    policy: Policy = NOTHING_IGNORED
    rows: int = MOST_ROWS
    may_pass: frozenset[str] = frozenset({DRIFTED})
    by_bytes: bool = False
    timeout: float = DEFAULT_TIMEOUT
    shortens: bool = False


def verify(
    store: Store, project: Project, options: VerifyOptions, progress: Progress = SILENT, hooks: Hooks = NO_HOOKS
) -> Verified:
    """Compare, judge, and restore where that was asked for; `hooks` run around the restore and the check after it.

    A page that cannot be read is an error, unless the state is to be restored: then it is damage like any other.
    Raises NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule, and what `restore` raises.
    """
    start = time.monotonic()
    result = _verify(store, project, options, progress)
    if not result.ok and options.restore_on_fail:
        from snapstore.actions.keep import keep_state

        forensic = keep_state(store, project, FORENSIC, options.label or result.verdict, options.timeout)
        with hooks.around() as telling:
            telling.changed = _restore(store, project, options, progress)
            after = _verify(store, project, options, progress)
        result = replace(
            result,
            forensic=forensic,
            restored=after.ok,
            state_ok=after.ok,
            verdict_after=after.verdict,
            databases_after=after.databases,
            warnings=telling.warnings,
            hooks=tuple(telling.runs),
        )
    return replace(result, seconds=time.monotonic() - start)


def _verify(store: Store, project: Project, options: VerifyOptions, progress: Progress) -> Verified:
    snapshots = options.against.snapshots
    assert snapshots is not None
    for name in project.databases:
        if name not in snapshots:
            raise NoSnapshot(f"database '{name}' in {options.against.label}")
    against = State(options.against.label, {name: snapshots[name] for name in project.databases})
    try:
        judged = _compared(store, project, against, options, progress)
    except DatabaseCorrupt as error:
        damaged = [name for name, path in project.databases.items() if os.path.realpath(path) == error.path]
        if not damaged or not options.restore_on_fail:
            raise
        judged = {name: VerifiedDatabase(DAMAGED, damage=error.detail) for name in damaged}
    judged = {name: replace(one, compared_with=named(store, against, name)) for name, one in judged.items()}
    return Verified(
        verdict=worst(judged),
        ok=(ok := passes(judged, options.policy, strict=options.strict)),
        state_ok=ok,
        against=against.id,
        restored=False,
        forensic=None,
        label=options.label,
        databases=judged,
        seconds=0.0,
        compared_with=named(store, against),
    )


def _compared(
    store: Store, project: Project, against: State, options: VerifyOptions, progress: Progress
) -> dict[str, VerifiedDatabase]:
    states = against, live_state()
    shortens = options.shortens or not options.rows
    with compare(
        store, project, states, options.timeout, progress, by_bytes=options.by_bytes, shortens=shortens
    ) as found:
        options.policy.check(one.diff for one in found.values())
        differences = {name: DatabaseDifference(name, one, options.policy) for name, one in found.items()}
        return {name: judge(one, options.rows, may_pass=options.may_pass) for name, one in differences.items()}


def worst(judged: Mapping[str, VerifiedDatabase]) -> str:
    """Return the worst verdict on some databases."""
    return max((one.verdict for one in judged.values()), key=VERDICTS.index)


def passes(judged: Mapping[str, VerifiedDatabase], policy: Policy, *, strict: bool = False) -> bool:
    """Tell whether verdicts are good enough: the rows are equal, and nothing moved that the policy lets fail."""
    verdict = worst(judged)
    fails = policy.sequences == "fail" and any(one.drift.sequences for one in judged.values())
    return verdict == CLEAN or (verdict == DRIFTED and not strict and not fails)


def judge(
    difference: DatabaseDifference, most_rows: int = 0, *, may_pass: Collection[str] = frozenset({DRIFTED})
) -> VerifiedDatabase:
    """Draw all rows of a difference and say what they amount to.

    A verdict that `may_pass` is given only to a database that is sound around its rows. Raises DatabaseCorrupt.
    """
    if difference.is_same:
        return VerifiedDatabase(CLEAN)
    from snapstore.compare.leaks import grouped

    schema = tuple(difference.schema)
    drawn: list[list[RowChange]] = []
    tables: dict[str, Counts] = {}
    for table in difference.tables:
        drawn = _shared([*drawn, table.first(most_rows)], most_rows)
        if counts := table.counts:
            tables[table.name] = tables.get(table.name, Counts()) + counts
    rows = [row for of_table in drawn for row in of_table]
    derived = {name: of for name, of in difference.derived.items() if name in tables}
    verdict = _verdict(tables, derived, has_schema_changes=bool(schema))
    drift = _drift(difference)
    added = [row for row in rows if row.change == ADDED]
    removed = [row for row in rows if row.change == REMOVED]
    left = grouped(added, difference.diff.schemas[1], difference.referred(1) if added else {}, derived)
    gone = grouped(removed, difference.diff.schemas[0], difference.referred(0) if removed else {}, derived)
    left_out = sum(counts.total for counts in tables.values()) - len(rows)
    found = None
    if verdict in may_pass:
        from snapstore.compare.contentless import problem_of_words
        from snapstore.database.soundness import damage

        found = damage(difference.diff) or problem_of_words(difference)
        verdict = max(verdict, DAMAGED, key=VERDICTS.index) if found else verdict
    return VerifiedDatabase(
        verdict,
        tables,
        tuple(rows),
        left_out,
        left.leaks,
        schema,
        drift,
        damage=found,
        derived=derived,
        left_behind=left.tables,
        gone=gone.tables,
    )


def _shared(drawn: list[list[RowChange]], most: int) -> list[list[RowChange]]:
    """Return at most so many rows of some tables: those that have few keep them, the others get the same share."""
    left, tables = most, len(drawn)
    for length in sorted(map(len, drawn)):
        if length * tables > left:
            break
        left, tables = left - length, tables - 1
    else:
        return drawn
    share, more = divmod(left, tables)
    found = []
    for rows in drawn:
        extra = 1 if more and len(rows) > share else 0
        found.append(rows[: share + extra])
        more -= extra
    return found


def _verdict(tables: Mapping[str, Counts], derived: Mapping[str, str], *, has_schema_changes: bool) -> str:
    """Return what counts of rows amount to.

    A module that adds a row to its shadow tables changes others there. Without the module there is no telling which,
    so the tables that are derived from one virtual table are judged together: something was added, and nothing is gone.
    """
    if has_schema_changes:
        return SCHEMA_CHANGED
    together: dict[str, Counts] = {}
    for table, counts in tables.items():
        if table in derived:
            of = derived[table]
            together[of] = together.get(of, Counts()) + counts
        elif counts.removed or counts.changed:
            return DAMAGED
    if any(counts.removed or not counts.added for counts in together.values()):
        return DAMAGED
    return LEAKED if tables else DRIFTED


def _drift(difference: DatabaseDifference) -> Drift:
    """Return what moved without being a row that counts; the rows of all tables were drawn before."""
    ignored = {table.name: table.counted() for table in difference.ignored_tables}
    return Drift(
        pages=difference.diff.pages_changed,
        sequences=sequence_moves(difference),
        ignored_tables={name: counts for name, counts in ignored.items() if counts},
        ignored_columns={table.name: dict(table.hidden) for table in difference.tables if table.hidden},
        ignored_rows={table.name: table.hidden_rows for table in difference.tables if table.hidden_rows},
        moved_rowids=difference.moved(),
        indexes=tuple(difference.indexes),
        statistics=difference.has_other_statistics,
    )


def sequence_moves(difference: DatabaseDifference) -> dict[str, SequenceMove]:
    """Return the AUTOINCREMENT sequences that moved, by table."""
    return {table: SequenceMove(before, after) for table, (before, after) in difference.sequences.items()}


def _restore(store: Store, project: Project, options: VerifyOptions, progress: Progress) -> bool:
    """Restore the snapshots; return whether that changed anything."""
    from snapstore.actions.restore import RestoreOptions, restore  # a state that is clean needs none of it

    snapshots, changed = options.against.snapshots or {}, False
    for id_ in dict.fromkeys(snapshots.values()):
        names = tuple(name for name, of in snapshots.items() if of == id_ and name in project.databases)
        done = restore(store, project, RestoreOptions(id_, names, timeout=options.timeout), progress)
        changed = changed or done.changed
    return changed
