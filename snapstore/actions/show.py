"""Show: what a snapshot holds, with the tables of each database and their row counts."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from snapstore import engine
from snapstore.actions.image import write_image
from snapstore.errors import DatabaseCorrupt, SnapError, SqlFailed
from snapstore.history.snapshot import DatabaseRecord, Snapshot
from snapstore.history.snapshots import SnapshotRow
from snapstore.patience import Patience
from snapstore.progress import SILENT, Progress
from snapstore.store import Store


@dataclass(frozen=True)
class ShownDatabase:
    """A database of a snapshot; `tables` maps to row counts, None where SQLite lacks what the table needs."""

    record: DatabaseRecord
    tables: dict[str, int | None]


@dataclass(frozen=True)
class Shown:
    """A snapshot in full."""

    row: SnapshotRow
    snapshot: Snapshot
    names: tuple[str, ...]
    databases: dict[str, ShownDatabase]


def show(store: Store, id_: str, progress: Progress = SILENT) -> Shown:
    """Describe a snapshot. Counting rows writes each database out to a temporary file.

    Raises StoreDamaged, DiskFull.
    """
    snapshot = store.snapshots.load(id_)
    row = store.snapshots.row(id_)
    assert row is not None
    return Shown(
        row,
        snapshot,
        tuple(ref.name for ref in store.refs.naming(id_)),
        {
            name: ShownDatabase(record, _row_counts(store, record, progress))
            for name, record in snapshot.databases.items()
        },
    )


def _row_counts(store: Store, record: DatabaseRecord, progress: Progress) -> dict[str, int | None]:
    if not record.tables:
        return {}
    with tempfile.TemporaryDirectory(prefix="snapstore-") as folder:
        path = os.path.join(folder, "image")
        write_image(store, record, path, progress=progress)
        uri = engine.file_uri(path, mode="ro", immutable=1)
        connection = engine.Connection(uri, lambda code, text: _translate(path, code, text), Patience(0))
        try:
            return {table: _count(connection, table) for table in record.tables}
        finally:
            connection.close()


def _count(connection: engine.Connection, table: str) -> int | None:
    quoted = table.replace('"', '""')
    try:
        count: int = connection.value(f'SELECT count(*) FROM "{quoted}"')
    except SqlFailed:
        return None
    return count


def _translate(path: str, code: int, text: str) -> SnapError | None:
    return DatabaseCorrupt(path, text) if code in (engine.CORRUPT, engine.NOTADB) else None
