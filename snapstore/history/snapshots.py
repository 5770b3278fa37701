"""The snapshots of a store: the objects, and the catalog's rows that list them.

forgotten.py has those that are no longer listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snapstore.errors import StoreDamaged
from snapstore.history.manifest import Manifest
from snapstore.history.snapshot import DatabaseEntry, FilesEntry, Snapshot
from snapstore.ids import ID_BYTES, short
from snapstore.objects.catalog import FORMAT_WITH_FILES, Catalog
from snapstore.objects.object_store import ObjectStore

if TYPE_CHECKING:
    from snapstore.trees.manifest import TreeManifest

_KEPT = 16  # decoded snapshots; the same few are asked for again and again
_MANIFESTS_KEPT = 2  # 2 MiB each for a database of 8 GiB
NUMBER = f"ifnull((SELECT number FROM recorded WHERE recorded.snapshot = id), {(1 << 63) - 1})"
COLUMNS = f"id, kind, created, message, content, bytes, stored_bytes, {NUMBER} AS number"
TYPES = (bytes, str, str, str, bytes, int, int, int)


class SnapshotRow(NamedTuple):
    """A snapshot as lists show it; ids in hex. `number` counts in the order in which snapshots were recorded."""

    id: str
    kind: str
    created: str
    message: str
    content: str
    bytes: int
    stored_bytes: int
    number: int = 0


class Snapshots:
    """Snapshots by id."""

    def __init__(self, catalog: Catalog, objects: ObjectStore) -> None:
        self._catalog = catalog
        self._objects = objects
        self._manifests: dict[bytes, Manifest] = {}
        self._trees: dict[bytes, TreeManifest] = {}
        self._loaded: dict[str, Snapshot] = {}
        self._expected: dict[str, None] = {}
        objects.freed = self._freed
        self._is_numbered = False

    def record(self, id_: bytes, snapshot: Snapshot, stored_bytes: int, origin: str | None = None) -> None:
        """List a stored snapshot unless it is listed, inside the caller's transaction."""
        self._number_others()
        if snapshot.files:
            self._catalog.raise_format(FORMAT_WITH_FILES)
        self._catalog.rows(
            "INSERT OR IGNORE INTO snapshot(id, parent, kind, created, message, content, bytes, stored_bytes, origin)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                id_,
                bytes.fromhex(snapshot.parent) if snapshot.parent else None,
                snapshot.kind,
                snapshot.created,
                snapshot.message,
                bytes.fromhex(snapshot.content),
                snapshot.image_bytes,
                stored_bytes,
                origin or snapshot.origin,
            ),
        )
        self._catalog.rows("INSERT OR IGNORE INTO recorded(snapshot) VALUES (?)", (id_,))
        self._keep(id_.hex(), snapshot)

    def list_again(self, id_: str) -> bool:
        """List a snapshot if its object can be read, inside the caller's transaction; return whether it can."""
        try:
            self.record(bytes.fromhex(id_), self.load(id_), 0)
        except StoreDamaged:
            return False
        return True

    def note_origin(self, id_: str) -> str:
        """Return the origin of a listed snapshot, and record it if an earlier release did not.

        Raises StoreDamaged.
        """
        key = bytes.fromhex(id_)
        origin = self._catalog.value("SELECT origin FROM snapshot WHERE id = ?", (key,)) or self.load(id_).origin
        if self._catalog.in_transaction:
            self._catalog.rows("UPDATE snapshot SET origin = ? WHERE id = ? AND origin IS NULL", (origin, key))
        return str(origin)

    def listed_for(self, id_: str) -> str | None:
        """Return the origin of the project that a snapshot is listed for, None if an earlier release did not say."""
        found = self._catalog.value("SELECT origin FROM snapshot WHERE id = ?", (bytes.fromhex(id_),))
        return None if found is None else str(found)

    def record_row(self, row: SnapshotRow) -> None:
        """List an unreadable snapshot by its row in an old list, inside the caller's transaction."""
        self._catalog.rows(
            "INSERT OR IGNORE INTO snapshot(id, kind, created, message, content, bytes, stored_bytes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                bytes.fromhex(row.id),
                row.kind,
                row.created,
                row.message,
                bytes.fromhex(row.content),
                row.bytes,
                row.stored_bytes,
            ),
        )

    def drop(self, id_: bytes) -> None:
        """Unlist a snapshot that nobody ever saw, inside the caller's transaction; a prune frees it."""
        self._catalog.rows("DELETE FROM snapshot WHERE id = ?", (id_,))
        self._catalog.rows("DELETE FROM recorded WHERE snapshot = ?", (id_,))

    def load(self, id_: str) -> Snapshot:
        """Return the snapshot with an id in hex. Raises StoreDamaged."""
        if id_ in self._loaded:
            return self._loaded[id_]
        try:
            snapshot = Snapshot.decode(self._objects.read(bytes.fromhex(id_)))
        except ValueError as error:
            raise StoreDamaged(self._objects.folder, f"snapshot {id_}: {error}") from error
        self._keep(id_, snapshot)
        return snapshot

    def _keep(self, id_: str, snapshot: Snapshot) -> None:
        if len(self._loaded) >= _KEPT:
            del self._loaded[next(iter(self._loaded))]
        self._loaded[id_] = snapshot

    def manifest(self, id_: bytes) -> Manifest:
        """Return the manifest with an id. Raises StoreDamaged."""
        # HEAD and the target often share one.
        if id_ in self._manifests:
            return self._manifests[id_]
        try:
            manifest = Manifest.decode(self._objects.read(id_))
        except ValueError as error:
            raise StoreDamaged(self._objects.folder, f"manifest {id_.hex()}: {error}") from error
        if len(self._manifests) >= _MANIFESTS_KEPT:
            del self._manifests[next(iter(self._manifests))]
        self._manifests[id_] = manifest
        return manifest

    def manifest_of(self, record: DatabaseEntry) -> Manifest:
        """Return the manifest of a database in a snapshot. Raises StoreDamaged, also if the two disagree."""
        manifest = self.manifest(record.manifest)
        if (manifest.page_size, manifest.page_count) != (record.page_size, record.page_count):
            raise StoreDamaged(
                self._objects.folder, f"manifest {record.content}: not of the pages that its snapshot has"
            )
        return manifest

    def tree(self, record: FilesEntry) -> TreeManifest:
        """Return the manifest of a tree in a snapshot. Raises StoreDamaged."""
        id_ = record.manifest
        if id_ not in self._trees:
            from snapstore.trees.manifest import TreeManifest  # few projects have files

            try:
                found = TreeManifest.decode(self._objects.read(id_))
            except ValueError as error:
                raise StoreDamaged(self._objects.folder, f"manifest {id_.hex()}: {error}") from error
            if len(self._trees) >= _MANIFESTS_KEPT:
                del self._trees[next(iter(self._trees))]
            self._trees[id_] = found
        return self._trees[id_]

    def forget(self) -> None:
        """Forget what was loaded."""
        self._loaded.clear()
        self._manifests.clear()
        self._trees.clear()

    def expect(self, id_: str) -> None:
        """Note that a snapshot exists and will be read: if it is freed meanwhile, that is no damage."""
        if len(self._expected) >= _KEPT:
            del self._expected[next(iter(self._expected))]
        self._expected[id_] = None

    def _freed(self) -> str | None:
        """Return the short id of an expected snapshot that is gone."""
        there = "SELECT 1 FROM snapshot WHERE id = ?1 UNION ALL SELECT 1 FROM forgotten WHERE id = ?1"
        gone = (id_ for id_ in self._expected if not self._catalog.value(there, (bytes.fromhex(id_),)))
        return next(map(short, gone), None)

    def exists(self, id_: str) -> bool:
        """Return whether a snapshot is listed."""
        return self._catalog.value("SELECT 1 FROM snapshot WHERE id = ?", (bytes.fromhex(id_),)) is not None

    def row(self, id_: str) -> SnapshotRow | None:
        """Return the row of a snapshot, None if it is not listed."""
        rows = self._list("WHERE id = ?", bytes.fromhex(id_))
        return rows[0] if rows else None

    def all(self) -> list[SnapshotRow]:
        """Return all rows, the newest first."""
        return self._list("ORDER BY number DESC, created DESC, id DESC")

    def recent(self, limit: int | None, *, everything: bool) -> list[SnapshotRow]:
        """Return the newest rows; safety snapshots and failing states without a tag only with `everything`."""
        where = (
            "WHERE ? OR kind NOT IN ('safety', 'forensic') OR id IN (SELECT snapshot FROM ref)"
            " ORDER BY recorded.number DESC LIMIT ?"
        )
        return self._in_order(where, everything, -1 if limit is None else limit)

    def newest(self) -> SnapshotRow | None:
        """Return the newest row of a snapshot that a person or a suite took, not of an automatic one."""
        rows = self._in_order("WHERE kind NOT IN ('safety', 'forensic') ORDER BY recorded.number DESC LIMIT 1")
        return rows[0] if rows else None

    def with_prefix(self, hex_prefix: str) -> list[str]:
        """Return the ids that begin with some hex digits."""
        rows = self._catalog.rows("SELECT id FROM snapshot WHERE id BETWEEN ? AND ? ORDER BY id", id_range(hex_prefix))
        return [id_.hex() for (id_,) in rows]

    def with_content(self, content: str) -> list[str]:
        """Return the ids of the snapshots of one content, the newest first."""
        rows = self._list("WHERE content = ? ORDER BY number DESC, created DESC", bytes.fromhex(content))
        return [row.id for row in rows]

    def _number_others(self) -> None:
        """Give the snapshots that an earlier release recorded their numbers, by their times, after all others."""
        if self._is_numbered or self._catalog.is_read_only:
            return
        self._is_numbered = True
        counts = "SELECT (SELECT count(*) FROM snapshot) + (SELECT count(*) FROM forgotten), count(*) FROM recorded"
        listed, numbered = self._catalog.rows(counts)[0]
        if listed == numbered:
            return
        with self._catalog.transaction():
            self._catalog.rows(
                "INSERT OR IGNORE INTO recorded(snapshot) SELECT id FROM (SELECT id, created FROM snapshot"
                " UNION ALL SELECT id, created FROM forgotten)"
                " WHERE id NOT IN (SELECT snapshot FROM recorded) ORDER BY created, id"
            )

    def _in_order(self, where: str, *values: object) -> list[SnapshotRow]:
        """Return rows without sorting them all, where every snapshot has a number."""
        self._number_others()
        if self._catalog.is_read_only:
            return self._list(where.replace("recorded.number", "number"), *values)
        return self._list(where, *values, source="recorded JOIN snapshot ON snapshot.id = recorded.snapshot")

    def _list(self, where: str, *values: object, source: str = "snapshot") -> list[SnapshotRow]:
        rows = self._catalog.typed_rows(f"SELECT {COLUMNS} FROM {source} {where}", values, *TYPES)
        return [snapshot_row(row) for row in rows]


def snapshot_row(columns: tuple[Any, ...]) -> SnapshotRow:
    """Return a row of the catalog with ids in hex."""
    id_, kind, created, message, content, size, stored, number = columns
    return SnapshotRow(id_.hex(), kind, created, message, content.hex(), size, stored, number)


def id_range(hex_prefix: str) -> tuple[bytes, bytes]:
    """Return the least and the greatest id that begins with some hex digits."""
    return bytes.fromhex(hex_prefix.ljust(2 * ID_BYTES, "0")), bytes.fromhex(hex_prefix.ljust(2 * ID_BYTES, "f"))
