"""Judging: which verdict the rows amount to in which a live database differs from a snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from snapstore.compare.contentless import problem_of_words
from snapstore.compare.differences import DatabaseDifference
from snapstore.compare.ignore_rules import Policy
from snapstore.compare.leaks import grouped
from snapstore.compare.pair import Compared
from snapstore.compare.verdicts import DAMAGED, DRIFTED, LEAKED, SCHEMA_CHANGED, VERDICTS
from snapstore.database.soundness import damage
from snapstore.results.rows import ADDED, REMOVED, Counts, RowChange
from snapstore.results.verdicts import Drift, SequenceMove, VerifiedDatabase


def judge(
    name: str,
    compared: Compared,
    policy: Policy,
    most_rows: int = 0,
    *,
    may_pass: Collection[str] = frozenset({DRIFTED}),
) -> VerifiedDatabase:
    """Draw all rows in which a database differs and say what they amount to; at most `most_rows` are kept.

    A verdict that `may_pass` is given only to a database that is sound around its rows. Raises DatabaseCorrupt.
    """
    difference = DatabaseDifference(name, compared, policy)
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
