"""Query: one SQL statement that reads a snapshot or the live database."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from snapstore.compare.state import State
from snapstore.compare.stored import stored_image
from snapstore.database.live import LiveDatabases
from snapstore.database.query_guard import Answer, Limit
from snapstore.errors import ConfigurationError, NoSnapshot
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.store import DEFAULT_TIMEOUT, Store
from snapstore.trees.names import tree_of


@dataclass(frozen=True)
class QueryOptions:
    """The statement and the state to run it on; `only_db` names one of several databases; `limit` ends it."""

    state: State
    sql: str
    only_db: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    limit: Limit | None = None


@contextmanager
def query(store: Store, project: Project, options: QueryOptions) -> Iterator[Answer]:
    """Run the statement; rows can be drawn until the end of the `with` block.

    Snapshots and live databases are read by one SQLite library, so they know the same functions. Of a snapshot only the
    blocks that SQLite asks for are decoded. Raises SqlFailed, NoSnapshot, ConfigurationError,
    DatabaseLocked, DatabaseUnusable, StoreDamaged.
    """
    snapshots = options.state.snapshots
    parts = project.databases if snapshots is None else snapshots
    name = _name(options.only_db, [part for part in parts if tree_of(part) is None])
    from snapstore.database.image_vfs import ImageDatabase  # a second SQLite library, which few commands need

    if snapshots is None:
        paths = {name: project.only(name).databases[name]}
        with (
            LiveDatabases(paths, Deadline(options.timeout)) as live,
            ImageDatabase(live.read()[name].image(), options.limit) as database,
        ):
            yield from _until_closed(database.query(options.sql))
        return
    record = store.snapshots.load(snapshots[name]).databases.get(name)
    if record is None:
        raise NoSnapshot(f"snapshot of database '{name}'")
    with ImageDatabase(stored_image(store, record, f"{options.state.label}:{name}"), options.limit) as database:
        yield from _until_closed(database.query(options.sql))


def _until_closed(answer: Answer) -> Iterator[Answer]:
    """Yield an answer, then close the statement if rows are left; the connection must not be closed before it."""
    try:
        yield answer
    finally:
        if isinstance(answer.rows, Generator):
            answer.rows.close()


def _name(wanted: str | None, names: list[str]) -> str:
    name = names[0] if wanted is None else wanted
    if name not in names or (len(names) > 1 and wanted is None):
        raise ConfigurationError(f"the state has the databases {', '.join(names)}; name one of them with --only-db")
    return name
