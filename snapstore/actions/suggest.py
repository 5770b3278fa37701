"""Suggest: rules for what differs in run after run, and so says nothing about any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from snapstore.actions.compare import compare
from snapstore.actions.differences import DatabaseDifference
from snapstore.actions.policy import Policy
from snapstore.actions.state import State, snapshot_state
from snapstore.history.snapshot import FORENSIC, SAFETY
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.store import Store
from snapstore.timestamps import now

MOST_COMPARISONS = 10


class Suggestion(NamedTuple):
    """A rule for a table, or for a column (`TABLE.COLUMN`), and in how many rows it differed."""

    rule: str
    rows: int


class Suggestions(NamedTuple):
    """What differed in every one of `comparisons`."""

    comparisons: int
    tables: list[Suggestion]
    columns: list[Suggestion]


class _Seen:
    """How often a thing differed: in comparisons, and in rows."""

    def __init__(self) -> None:
        self.comparisons: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()

    def note(self, rows: Counter[str]) -> None:
        self.comparisons.update(rows.keys())
        self.rows.update(rows)

    def always(self, comparisons: int) -> list[Suggestion]:
        names = (name for name, count in sorted(self.comparisons.items()) if count == comparisons)
        return [Suggestion(name, self.rows[name]) for name in names]


def states_between(store: Store, before: State, after: State) -> list[State]:
    """Return two states, and between them the snapshots of the same databases that were made in between on purpose."""
    rows = {row.id: row for row in store.snapshots.all()}
    ids = [next(iter(state.snapshots.values()), "") for state in (before, after) if state.snapshots]
    if before.snapshots is None or not ids or not all(id_ in rows for id_ in ids):
        return [before, after]
    times = [rows[id_].created for id_ in ids]
    first, last = min(times), max(times) if after.snapshots else now()
    origins = _origins(store, ids[0])
    between = [
        snapshot_state(store, row.id, row.id)
        for row in reversed(rows.values())
        if first < row.created < last and row.kind not in (SAFETY, FORENSIC) and row.id not in ids
    ]
    own = [state for state in between if _origins(store, state.id) == origins]
    return [before, *own[-(MOST_COMPARISONS - 1) :], after]


def _origins(store: Store, id_: str) -> dict[str, str]:
    return {name: record.origin for name, record in store.snapshots.load(id_).databases.items()}


def suggest(
    store: Store, project: Project, states: list[State], policy: Policy, timeout: float, progress: Progress = SILENT
) -> Suggestions:
    """Compare each state with the next; what the policy ignores already is left out.

    A column is suggested that differs in changed rows every time, a table where rows come and go every time.
    """
    tables, columns = _Seen(), _Seen()
    for pair in pairwise(states):
        with compare(store, project, pair, timeout, progress) as found:
            differences = [DatabaseDifference(name, one, policy) for name, one in found.items()]
            came_and_went, differed = Counter[str](), Counter[str]()
            for difference in differences:
                for table, of_table, of_columns in _looked_at(difference):
                    came_and_went.update({table: of_table} if of_table else {})
                    differed.update({f"{table}.{column}": rows for column, rows in of_columns.items()})
            tables.note(came_and_went)
            columns.note(differed)
    count = len(states) - 1
    suggested = tables.always(count)
    whole = {one.rule for one in suggested}
    return Suggestions(
        count, suggested, [one for one in columns.always(count) if one.rule.rpartition(".")[0] not in whole]
    )


def _looked_at(difference: DatabaseDifference) -> Iterator[tuple[str, int, Counter[str]]]:
    """Yield for each table how many rows came and went, where both did, and the columns of changed rows."""
    for table in difference.tables:
        columns: Counter[str] = Counter()
        for row in table.rows():
            columns.update(row.columns)
        counts = table.counts
        yield table.name, counts.added + counts.removed if counts.added and counts.removed else 0, columns
