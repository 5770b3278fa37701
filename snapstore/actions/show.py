"""Show: what a snapshot holds, with the tables of each database and their row counts."""

from __future__ import annotations

from typing import NamedTuple

from snapstore.actions.stored import stored_image
from snapstore.database.image_vfs import ImageDatabase
from snapstore.database.literals import name as quoted
from snapstore.database.schema_reader import read_schema
from snapstore.database.virtual import shadow_tables
from snapstore.errors import SqlFailed
from snapstore.history.snapshot import DatabaseRecord, Snapshot
from snapstore.history.snapshots import SnapshotRow
from snapstore.store import Store


class ShownDatabase(NamedTuple):
    """A database of a snapshot; `tables` maps to row counts, None where SQLite lacks what the table needs.

    A virtual table stands there without the tables it keeps its rows in.
    """

    record: DatabaseRecord
    tables: dict[str, int | None]


class Shown(NamedTuple):
    """A snapshot in full."""

    row: SnapshotRow
    snapshot: Snapshot
    names: tuple[str, ...]
    databases: dict[str, ShownDatabase]


def show(store: Store, id_: str) -> Shown:
    """Describe a snapshot. Counting rows reads the smallest b-tree of each table.

    Raises StoreDamaged, DatabaseCorrupt.
    """
    snapshot = store.snapshots.load(id_)
    row = store.snapshots.row(id_)
    assert row is not None
    return Shown(
        row,
        snapshot,
        tuple(ref.name for ref in store.refs.naming(id_)),
        {
            name: ShownDatabase(record, _row_counts(store, record, f"{id_[:10]}:{name}"))
            for name, record in snapshot.databases.items()
        },
    )


def _row_counts(store: Store, record: DatabaseRecord, label: str) -> dict[str, int | None]:
    if not record.tables:
        return {}
    image = stored_image(store, record, label)
    shadows = shadow_tables(read_schema(image))
    with ImageDatabase(image) as database:
        return {table: _count(database, table) for table in record.tables if table not in shadows}


def _count(database: ImageDatabase, table: str) -> int | None:
    try:
        rows = list(database.query(f"SELECT count(*) FROM {quoted(table)}").rows)
    except SqlFailed:
        return None
    return int(rows[0][0])
