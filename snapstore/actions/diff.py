"""Diff: what differs between two states, its rows drawn as they are asked for, or all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from snapstore.compare.compare import compare
from snapstore.compare.differences import DatabaseDifference
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy, matches_any, unknown_rule
from snapstore.compare.judging import sequence_moves
from snapstore.compare.rule_names import rule_for
from snapstore.compare.state import State
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.results.diffs import DatabaseDiff, Diff
from snapstore.results.rows import Counts, RowChange
from snapstore.store import DEFAULT_TIMEOUT, Store
from snapstore.trees.names import tree_of

if TYPE_CHECKING:
    from snapstore.actions.tree_content import Contents
    from snapstore.results.files import FilesDiff
    from snapstore.trees.difference import PathChange

_DRIFTED = "drifted"  # as trees/difference.py has it: a mode or a time alone


@dataclass(frozen=True)
class DiffOptions:
    """Which states are compared; `tables` are names or globs that narrow it, none for all.

    If it `shortens`, rows have a LongValue for each long value.
    """

    before: State
    after: State
    tables: tuple[str, ...] = ()
    policy: Policy = NOTHING_IGNORED
    timeout: float = DEFAULT_TIMEOUT
    shortens: bool = False


NO_FILES: Mapping[str, Sequence[PathChange]] = {}


class Differences(NamedTuple):
    """The databases of both states, whose rows can still be drawn; `subject` names a test, if it is about one.

    `files` has what differs in each tree, nothing if tables were chosen; `contents` reads them.
    """

    before: State
    after: State
    databases: list[DatabaseDifference]
    subject: str = ""
    files: Mapping[str, Sequence[PathChange]] = NO_FILES
    contents: Contents | None = None

    @property
    def identical(self) -> bool:
        """Whether schema, rows and files are equal; sequences, page layout, modes and times do not count."""
        if any(one.change != _DRIFTED for changes in self.files.values() for one in changes):
            return False
        return not any(one.schema or any(table.differs() for table in one.tables) for one in self.databases)

    def drawn(self, limit: int | None) -> Diff:
        """Draw all rows; return them, of each table at most `limit`."""
        databases = {one.name: _drawn(one, limit) for one in self.databases}
        counted = sum(counts.total for one in databases.values() for counts in one.tables.values())
        left_out = counted - sum(len(one.rows) for one in databases.values())
        files = drawn_all(self.files, limit)
        is_cut = bool(left_out) or any(one.paths_left_out for one in files.values())
        return Diff(self.before.id, self.after.id, self.identical, databases, is_cut, left_out, files=files)


@contextmanager
def diff(store: Store, project: Project, options: DiffOptions, progress: Progress = SILENT) -> Iterator[Differences]:
    """Compare; rows can be drawn until the end of the `with` block.

    Raises DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule.
    """
    states = options.before, options.after
    with compare(store, project, states, options.timeout, progress, shortens=options.shortens) as found:
        options.policy.check(one.diff for one in found.values())
        databases = [DatabaseDifference(name, one, options.policy) for name, one in found.items()]
        for rule in options.tables:
            _check_table(rule, databases)
        if options.tables:
            for database in databases:
                database.narrow(options.tables)
        files = NO_FILES if options.tables else _files(store, project, states, options.timeout)
        contents = _contents(store, project, states) if files else None
        yield Differences(options.before, options.after, databases, files=files, contents=contents)


def _files(
    store: Store, project: Project, states: tuple[State, State], timeout: float
) -> Mapping[str, Sequence[PathChange]]:
    """Compare the files beside the databases, where a side has any."""
    parts = (*project.parts, *(part for state in states for part in state.snapshots or ()))
    if not any(tree_of(part) for part in parts):
        return NO_FILES
    from snapstore.actions.tree_check import diff_trees

    return diff_trees(store, project, states, timeout)


def _contents(store: Store, project: Project, states: tuple[State, State]) -> Contents:
    from snapstore.actions.tree_content import Contents  # few projects have files

    return Contents(store, project, states)


def drawn_all(files: Mapping[str, Sequence[PathChange]], limit: int | None) -> Mapping[str, FilesDiff]:
    """Return the files that differ, at most `limit` paths of each folder."""
    if not files:
        return {}
    from snapstore.actions.tree_check import drawn

    return {name: drawn(changes, limit) for name, changes in files.items() if changes}


def _drawn(database: DatabaseDifference, limit: int | None) -> DatabaseDiff:
    rows: list[RowChange] = []
    tables: dict[str, Counts] = {}
    for table in database.tables:
        rows += table.first(limit)
        if counts := table.counts:
            tables[table.name] = tables.get(table.name, Counts()) + counts
    derived = {name: of for name, of in database.derived.items() if name in tables}
    return DatabaseDiff(tuple(database.schema), tuple(rows), tables, sequence_moves(database), derived)


def _check_table(rule: str, databases: list[DatabaseDifference]) -> None:
    known = [name for database in databases for name in database.all_tables]
    if not matches_any(known, (rule,)):
        raise unknown_rule("table", rule, map(rule_for, known))
