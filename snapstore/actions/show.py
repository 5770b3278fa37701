"""Show: what a snapshot holds, with the tables of each database and their row counts."""

from __future__ import annotations

from collections import Counter

from snapstore.compare.stored import stored_image
from snapstore.database.identifiers import folded
from snapstore.database.image import Image
from snapstore.database.image_vfs import ImageDatabase
from snapstore.database.literals import name as quoted
from snapstore.database.rows import count_rows
from snapstore.database.schema_reader import read_schema
from snapstore.database.shadows import shadow_tables
from snapstore.database.tables import Schema
from snapstore.errors import SqlFailed
from snapstore.history.snapshot import DatabaseEntry, FilesEntry
from snapstore.results.files import ShownFiles
from snapstore.results.snapshots import Shown, ShownDatabase
from snapstore.store import Store
from snapstore.trees.manifest import FILE, KIND_NAMES


def show(store: Store, id_: str) -> Shown:
    """Describe a snapshot. Counting rows reads the smallest b-tree of each table.

    Raises StoreDamaged, DatabaseCorrupt.
    """
    snapshot = store.snapshots.load(id_)
    row = store.snapshots.row(id_)
    assert row is not None
    return Shown(
        snapshot=id_,
        names=tuple(ref.name for ref in store.refs.naming(id_)),
        created=row.created,
        message=row.message,
        kind=row.kind,
        parent=snapshot.parent,
        content=row.content,
        bytes=row.bytes,
        stored_bytes=row.stored_bytes,
        databases={
            name: _shown(record, *_contents(store, record, f"{id_[:10]}:{name}"))
            for name, record in snapshot.databases.items()
        },
        files={name: _shown_files(store, record) for name, record in snapshot.files.items()},
    )


def _shown_files(store: Store, record: FilesEntry) -> ShownFiles:
    entries = (one for one in store.snapshots.tree(record).entries if one.path or one.kind == FILE)
    kinds = Counter(KIND_NAMES[one.kind] for one in entries)
    return ShownFiles(record.content, record.entries, record.file_bytes, record.origin, dict(sorted(kinds.items())))


def _shown(record: DatabaseEntry, tables: dict[str, int | None], collations: tuple[str, ...]) -> ShownDatabase:
    return ShownDatabase(
        content=record.content,
        pages=record.page_count,
        page_size=record.page_size,
        bytes=record.image_bytes,
        origin=record.origin,
        journal_mode=record.journal_mode,
        schema=record.schema,
        user_version=record.user_version,
        application_id=record.application_id,
        tables=tables,
        collations=collations,
    )


def _contents(store: Store, record: DatabaseEntry, label: str) -> tuple[dict[str, int | None], tuple[str, ...]]:
    """Return the number of rows by table, and the collations that only the application has."""
    if not record.tables:
        return {}, ()
    image = stored_image(store, record, label)
    schema = read_schema(image)
    shadows = shadow_tables(schema)
    with ImageDatabase(image) as database:
        counts = {name: _count(database, image, schema, name) for name in record.tables if name not in shadows}
        return counts, database.unknown_collations()


def _count(database: ImageDatabase, image: Image, schema: Schema, table: str) -> int | None:
    try:
        rows = list(database.query(f"SELECT count(*) FROM {quoted(table)}").rows)
    except SqlFailed:  # its module is missing, or its name is no text that SQL can have
        found = schema.tables.get(folded(table))
        return count_rows(image, found) if found else None
    return int(rows[0][0])
