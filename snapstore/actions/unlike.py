"""How the schema of snapshots that were pulled differs from that of the live databases."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from snapstore.database.fingerprint import fingerprint
from snapstore.database.live import LiveDatabases
from snapstore.errors import SnapError
from snapstore.history.snapshot import DatabaseEntry
from snapstore.locks import Deadline
from snapstore.project import Project
from snapstore.results.remotes import Unlike
from snapstore.store import Store

_SECONDS = 1.0  # to wait for a database: this is a note beside the result
_INTERNAL = "sqlite_"


def unlike(store: Store, project: Project, ids: Iterable[str]) -> tuple[Unlike, ...]:
    """Return how the databases of snapshots (hex) differ from the live ones, those that do.

    One that is missing here, or cannot be read, is left out: the verb that needs it reports that.
    """
    found: dict[Unlike, None] = {}
    for id_ in ids:
        try:
            databases = store.snapshots.load(id_).databases
        except SnapError:
            continue
        for name in databases.keys() & project.databases.keys():
            found |= dict.fromkeys(_differences(name, databases[name], project.databases[name]))
    return tuple(sorted(found))


def unlike_when_restored(store: Store, project: Project, id_: str) -> tuple[Unlike, ...]:
    """Return how a snapshot differs, if it was pulled and the databases do not stand on it."""
    heads = store.refs.head(project.origin)
    if project.databases and all(heads.get(name) == id_ for name in project.databases):
        return ()
    return unlike(store, project, [id_]) if store.reflog.pulled_for(id_) else ()


def _differences(name: str, record: DatabaseEntry, path: str) -> Iterator[Unlike]:
    if not os.path.exists(path):
        return
    try:
        with LiveDatabases({"": path}, Deadline(_SECONDS)) as live:
            connection = live.read()[""].connection
            schema = fingerprint(connection)
            version = int(connection.rows("PRAGMA user_version")[0][0])
    except SnapError:
        return
    if not schema.tables or (schema.schema, version) == (record.schema, record.user_version):
        return
    there, here = _of_users(record.tables), _of_users(schema.tables)
    if (there, version) == (here, record.user_version) and set(record.tables) != set(schema.tables):
        return  # only SQLite's own tables differ
    yield Unlike(name, tuple(sorted(there - here)), tuple(sorted(here - there)), record.user_version, version)


def _of_users(tables: Iterable[str]) -> set[str]:
    return {name for name in tables if not name.startswith(_INTERNAL)}
