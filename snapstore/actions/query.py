"""Query: one SQL statement that reads a snapshot or the live database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from snapstore.actions.state import State
from snapstore.actions.stored import stored_image
from snapstore.database.live import LiveDatabases
from snapstore.database.query_guard import CAN_ONLY_READ, NO_ROWS, Answer, is_allowed
from snapstore.engine import Connection
from snapstore.errors import ConfigurationError, NoSnapshot, SqlFailed
from snapstore.patience import Patience
from snapstore.project import Project
from snapstore.refusals import DatabaseReadOnly
from snapstore.store import DEFAULT_TIMEOUT, Store


class QueryOptions(NamedTuple):
    """What is asked of which state; `only_db` names one of several databases."""

    state: State
    sql: str
    only_db: str | None = None
    timeout: float = DEFAULT_TIMEOUT


@contextmanager
def query(store: Store, project: Project, options: QueryOptions) -> Iterator[Answer]:
    """Run the statement; rows can be drawn until the end of the `with` block.

    Of a snapshot only the blocks that SQLite asks for are decoded. Raises SqlFailed, NoSnapshot, ConfigurationError,
    DatabaseLocked, DatabaseUnusable, StoreDamaged.
    """
    snapshots = options.state.snapshots
    name = _name(options.only_db, list(project.databases if snapshots is None else snapshots))
    if snapshots is None:
        with LiveDatabases({name: project.only(name).databases[name]}, Patience(options.timeout)) as live:
            connection = live.read()[name].connection
            connection.rows("PRAGMA query_only = ON")
            yield _answer(connection, options.sql)
        return
    from snapstore.database.image_vfs import ImageDatabase  # a second SQLite library, and only snapshots need it

    record = store.snapshots.load(snapshots[name]).databases.get(name)
    if record is None:
        raise NoSnapshot(f"snapshot of database '{name}'")
    with ImageDatabase(stored_image(store, record, f"{options.state.label}:{name}")) as database:
        yield database.query(options.sql)


def _answer(connection: Connection, sql: str) -> Answer:
    try:
        columns, rows = connection.query(sql, is_allowed)
    except DatabaseReadOnly as error:
        raise SqlFailed(CAN_ONLY_READ) from error
    if not columns:
        raise SqlFailed(NO_ROWS)
    return Answer(columns, rows)


def _name(wanted: str | None, names: list[str]) -> str:
    name = wanted or names[0]
    if name not in names or (len(names) > 1 and not wanted):
        raise ConfigurationError(f"there are the databases {', '.join(names)}; name one of them with --only-db")
    return name
