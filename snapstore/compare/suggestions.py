"""Suggest: rules for what differs in run after run, and so says nothing about any of them; and what they leave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import inf

from snapstore.compare.compare import compare
from snapstore.compare.differences import DatabaseDifference
from snapstore.compare.ignore_rules import Policy
from snapstore.compare.rule_names import rule_for
from snapstore.compare.state import State, against, snapshot_state
from snapstore.history.reflog import HEAD
from snapstore.history.snapshot import FORENSIC, SAFETY
from snapstore.ids import short
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.diffs import StillDiffers, Suggestion, Suggestions
from snapstore.results.rows import Counts
from snapstore.store import Store

MOST_COMPARISONS = 10


Pair = tuple[State, State]
Thing = tuple[str, ...]
"""A table, or a table and a column."""


class _Seen:
    """How often a thing differed: in comparisons, and in rows."""

    def __init__(self) -> None:
        self.comparisons: Counter[Thing] = Counter()
        self.rows: Counter[Thing] = Counter()

    def note(self, rows: Mapping[Thing, int]) -> None:
        """Note how many rows of each thing differed in one comparison."""
        found = {thing: number for thing, number in rows.items() if number}
        self.comparisons.update(found.keys())
        self.rows.update(found)

    def always(self, comparisons: int) -> set[Thing]:
        """Return what differed in every one of some comparisons, nothing where there were none."""
        return {thing for thing, count in self.comparisons.items() if count == comparisons}


def states_between(store: Store, before: State, after: State) -> list[State]:
    """Return two states, and between them the snapshots of the same databases that were made in between on purpose."""
    rows = {row.id: row for row in store.snapshots.all()}
    ids = [next(iter(state.snapshots.values()), "") for state in (before, after) if state.snapshots]
    if before.snapshots is None or not ids or not all(id_ in rows for id_ in ids):
        return [before, after]
    numbers = [rows[id_].number for id_ in ids]
    first, last = min(numbers), max(numbers) if after.snapshots else inf
    origins = _origins(store, ids[0])
    between = [
        snapshot_state(store, row.id, row.id)
        for row in reversed(rows.values())
        if first < row.number < last and row.kind not in (SAFETY, FORENSIC) and row.id not in ids
    ]
    own = [state for state in between if _origins(store, state.id) == origins]
    return [before, *own[-(MOST_COMPARISONS - 1) :], after]


def _origins(store: Store, id_: str) -> dict[str, str]:
    return {name: record.origin for name, record in store.snapshots.load(id_).databases.items()}


def suggest(
    store: Store, project: Project, states: list[State], policy: Policy, timeout: float, progress: Progress = SILENT
) -> Suggestions:
    """Compare each run with the snapshot that it began with, and with the next run; try what that suggests.

    What the policy ignores already is left out. A table is suggested whose rows come or go in every run, or both from
    each run to the next: from one baseline, runs give the same ids to other rows, which then look changed. A column is
    suggested that differs in changed rows every time.
    """
    begun, following = _pairs(store, project, states)
    return _suggested(_Runs(store, project, timeout, progress), begun, following, policy)


def suggest_of_tests(
    store: Store, project: Project, pairs: list[Pair], policy: Policy, timeout: float, progress: Progress = SILENT
) -> Suggestions:
    """Suggest as `suggest` does; each pair is what a test began with, and what it left."""
    return _suggested(_Runs(store, project, timeout, progress), pairs, [], policy)


def _suggested(runs: _Runs, begun: list[Pair], following: list[Pair], policy: Policy) -> Suggestions:
    common = [runs.common(begun, policy, needs_both=False), runs.common(following, policy, needs_both=True)]
    tables, columns = ({thing for found in common for thing in found[at]} for at in (0, 1))
    rows = common[0][2] + common[1][2]
    columns = {thing for thing in columns if thing[:1] not in tables}
    of_tables, of_columns = ([Suggestion(rule_for(*one), rows[one]) for one in sorted(of)] for of in (tables, columns))
    tried = policy._replace(
        tables=(*policy.tables, *(one.rule for one in of_tables)),
        columns=(*policy.columns, *(one.rule for one in of_columns)),
    )
    pairs = [*begun, *following]
    still = tuple(one for one in (runs.still(pair, tried) for pair in pairs) if one)
    return Suggestions(len(pairs), tuple(of_tables), tuple(of_columns), len(begun), still)


class _Runs:
    """Compares runs of one project."""

    def __init__(self, store: Store, project: Project, timeout: float, progress: Progress) -> None:
        self._store = store
        self._project = project
        self._timeout = timeout
        self._progress = progress

    def common(
        self, pairs: list[Pair], policy: Policy, *, needs_both: bool
    ) -> tuple[set[Thing], set[Thing], Counter[Thing]]:
        """Return the tables and columns that differ in all pairs, and in how many rows each thing differs.

        A table differs where rows come or go, or with `needs_both` where some come and some go.
        """
        tables, columns = _Seen(), _Seen()
        for pair in pairs:
            came_or_went, differed = Counter[Thing](), Counter[Thing]()
            for difference in self._differences(pair, policy):
                for table in difference.tables:
                    for row in table.rows():
                        differed.update((table.name, column) for column in row.columns)
                    counts = table.counts
                    if not needs_both or (counts.added and counts.removed):
                        came_or_went[table.name,] += counts.added + counts.removed
            tables.note(came_or_went)
            columns.note(differed)
        return tables.always(len(pairs)), columns.always(len(pairs)), tables.rows + columns.rows

    def still(self, pair: Pair, policy: Policy) -> StillDiffers | None:
        """Return what differs between two states under a policy, None if nothing does."""
        tables: dict[str, Counts] = {}
        others: list[str] = []
        for difference in self._differences(pair, policy):
            for table in difference.tables:
                if counts := table.counted():
                    tables[table.name] = tables.get(table.name, Counts()) + counts
            others += [f"{change.type} {change.name} {change.change}" for change in difference.schema]
            others += [f"sequence of {name}" for name in difference.sequences if policy.sequences == "fail"]
        if not tables and not others:
            return None
        before, after = (self._named(state) for state in pair)
        return StillDiffers(before, after, tables, tuple(others))

    def _differences(self, pair: Pair, policy: Policy) -> Iterator[DatabaseDifference]:
        with compare(self._store, self._project, pair, self._timeout, self._progress, shortens=True) as found:
            for name, one in found.items():
                yield DatabaseDifference(name, one, policy)

    def _named(self, state: State) -> str:
        """Return a state as its tags name it, or by its label or id."""
        one = against(self._store, state)
        return ", ".join(one.names) or (short(one.rev) if one.rev == one.snapshot else one.rev)


def _pairs(store: Store, project: Project, states: list[State]) -> tuple[list[Pair], list[Pair]]:
    """Return each run with the state it began with, and the runs one with the next, as far as that is another pair."""
    before = {state.id: _begun_with(store, project, state) for state in states}
    is_baseline = any(one.id == states[0].id for state in states[1:] if (one := before[state.id]))
    runs = states[1:] if is_baseline else states
    pairs = [(first, state) for state in runs if (first := before[state.id]) and first.id != state.id]
    known = {(first.id, state.id) for first, state in pairs}
    return pairs, [pair for pair in pairwise(states) if (pair[0].id, pair[1].id) not in known]


def _begun_with(store: Store, project: Project, state: State) -> State | None:
    """Return the state that the databases were taken or restored from before a state, None if it is not on record."""
    if state.snapshots is None:
        heads = store.refs.head(project.origin)
        return State(HEAD, heads) if heads and set(heads) == set(project.databases) else None
    ids = dict.fromkeys(state.snapshots.values())
    parents = [store.snapshots.load(id_).parent for id_ in ids]
    parent = parents[0] if len(parents) == 1 else None
    if (
        parent is None
        or not store.snapshots.exists(parent)
        or _origins(store, parent) != _origins(store, next(iter(ids)))
    ):
        return None
    return snapshot_state(store, parent, parent)
