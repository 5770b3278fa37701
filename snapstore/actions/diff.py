"""Diff: what differs between two states, the rows drawn as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from snapstore.actions.compare import compare
from snapstore.actions.differences import DatabaseDifference
from snapstore.actions.policy import NOTHING_IGNORED, Policy, matches_any, unknown_rule
from snapstore.actions.state import State
from snapstore.progress import SILENT, Progress
from snapstore.project import Project
from snapstore.records import Record
from snapstore.store import DEFAULT_TIMEOUT, Store


class DiffOptions(Record):
    """Which states are compared; `tables` are names or globs that narrow it, none for all."""

    before: State
    after: State
    tables: tuple[str, ...] = ()
    policy: Policy = NOTHING_IGNORED
    timeout: float = DEFAULT_TIMEOUT


class Diff(Record):
    """The databases of both states."""

    before: State
    after: State
    databases: list[DatabaseDifference]

    @property
    def identical(self) -> bool:
        """Whether schema and rows are equal; sequences and page layout do not count."""
        return not any(one.schema or any(table.differs() for table in one.tables) for one in self.databases)


@contextmanager
def diff(store: Store, project: Project, options: DiffOptions, progress: Progress = SILENT) -> Iterator[Diff]:
    """Compare; rows can be drawn until the end of the `with` block.

    Raises DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule.
    """
    with compare(store, project, (options.before, options.after), options.timeout, progress, by_look=True) as found:
        options.policy.check(one.diff for one in found.values())
        databases = [DatabaseDifference(name, one, options.policy) for name, one in found.items()]
        for rule in options.tables:
            _check_table(rule, databases)
        if options.tables:
            for database in databases:
                database.narrow(options.tables)
        yield Diff(options.before, options.after, databases)


def _check_table(rule: str, databases: list[DatabaseDifference]) -> None:
    known = [name for database in databases for name in database.all_tables]
    if not any(matches_any(name, (rule,)) for name in known):
        raise unknown_rule("table", rule, known)
